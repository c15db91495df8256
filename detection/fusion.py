"""Reflectance and radar together: what the sky hid from one is taken from the other, and each object says from which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import (
    EIGHT,
    Acquisition,
    Block,
    BoolArray,
    Candidate,
    Detector,
    FloatArray,
    NotEnoughDataError,
    Score,
)

SUPPORT = 2.0
"""Mean score of radar on an object of reflectance from which it is called seen by both."""
KEPT = 6
"""Blocks that radar learns from: memory stays bounded."""
NORMAL = NormalDist()
PREFIX = "sar_"


@dataclass(frozen=True)
class Models:
    """What is usual in the scene for each sensor; None where there is too little to say."""

    optical: Any
    radar: Any


@dataclass(frozen=True)
class Fused:
    """A detector made of two: reflectance where the sky was clear before and after, radar in the gaps."""

    optical: Detector
    radar: Detector

    @property
    def halo_px(self) -> int:
        """Pixels that a score depends on to each side."""
        return max(self.optical.halo_px, self.radar.halo_px)

    def model_dump(self) -> dict[str, Any]:
        """Return the parameters of both."""
        return {"optical": self.optical.model_dump(), "sar": self.radar.model_dump()}

    def fit(self, blocks: Iterable[Block]) -> Models:
        """Return the statistics of both sensors out of one pass; raises NotEnoughDataError where neither has any."""
        kept: list[Block] = []
        optical = _or_none(lambda: self.optical.fit(_watched(blocks, kept)))
        radar = _or_none(lambda: self.radar.fit(kept))
        if optical is None and radar is None:
            raise NotEnoughDataError("neither reflectance nor radar shows enough ground before and after")
        return Models(optical, radar)

    def score(self, block: Block, model: Models) -> Score:
        """Return the score of reflectance, in its gaps that of radar; layers of radar are named sar_..."""
        optical = self._one(self.optical, part(block, radar=False), model.optical)
        radar = self._one(self.radar, part(block, radar=True), model.radar)
        z = np.where(optical.observed, optical.z, radar.z).astype(np.float32)
        first, quiet = (
            np.where(optical.observed, a, b)
            for a, b in zip(_indices(optical, block, radar=False), _indices(radar, block, radar=True), strict=True)
        )
        layers = {**optical.layers, **{PREFIX + name: layer for name, layer in radar.layers.items()}}
        layers |= {"optical_z": _hidden(optical), PREFIX + "z": _hidden(radar)}
        return Score(z, optical.observed | radar.observed, first, quiet, layers)

    def _one(self, detector: Detector, block: Block, model: Any) -> Score:
        if model is not None:
            scored: Score | None = _or_none(lambda: detector.score(block, model))
            if scored is not None:
                return scored
        nothing = np.full(block.shape, np.nan, dtype=np.float32)
        indices = np.full(block.shape, -1, dtype=np.int16)
        return Score(nothing, np.zeros(block.shape, dtype=bool), indices, indices.copy())

    def candidates(self, score: Score, block: Block) -> list[Candidate]:
        """Return the objects of both sensors; those that touch are one."""
        optical, radar = (_sensor(score, radar=radar) for radar in (False, True))
        clear = optical.observed
        for layer in radar.layers.values():
            layer[clear] = np.nan
        radar = replace(radar, z=np.where(clear, np.nan, radar.z).astype(np.float32), observed=radar.observed & ~clear)
        found = [self._supported(one, score) for one in self._found(self.optical, optical, part(block, radar=False))]
        hidden = self._found(self.radar, radar, part(block, radar=True))
        joined = merged(found, hidden, score.z.shape)
        return [replace(one, label=label) for label, one in enumerate(joined, start=1)]

    def _found(self, detector: Detector, score: Score, block: Block) -> list[Candidate]:
        return detector.candidates(score, block) if score.layers and score.observed.any() else []

    def _supported(self, one: Candidate, score: Score) -> Candidate:
        """Return an object of reflectance, called seen by both where radar changed there too."""
        z = score.layers.get(PREFIX + "signed", score.layers[PREFIX + "z"])[one.rows, one.cols]
        z = z[np.isfinite(z)]
        both = z.size > one.rows.size / 2 and abs(float(z.mean())) >= SUPPORT
        return replace(one, evidence="both") if both else one


def stouffer(probabilities: Sequence[float]) -> float:
    """Return what independent looks together say, by the sum of their normal deviates over sqrt(n), [@Stouffer1949]."""
    deviates = [NORMAL.inv_cdf(min(max(one, 1e-6), 1 - 1e-6)) for one in probabilities]
    return NORMAL.cdf(sum(deviates) / math.sqrt(len(deviates)))


def merged(optical: list[Candidate], radar: list[Candidate], shape: tuple[int, ...]) -> list[Candidate]:
    """Return the objects with those of radar that touch one of reflectance made one with it."""
    owner = np.zeros(shape, dtype=np.int32)
    for number, one in enumerate(optical, start=1):
        owner[one.rows, one.cols] = number
    near = ndi.maximum_filter(owner, footprint=EIGHT)
    result, alone = list(optical), []
    for one in radar:
        touched = near[one.rows, one.cols]
        touched = touched[touched > 0]
        if not touched.size:
            alone.append(one)
            continue
        number = int(np.bincount(touched).argmax()) - 1
        result[number] = _union(result[number], one)
    return result + alone


def _union(one: Candidate, other: Candidate) -> Candidate:
    weights = (one.rows.size, other.rows.size)
    return replace(
        one,
        rows=np.concatenate([one.rows, other.rows]),
        cols=np.concatenate([one.cols, other.cols]),
        confidence=max(one.confidence, stouffer([one.confidence, other.confidence])),
        magnitude=float(np.average([one.magnitude, other.magnitude], weights=weights)),
        evidence="both",
    )


def part(block: Block, *, radar: bool) -> Block:
    """Return the dates of one sensor."""
    before, after = (tuple(one for one in dates if one.is_radar == radar) for dates in (block.before, block.after))
    return replace(block, before=before, after=after)


def _watched(blocks: Iterable[Block], kept: list[Block]) -> Iterator[Block]:
    """Yield the blocks' reflectance while the radar of the first few is kept: it is much the same everywhere."""
    for block in blocks:
        if len(kept) < KEPT:
            kept.append(part(block, radar=True))
        yield part(block, radar=False)


def _or_none(work: Any) -> Any:
    try:
        return work()
    except NotEnoughDataError:
        return None


def _places(dates: tuple[Acquisition, ...], *, radar: bool) -> list[int]:
    return [index for index, one in enumerate(dates) if one.is_radar == radar]


def _indices(score: Score, block: Block, *, radar: bool) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Return the dates of a score counted among all dates of the block; -1 stays, as the last of each table."""
    after, every = _places(block.after, radar=radar), _places((*block.before, *block.after), radar=radar)
    first, quiet = (np.array([*table, -1], dtype=np.int16) for table in (after, every))
    return first[score.first_after], quiet[score.last_quiet]


def _hidden(score: Score) -> FloatArray:
    return np.where(score.observed, score.z, np.nan).astype(np.float32)


def _sensor(score: Score, *, radar: bool) -> Score:
    """Return the score of one sensor out of the fused one; layers are copies."""
    name = PREFIX + "z" if radar else "optical_z"
    z = score.layers[name]
    seen: BoolArray = np.isfinite(z)
    layers = {
        key.removeprefix(PREFIX) if radar else key: layer.copy()
        for key, layer in score.layers.items()
        if key.startswith(PREFIX) == radar and key not in (name, "optical_z")
    }
    return replace(score, z=z, observed=seen, layers=layers)
