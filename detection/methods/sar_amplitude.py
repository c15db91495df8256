"""The detector for radar amplitude: slides that made rough ground smooth or smooth ground rough, also under cloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from detection.arrays import Block, BoolArray, Candidate, FloatArray, NotEnoughDataError, Score
from detection.methods import radar
from detection.methods.objects import Region, Rules, candidate, features, plausible, regions
from detection.methods.sar_confidence import confidence

ENOUGH_PX = 2000
SHOWN = 0.5
"""A date shows a change that is so much of what all dates together show."""


@dataclass(frozen=True)
class Spread:
    """What is usual in the scene."""

    scales: tuple[float, ...]
    """Robust standard deviation of the smoothed change per scale of radar.SCALES_PX."""


class SarAmplitude(BaseModel):
    """Change of Sentinel-1 backscatter between dates of the same orbit, both signs; needs no light and no clear sky."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    high: float = Field(4.0, gt=0)
    """Score that a landslide exceeds somewhere, in standard deviations of unchanged ground."""
    low: float = Field(2.8, gt=0)
    """Score that all of it exceeds."""
    keep: float = Field(0.5, ge=0, lt=1)
    """Share of the peaks near by that all of it exceeds."""
    min_area_px: int = Field(8, ge=1)
    min_pixel_slope_deg: float = Field(0.5, ge=0, le=90)
    """Of every pixel; level ground is water, fields and roads [@Handwerger2022]."""
    min_curvature_per_m: float = Field(-0.005)
    """Sharper ridges change with every small difference of geometry [@Handwerger2022]."""
    min_slope_deg: float = Field(15.0, ge=0, le=90)
    """Mean of the object."""
    max_elongation_across: float = Field(2.2, ge=1)
    min_alignment: float = Field(0.5, ge=0, le=1)
    """Cosine of the angle between long axis and fall line."""
    min_solidity: float = Field(0.35, ge=0, le=1)
    min_confidence: float = Field(0.5, ge=0, le=1)
    """Less likely objects are left out."""
    looks: float = Field(radar.LOOKS, gt=0)
    """Equivalent number of looks of a date."""

    @property
    def halo_px(self) -> int:
        """Pixels that a score depends on to each side."""
        return radar.HALO_PX

    def fit(self, blocks: Iterable[Block]) -> Spread:
        """Return how much unchanged ground seems to change; raises NotEnoughDataError."""
        sample: list[npt.NDArray[np.float32]] = []
        for block in blocks:
            found = radar.change(block, self.looks)
            here = found.seen & self._possible(block)
            sample.append(np.stack([part[here][::7] for part in _smoothed(found)]))
        values = np.concatenate(sample, axis=1) if sample else np.empty((len(radar.SCALES_PX), 0))
        if values.shape[1] < ENOUGH_PX / 7:
            raise NotEnoughDataError("hardly any slope is seen by radar before and after")
        middle = np.median(values, axis=1, keepdims=True)
        return Spread(tuple(float(one) for one in 1.4826 * np.median(np.abs(values - middle), axis=1)))

    def score(self, block: Block, model: Spread) -> Score:
        """Return the score of a block: the change at the scale that shows it best."""
        found = radar.change(block, self.looks)
        observed = found.seen & self._possible(block)
        signed = np.zeros(block.shape, dtype=np.float32)
        for part, spread in zip(_smoothed(found), model.scales, strict=True):
            z = part / np.float32(spread)
            np.copyto(signed, z, where=np.abs(z) > np.abs(signed))
        signed[~observed] = np.nan
        first, quiet = _dated(block, signed, found.seen)
        layers = {"signed": signed, "background_db": np.where(observed, found.background_db, np.nan).astype(np.float32)}
        return Score(np.abs(signed), observed, first, quiet, layers)

    def candidates(self, score: Score, block: Block) -> list[Candidate]:
        """Return the objects of an array that are likely enough, brighter and darker ones apart."""
        found: list[Candidate] = []
        for told, region in self.objects(score, block):
            likely = confidence(told)
            if likely >= self.min_confidence:
                one = candidate(len(found) + 1, region, told, likely)
                found.append(replace(one, evidence="sar"))
        return found

    def objects(self, score: Score, block: Block) -> Iterator[tuple[dict[str, float], Region]]:
        """Yield every object that may be a slide by shape and relief, with what is told of it."""
        rules = Rules(
            self.high, self.low, self.keep, self.min_area_px, self.min_slope_deg,
            self.max_elongation_across, self.min_alignment, self.min_solidity,
        )  # fmt: skip
        for sign in (1, -1):
            z = np.asarray(sign * score.layers["signed"], dtype=np.float32)
            for region in regions(z, rules):
                told = features(region, replace(score, z=z), block) | {"sign": float(sign)}
                if plausible(told, rules):
                    yield told, region

    def _possible(self, block: Block) -> BoolArray:
        """Return where the relief allows a slide, (rows, cols); everywhere without relief."""
        if block.terrain is None:
            return np.ones(block.shape, dtype=bool)
        steep = block.terrain.slope_deg >= self.min_pixel_slope_deg
        return np.asarray(steep & (radar.curvature(block.terrain, block.pixel_m) >= self.min_curvature_per_m))


def _smoothed(found: radar.Change) -> list[FloatArray]:
    return [radar.smooth(found.noise, found.seen, sigma) for sigma in radar.SCALES_PX]


def _dated(block: Block, signed: FloatArray, seen: BoolArray) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Return the first date after that shows each change by itself, and the last before it that does not."""
    first, quiet = (np.full(block.shape, -1, dtype=np.int16) for _ in range(2))
    quiet[seen] = len(block.before) - 1
    whole = radar.smooth(np.nan_to_num(signed), seen, 1.0)
    for index, one in enumerate(block.after):
        if not any(one.orbit == other.orbit for other in block.before):
            continue
        alone = radar.change(replace(block, after=(one,)))
        z = radar.smooth(alone.noise, alone.seen, radar.SCALES_PX[1]) / max(_spread(alone), 1e-3)
        dates = sum(other.orbit == one.orbit for other in block.after)
        shown = (np.sign(whole) * z > SHOWN * np.abs(whole) / np.sqrt(dates)) & alone.seen & seen
        first[shown & (first < 0)] = index
        silent = alone.seen & seen & ~shown & (first < 0)
        quiet[silent] = len(block.before) + index
    return first, quiet


def _spread(found: radar.Change) -> float:
    values = radar.smooth(found.noise, found.seen, radar.SCALES_PX[1])[found.seen]
    return 1.4826 * float(np.median(np.abs(values))) if values.size else 1.0
