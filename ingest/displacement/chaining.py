"""Ministacks: displacement against several reference dates, joined into one series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from hazard_db.errors import InputError


@dataclass(frozen=True)
class Chain:
    """How to put layers, each the displacement from one date to another, into one series."""

    dates: tuple[date, ...]
    """The first reference date, then all others, ascending."""
    layers: tuple[int, ...]
    """Layer that ends at dates[k + 1]."""
    bases: tuple[int, ...]
    """Index into dates of the date that this layer begins at."""


def chain(pairs: Sequence[tuple[date, date]], label: str) -> Chain:
    """Return how layers from first to second date follow each other.

    Raises
    ------
    InputError
        Two layers end on one date, or one begins where no other has ended.
    """
    ends: dict[date, int] = {}
    for number, (begin, end) in enumerate(pairs):
        if begin >= end:
            raise InputError(f"{label}: a layer from {begin} to {end} goes back in time; correct its name")
        if end in ends and pairs[ends[end]][0] != begin:
            raise InputError(
                f"{label}: two layers end on {end}, from {pairs[ends[end]][0]} and {begin}; keep one of them"
            )
        if end in ends:
            raise InputError(f"{label}: the layer from {begin} to {end} comes twice; keep one of them")
        ends[end] = number
    first = min(begin for begin, _ in pairs)
    dates = (first, *sorted(ends))
    place = {one: k for k, one in enumerate(dates)}
    for begin, end in pairs:
        if begin not in place:
            raise InputError(
                f"{label}: the layer from {begin} to {end} begins where no other ends; add what is missing"
            )
    layers = tuple(ends[one] for one in dates[1:])
    return Chain(dates, layers, tuple(place[pairs[number][0]] for number in layers))


def join(links: Chain, layers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the displacement since the first date, (dates, ...), from layers, (layers, ...).

    Each layer counts from its own beginning, d(end) = d(begin) + layer, in the order of time.
    """
    series = np.empty((len(links.dates), *layers.shape[1:]), dtype=np.float32)
    series[0] = np.where(np.isfinite(layers).any(axis=0), np.float32(0), np.float32(np.nan))
    for k, (layer, base) in enumerate(zip(links.layers, links.bases, strict=True), start=1):
        series[k] = series[base] + layers[layer]
    return series
