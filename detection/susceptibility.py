"""Maps of susceptibility: a model learnt at the places of an inventory, its card, and maps of that ground or of another."""

from __future__ import annotations

import csv
import json
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS, Transformer
from rasterio.windows import Window

from detection import output
from detection.exposure import metric_crs
from detection.factors import Factors
from detection.grids import Grid
from detection.methods.susceptibility import PLAIN, Array, Labels, Score, cross_validate, fit, importances
from hazard_db.errors import InputError

TRUE, FALSE = {"1", "true", "t", "yes", "landslide"}, {"0", "false", "f", "no", "stable"}
NODATA = -1.0
LEAST_OF_EACH = 20
MODEL_SUFFIX = ".npz"


@dataclass(frozen=True)
class Inventory:
    """Places that failed and places that did not."""

    xy: Array
    """(n, 2) in the CRS of the layers."""
    failed: Labels
    source: str
    about: Mapping[str, Any]
    """How it was made, for the card."""


@dataclass(frozen=True)
class Model:
    """What was learnt: the places with their factors, from which the same model is fitted again, and its card."""

    features: Array
    failed: Labels
    card: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the factors in their order."""
        return tuple(self.card["factors"])


def read_inventory(path: Path, grid: Grid, label: str) -> Inventory:
    """Return the places of a CSV with a column that says whether they failed, and x and y in the layers' CRS, or lon and lat.

    Raises
    ------
    InputError
        A value is missing or is not understood; or there are too few of either kind.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name}: cannot be read as CSV in UTF-8 ({error})") from error
    x, y = ("lon", "lat") if rows and "lon" in rows[0] else ("x", "y")
    places, failed = [], []
    for number, row in enumerate(rows, start=2):
        try:
            places.append((float(row[x]), float(row[y])))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path.name}, line {number}: {x} and {y} must be numbers") from error
        told = (row.get(label) or "").strip().lower()
        if told not in TRUE | FALSE:
            raise InputError(
                f"{path.name}, line {number}, {label}: write TRUE where a slope failed and FALSE where not"
            )
        failed.append(int(told in TRUE))
    if min(sum(failed), len(failed) - sum(failed)) < LEAST_OF_EACH:
        raise InputError(
            f"{path.name}: at least {LEAST_OF_EACH} places that failed and as many that did not are needed"
        )
    xy = np.array(places)
    return Inventory(in_grid(xy, grid) if x == "lon" else xy, np.array(failed, dtype=np.int64), path.name, {})


def in_grid(lonlat: Array, grid: Grid) -> Array:
    """Return places in the grid's CRS, (n, 2)."""
    return np.column_stack(Transformer.from_crs(4326, CRS.from_wkt(grid.wkt), always_xy=True).transform(*lonlat.T))


def learn(known: Inventory, factors: Factors, *, repeats: int = 10) -> Model:
    """Return the model with the highest AUC on blocks of ground that it has not seen; the plain one is told beside it.

    Its odds are those of the inventory: where that has as many failed as stable places, 0.5 is no frequency.

    Raises
    ------
    InputError
        Too few of the places lie on the layers.
    """
    features = factors.at(known.xy)
    inside = np.isfinite(features).any(axis=1)
    features, failed = features[inside], known.failed[inside]
    if min(failed.sum(), (1 - failed).sum()) < LEAST_OF_EACH:
        raise InputError(
            f"{known.source}: of its places {int(failed.sum())} that failed and {int((1 - failed).sum())} that did not lie on the layers, "
            f"{LEAST_OF_EACH} of each are needed; check the CRS of the coordinates, or take layers of more ground"
        )
    metric = Transformer.from_crs(CRS.from_wkt(factors.grid.wkt), metric_crs(factors.grid), always_xy=True)
    scores = cross_validate(features, failed, np.column_stack(metric.transform(*known.xy[inside].T)), repeats=repeats)
    best = max(scores, key=lambda name: scores[name].auc)
    card = {
        "model": best, "factors": list(factors.names), "places": int(failed.size), "failed": int(failed.sum()),
        "places_off_the_layers": int((~inside).sum()), "validation": f"spatial, 5 k-means blocks, {repeats} repeats",
        "scores": {name: asdict(score) for name, score in scores.items()}, "plain": PLAIN,
        "importance_auc": importances(features, failed, best, list(factors.names)), "inventory": known.source, **known.about,
        "layers": [file.name for file in factors.files],
    }  # fmt: skip
    return Model(features, failed, card)


def draw(model: Model, factors: Factors, out: Path) -> dict[str, Any]:
    """Return the card of a map of 0 to 1 that is written to `out`, a Cloud-Optimized GeoTIFF; -1 = unknown.

    `outside_share` is the share of the known cells where a factor is smaller or larger than at any place that was learnt from:
    what the map says there nobody has tested.

    Raises
    ------
    InputError
        The factors are not those of the model.
    """
    if factors.names != model.names:
        missing, other = (", ".join(sorted(a - b)) or "none" for a, b in (
            (set(model.names), set(factors.names)), (set(factors.names), set(model.names))))  # fmt: skip
        raise InputError(
            f"the model wants {', '.join(model.names)} in this order; missing: {missing}; not wanted: {other}"
        )
    best = model.card["model"]
    probability = fit(best, model.features, model.failed, Score(**model.card["scores"][best]))
    outside, known_cells = 0, 0
    low, high = np.nanmin(model.features, axis=0), np.nanmax(model.features, axis=0)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "map.tif"
        with output.create_raster(draft, factors.grid, "float32", NODATA, ["susceptibility"]) as raster:
            for (rows, cols), block in factors.blocks():
                flat = block.reshape(block.shape[0], -1).T.astype(np.float64)
                known = np.isfinite(flat).all(axis=1)
                values = np.full(len(flat), NODATA, dtype=np.float32)
                if known.any():
                    values[known] = probability(flat[known])
                    outside += int(((flat[known] < low) | (flat[known] > high)).any(axis=1).sum())
                    known_cells += int(known.sum())
                window = Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
                raster.write(values.reshape(block.shape[1:]), 1, window=window)
        output.publish_raster(draft, out, overviews="AVERAGE")
    return {
        **model.card, "drawn_from": [file.name for file in factors.files], "known_cells": known_cells,
        "outside_share": round(outside / known_cells, 4) if known_cells else None,
    }  # fmt: skip


def save_model(model: Model, path: Path) -> None:
    """Write a model: arrays and JSON, from which it is fitted again; a file that is passed on must not be code."""
    with output.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, features=model.features, failed=model.failed, card=np.array(json.dumps(model.card)))


def load_model(path: Path) -> Model:
    """Return a model that `save_model` wrote.

    Raises
    ------
    InputError
        The file is none.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            model = Model(stored["features"], stored["failed"], json.loads(str(stored["card"])))
            if (
                model.features.shape != (model.failed.size, len(model.names))
                or model.card["model"] not in model.card["scores"]
            ):
                raise ValueError("its parts do not fit each other")
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path.name}: is no model that `kkh susceptibility train` wrote ({error})") from error
    return model
