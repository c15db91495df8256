"""Published sets of labelled patches, as their users hold them on disk, with what this project makes of them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import scipy.ndimage as ndi
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from detection.arrays import EIGHT, BoolArray
from detection.evaluation import Objects, Rule, Tally, report, tally
from detection.grids import unreadable
from detection.methods.bareness import bare_slopes
from detection.series import Series, open_series
from hazard_db.errors import InputError
from hazard_db.progress import Progress

RED, NIR, SLOPE = 3, 7, 12
"""Bands 4, 8 and 13 of Landslide4Sense, counted from 0 on the last axis."""
Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Compared:
    """A patch: what is true, what was found, and where one can compare."""

    truth: Objects
    result: Objects
    observed: BoolArray


def landslide4sense(folder: Path, results: Path | None) -> Iterator[Callable[[], Compared]]:
    """Yield the patches of a folder with `img/image_N.h5` and `mask/mask_N.h5` [@Ghorbanzadeh2022].

    Their bands carry units of their own and there is no picture from before, so that detectors of change have nothing to
    work on: without `results` (a folder of `mask_N.h5`), bare slopes are marked as a baseline.
    """
    masks = _numbered(folder / "mask", "mask_*.h5")
    for number, path in masks:
        image = folder / "img" / f"image_{number}.h5"
        made = None if results is None else _result(results, number)
        yield lambda path=path, image=image, made=made: _patch(path, image, made)  # type: ignore[misc]


def _patch(mask: Path, image: Path, made: Path | None) -> Compared:
    true = _hdf5(mask, "mask")[0] > 0
    if made is not None:
        marked, seen = _hdf5(made, "mask")[0] > 0, np.ones(true.shape, dtype=bool)
    else:
        bands = _hdf5(image, "img")
        if bands.shape != (*true.shape, 14):
            raise InputError(f"{image.name}: img has shape {bands.shape}, not rows x cols x 14 bands")
        red, nir, slope = (bands[..., band].astype(np.float32) for band in (RED, NIR, SLOPE))
        seen = np.asarray(np.isfinite(red) & np.isfinite(nir) & np.isfinite(slope))
        _, marked = bare_slopes(red, nir, slope, seen)
    return Compared(_objects(true), _objects(marked), seen)


def _result(results: Path, number: int) -> Path:
    for path in (results / f"mask_{number}.h5", results / "mask" / f"mask_{number}.h5"):
        if path.is_file():
            return path
    raise InputError(f"{results}: mask_{number}.h5 is not there; a result has one file per patch")


def sen12landslides(folder: Path, results: Path | None) -> Iterator[Callable[[], Compared]]:
    """Yield the Sentinel-2 patches of a folder, `REGION_s2_N.nc` [@Hoehn2025], with what the project's detectors find.

    Raises
    ------
    InputError
        There are no such patches, or results are given, which this layout has none of.
    """
    if results is not None:
        raise InputError(
            "--result is for the layout landslide4sense; Sen12Landslides is looked through by the detectors"
        )
    paths = sorted(path for path in folder.rglob("*.nc") if "_s2_" in path.name)
    if not paths:
        raise InputError(f"{folder}: no REGION_s2_N.nc there; unpack the archives of data/s2 and give that folder")
    for path in paths:
        yield lambda path=path: _looked_through(open_series(path))  # type: ignore[misc]


def _looked_through(series: Series) -> Compared:
    found, observed = series.detect()
    return Compared(series.truth(), found, observed)


LAYOUTS: dict[str, Callable[[Path, Path | None], Iterator[Callable[[], Compared]]]] = {
    "landslide4sense": landslide4sense,
    "sen12landslides": sen12landslides,
}


def evaluate_patches(
    layout: str,
    folder: Path,
    results: Path | None = None,
    *,
    rule: Rule | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the figures over all patches of a folder; one damaged patch is told of and left out.

    Raises
    ------
    InputError
        There is no such layout or folder, or not a single patch could be used.
    """
    if layout not in LAYOUTS:
        raise InputError(f"there is no layout '{layout}'; use one of {', '.join(LAYOUTS)}")
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder")
    rule, total, notes = rule or Rule(), Tally(), []
    patches = list(LAYOUTS[layout](folder, results))
    for number, patch in enumerate(patches):
        if progress is not None:
            progress("comparing patches", number / len(patches))
        try:
            one = patch()
        except InputError as error:
            notes.append(str(error))
            continue
        total += tally(one.truth, one.result, one.observed, rule)
    if len(notes) == len(patches):
        raise InputError(notes[0] if notes else f"{folder}: holds no patch")
    if layout == "landslide4sense" and results is None:
        notes.insert(
            0, "there is no picture from before: bare slopes were marked, a baseline, not a detection of change"
        )
    figures = report(total, rule) | {"layout": layout, "patches": len(patches), "notes": notes}
    return figures | {"result": "bare slopes" if layout == "landslide4sense" and results is None else _name(results)}


def _name(results: Path | None) -> str:
    return "detectors of change" if results is None else results.name


def _numbered(folder: Path, pattern: str) -> list[tuple[int, Path]]:
    found = [(int(match[1]), path) for path in folder.glob(pattern) if (match := re.search(r"_(\d+)\.h5$", path.name))]
    if not found:
        raise InputError(f"{folder}: no {pattern} there; give the folder that holds img/ and mask/")
    return sorted(found)


def _hdf5(path: Path, name: str) -> Numbers:
    """Return an array of an HDF5 file; GDAL takes the first of three axes for bands."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(f'HDF5:"{path}"://{name}') as dataset:
                values: Numbers = dataset.read()
        except RasterioError as error:
            raise unreadable(f"{path.name} ({name})", error) from error
    return values


def _objects(marked: BoolArray) -> Objects:
    return Objects(ndi.label(marked, EIGHT)[0].astype(np.int32))
