"""A peer to compare with: the relative difference of NDVI."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from detection.arrays import Acquisition, Block, Candidate, FloatArray, NotEnoughDataError, Score
from detection.methods.objects import Rules, by_score, last_seen
from detection.methods.pixels import median

_ROBUST = 1.4826


@dataclass(frozen=True)
class Spread:
    """Median and robust standard deviation of the scene's rdNDVI."""

    middle: float
    deviation: float


class RdNdvi(BaseModel):
    """Loss of plants between the medians before and after, as HazMapper has it; blind on bare ground."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    high: float = Field(4.0, gt=0)
    """Loss that a landslide exceeds somewhere, in robust standard deviations of the scene."""
    low: float = Field(2.5, gt=0)
    """Loss that all of it exceeds."""
    min_area_px: int = Field(6, ge=1)
    min_slope_deg: float = Field(15.0, ge=0, le=90)

    @property
    def halo_px(self) -> int:
        """No neighbours are needed."""
        return 0

    def fit(self, blocks: Iterable[Block]) -> Spread:
        """Return how rdNDVI scatters over the scene."""
        rng = np.random.default_rng(0)
        samples = []
        for block in blocks:
            values = rdndvi(block)
            values = values[np.isfinite(values)]
            samples.append(rng.choice(values, min(values.size, 50_000), replace=False))
        every = np.concatenate(samples) if samples else np.zeros(0)
        if every.size < 100:
            raise NotEnoughDataError(f"only {every.size} clear pixels to learn from; 100 are needed")
        middle = float(np.median(every))
        return Spread(middle, max(float(_ROBUST * np.median(np.abs(every - middle))), 1e-6))

    def score(self, block: Block, model: Spread) -> Score:
        """Return the loss over its usual scatter."""
        z = ((model.middle - rdndvi(block)) / model.deviation).astype(np.float32)
        first = np.where(np.nan_to_num(z) > self.low, 0, -1).astype(np.int16)
        return Score(z, np.isfinite(z), first, last_seen(block.before, (z.shape[0], z.shape[1])))

    def candidates(self, score: Score, block: Block) -> list[Candidate]:
        """Return objects; the confidence only grows with the score and is not calibrated."""
        return by_score(score, block, Rules(self.high, self.low, 0.0, self.min_area_px, self.min_slope_deg))


def rdndvi(block: Block) -> FloatArray:
    """Return 100 (N after - N before) / sqrt(N before + N after), (rows, cols), NaN where not seen.

    After [@Scheip2021]; N is the NDVI of the median over dates. Bare ground with NDVI of 0 and less has no
    value in the root: it is taken as 0.001.
    """
    before, after = (_middle(dates) for dates in (block.before, block.after))
    return np.asarray(100 * (after - before) / np.sqrt(np.maximum(before + after, 1e-3)), dtype=np.float32)


def ndvi(one: Acquisition) -> FloatArray:
    """Return (nir - red) / (nir + red) of a date, (rows, cols), NaN where not seen."""
    red, nir = (one.reflectance[one.bands.index(name)] for name in ("red", "nir"))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = (nir - red) / (nir + red)
    return np.where(one.usable & np.isfinite(values), values, np.float32(np.nan))


def _middle(dates: Sequence[Acquisition]) -> FloatArray:
    if not all({"red", "nir"} <= set(one.bands) for one in dates):
        raise NotEnoughDataError("rdNDVI needs the bands red and nir on every date")
    values = np.stack([ndvi(one)[None] for one in dates])
    mask = np.isfinite(values[:, 0])
    return np.where(mask.any(axis=0), median(list(values), mask)[0], np.float32(np.nan))
