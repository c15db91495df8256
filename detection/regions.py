"""Objects of a scene out of its tiles: each found once and whole, whatever the size of the tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from detection.arrays import Slices
from detection.blocks import tiles

MARGIN_PX = 48
"""Tiles look this far beyond their border for objects that reach across it."""
CLEAR_PX = 8
"""An object this close to the end of what was looked at may go on beyond it."""
CELL_PX = 256
LARGEST_WINDOW_PX = 2048
"""Larger objects are given in pieces: the memory of a run stays bounded."""


class Pixels(Protocol):
    """An object in coordinates of the whole grid."""

    @property
    def rows(self) -> npt.NDArray[np.int32]:
        """Row of each pixel."""
        ...

    @property
    def cols(self) -> npt.NDArray[np.int32]:
        """Column of each pixel."""
        ...


T = TypeVar("T", bound=Pixels)


def sort_out(
    objects: Iterable[T], looked_at: Slices, owned: Slices, shape: tuple[int, int]
) -> tuple[list[T], list[Slices]]:
    """Return the objects that a tile shows whole, and bounding boxes of those it shows only in part.

    Objects that do not reach into the tile itself are its neighbours' business.

    Parameters
    ----------
    objects
        What was found in `looked_at`.
    looked_at
        Window of the grid that was searched.
    owned
        Window of the grid that is the tile itself.
    shape
        Of the grid.
    """
    complete, cut = [], []
    for one in objects:
        if not _reaches(one, owned):
            continue
        box = box_of(one)
        if _clear(box, looked_at, shape):
            complete.append(one)
        else:
            cut.append(box)
    return complete, cut


def completed(
    boxes: Sequence[Slices], shape: tuple[int, int], search: Callable[[Slices], Iterable[T]]
) -> Iterator[list[T]]:
    """Yield the objects that reach into given boxes, each whole: the windows searched grow until it is.

    Parameters
    ----------
    boxes
        Where parts of objects were seen.
    shape
        Of the grid.
    search
        Returns the objects of a window.
    """
    waiting = merge_boxes(boxes)
    while waiting:
        box = waiting.pop(0)
        if max(_shape(box)) > LARGEST_WINDOW_PX:
            for piece in _pieces(box):
                yield list(search(piece))
            continue
        window = grow(box, shape, MARGIN_PX)
        keep, needed = [], box
        for one in search(window):
            if _reaches(one, box):
                keep.append(one)
                own = box_of(one)
                needed = needed if _clear(own, window, shape) else _hull(needed, own)
        if needed == box:
            yield keep
        else:
            waiting = merge_boxes([needed, *waiting])


def unique(found: Iterable[T], cols: int) -> list[T]:
    """Return objects without those that share a pixel with an earlier one, from north to south.

    Parameters
    ----------
    found
        Objects of all windows; the same one may be there several times.
    cols
        Width of the grid.
    """
    kept: list[T] = []
    near: dict[tuple[int, int], list[T]] = {}
    for one in found:
        cells = list(_cells(box_of(one)))
        others = {id(other): other for cell in cells for other in near.get(cell, ())}
        pixels = one.rows.astype(np.int64) * cols + one.cols
        if any(_share(pixels, other, cols) for other in others.values() if _touch(box_of(one), box_of(other))):
            continue
        kept.append(one)
        for cell in cells:
            near.setdefault(cell, []).append(one)
    return sorted(kept, key=lambda one: (int(one.rows.min()), int(one.cols.min())))


def _cells(box: Slices) -> Iterator[tuple[int, int]]:
    """Yield the coarse cells that a box touches."""
    for row in range(box[0].start // CELL_PX, (box[0].stop - 1) // CELL_PX + 1):
        for col in range(box[1].start // CELL_PX, (box[1].stop - 1) // CELL_PX + 1):
            yield row, col


def _share(pixels: npt.NDArray[np.int64], other: Pixels, cols: int) -> bool:
    return bool(np.isin(pixels, other.rows.astype(np.int64) * cols + other.cols).any())


def merge_boxes(boxes: Sequence[Slices]) -> list[Slices]:
    """Return boxes with those that share pixels joined to one, until none do."""
    waiting = list(boxes)
    done: list[Slices] = []
    while waiting:
        box = waiting.pop()
        apart = [other for other in done if not _touch(box, other)]
        if len(apart) == len(done):
            done.append(box)
            continue
        for other in done:
            if _touch(box, other):
                box = _hull(box, other)
        done = apart
        waiting.append(box)
    return sorted(done, key=lambda box: (box[0].start, box[1].start))


def grow(box: Slices, shape: tuple[int, int], by: int) -> Slices:
    """Return a box grown on all sides, cut at the grid's edge."""
    rows, cols = (
        slice(max(0, part.start - by), min(size, part.stop + by)) for part, size in zip(box, shape, strict=True)
    )
    return rows, cols


def within(inner: Slices, outer: Slices) -> Slices:
    """Return where a window lies in an array cut by another that holds it."""
    rows, cols = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, outer, strict=True))
    return rows, cols


def box_of(one: Pixels) -> Slices:
    """Return the bounding box of an object."""
    return slice(int(one.rows.min()), int(one.rows.max()) + 1), slice(int(one.cols.min()), int(one.cols.max()) + 1)


def _pieces(box: Slices) -> Iterator[Slices]:
    top, left = box[0].start, box[1].start
    for tile in tiles(_shape(box), LARGEST_WINDOW_PX):
        rows, cols = tile.inner
        yield slice(rows.start + top, rows.stop + top), slice(cols.start + left, cols.stop + left)


def _shape(box: Slices) -> tuple[int, int]:
    return box[0].stop - box[0].start, box[1].stop - box[1].start


def _reaches(one: Pixels, box: Slices) -> bool:
    inside = (
        (one.rows >= box[0].start) & (one.rows < box[0].stop) & (one.cols >= box[1].start) & (one.cols < box[1].stop)
    )
    return bool(inside.any())


def _clear(box: Slices, window: Slices, shape: tuple[int, int]) -> bool:
    """Return whether a box keeps CLEAR_PX from the window's border, but for the edges of the grid."""
    return all(
        (part.start >= frame.start + CLEAR_PX or frame.start == 0)
        and (part.stop <= frame.stop - CLEAR_PX or frame.stop == size)
        for part, frame, size in zip(box, window, shape, strict=True)
    )


def _touch(one: Slices, other: Slices) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _hull(one: Slices, other: Slices) -> Slices:
    rows, cols = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return rows, cols
