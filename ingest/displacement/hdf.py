"""HDF5 as displacement products use it: opened defensively, read block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from hazard_db.errors import InputError
from hazard_db.series import FloatArray

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_hdf5(path: Path) -> bool:
    """Return whether a file begins as HDF5 (and NetCDF-4) does."""
    try:
        with path.open("rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Yield an open HDF5 file; damage found inside the block is one line too.

    Raises
    ------
    InputError
        It is damaged, incomplete, or lacks what is asked for.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path.name}: cannot be read, it is damaged or incomplete; fetch it again") from error
    except KeyError as error:
        raise InputError(f"{path.name}: lacks a part that its format has ({str(error)[:80]})") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path.name}: has a part of another kind than its format says; make the file again"
        ) from error


def names(path: Path) -> set[str]:
    """Return the names at the root of a file; nothing where it cannot be read."""
    try:
        with h5py.File(path, "r") as file:
            return set(file)
    except (OSError, RuntimeError, KeyError, ValueError):  # by which part is damaged
        return set()


def text(value: Any) -> str:
    """Return an attribute or scalar as text."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def blocks(
    path: Path, name: str, order: npt.NDArray[np.intp], to_mm: float, *, upside_down: bool, rows: int
) -> Callable[[int, int], FloatArray]:
    """Return a function that reads rows of a (dates, rows, cols) data set as mm, dates in order, north on top."""
    in_order = bool((np.diff(order) == 1).all()) and len(order) > 0

    def read(start: int, stop: int) -> FloatArray:
        first, last = (rows - stop, rows - start) if upside_down else (start, stop)
        with opened(path) as file:
            values = np.asarray(file[name][:, first:last, :], dtype=np.float32)
            fill = file[name].attrs.get("_FillValue")
        if fill is not None and np.isfinite(np.asarray(fill)).all():
            values[values == np.asarray(fill, dtype=np.float32).reshape(-1)[0]] = np.nan
        if not in_order:
            values = values[order]
        if upside_down:
            values = values[:, ::-1]
        values[~np.isfinite(values)] = np.nan
        return values * np.float32(to_mm) if to_mm != 1.0 else values

    return read
