"""Features of any vector file that GDAL reads, in batches, with what is known of their coordinates."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from hazard_db.errors import InputError
from hazard_db.ogr import BROKEN, pyogrio

BATCH = 2_000
BATCH_BYTES = 32 << 20


@dataclass(frozen=True)
class Feature:
    """A geometry with its attributes."""

    number: int
    """Its place in the file or layer, from 1."""
    geometry: BaseGeometry | None
    """In the CRS of its layer, Z and M dropped."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Plain values; None for null; dates and times as ISO 8601 text."""
    problem: str | None = None
    """Why the feature cannot be used as it is."""


@dataclass(frozen=True)
class Layer:
    """A layer, its features still to be read."""

    name: str
    crs: CRS | None
    """None where the file does not tell it."""
    columns: tuple[str, ...]
    count: int
    """Number of features; -1 where it is not known before reading."""
    features: Iterator[Feature]


def layer_names(path: Path, label: str) -> list[str]:
    """Return the layers of a file that have geometries.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    try:
        with _quiet():
            return [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    except BROKEN as error:
        raise _unreadable(label, error) from error


def read_layer(path: Path, label: str, name: str | None = None, *, encoding: str | None = None) -> Layer:
    """Return a layer of a vector file.

    Parameters
    ----------
    label
        Name of the file in messages.
    name
        Layer; the first where it is None.
    encoding
        Of its texts, where the file is known to tell none or a wrong one.

    Raises
    ------
    InputError
        The file cannot be read, now or while its features are.
    """
    try:
        with _quiet():
            info = pyogrio.read_info(path, layer=name, encoding=encoding)
    except BROKEN as error:
        raise _unreadable(label, error) from error
    return Layer(
        name or str(info["layer_name"]), crs_of(info["crs"]), tuple(map(str, info["fields"])), int(info["features"]),
        _features(path, label, name, encoding, int(info["features"])),
    )  # fmt: skip


def crs_of(text: str | None) -> CRS | None:
    """Return a CRS as GDAL writes it; None where it says nothing of use."""
    if not text:
        return None
    try:
        return CRS.from_user_input(text)
    except CRSError:
        return None


def _features(path: Path, label: str, layer: str | None, encoding: str | None, count: int) -> Iterator[Feature]:
    done, batch = 0, _batch(path, count)
    while True:
        try:
            with _quiet():
                meta, _, geometries, columns = pyogrio.raw.read(
                    path,
                    layer=layer,
                    encoding=encoding,
                    force_2d=True,
                    skip_features=done,
                    max_features=batch,
                    datetime_as_string=True,
                )
        except BROKEN as error:
            raise _unreadable(label, error) from error
        fields = [str(name) for name in meta["fields"]]
        got = len(geometries) if geometries is not None else (len(columns[0]) if columns else 0)
        shapes = [None] * got if geometries is None else shapely.from_wkb(geometries, on_invalid="ignore")
        for index in range(got):
            values = {name: plain(column[index]) for name, column in zip(fields, columns, strict=True)}
            lost = geometries is not None and geometries[index] is not None and shapes[index] is None
            yield Feature(
                done + index + 1, shapes[index], values, "its geometry is damaged; redraw it" if lost else None
            )
        done += got
        if got < batch:
            return


def _batch(path: Path, count: int) -> int:
    """Return how many features are read at once: few where they are long."""
    return max(1, min(BATCH, BATCH_BYTES * max(count, 1) // max(1, path.stat().st_size)))


def holds_nothing(geometry: BaseGeometry | None) -> bool:
    """Return whether there is no geometry, or an empty one."""
    return geometry is None or bool(geometry.is_empty)


def plain(value: Any) -> Any:
    """Return a value of a NumPy array as a plain one; None for NaN, which stands for null there."""
    if isinstance(value, np.ndarray):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep GDAL's remarks on odd files (a name without the usual extension, say) from the user's terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _unreadable(label: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(f"{label}: cannot be read as vector data ({reason}); export it again")
