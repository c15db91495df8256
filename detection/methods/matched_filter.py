"""The detector for stacks: several dates before and after, which average out weather and vote on what they see."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from detection.arrays import Block, Candidate, Score
from detection.methods import conditional, learning
from detection.methods.conditional import HALO_PX
from detection.methods.confidence import confidence, mode_of
from detection.methods.matching import Fitted
from detection.methods.objects import Rules, candidate, features, hillsides, plausible, regions
from detection.methods.pixels import common_bands


class MatchedFilter(BaseModel):
    """Conditional matched filter over dates; works with one date on each side and without relief, with less to go by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    high: float = Field(4.5, gt=0)
    """Score that a landslide exceeds somewhere, in standard deviations of unchanged ground."""
    low: float = Field(2.0, gt=0)
    """Score that all of it exceeds."""
    keep: float = Field(0.5, ge=0, lt=1)
    """Share of the peaks near by that all of it exceeds."""
    min_area_px: int = Field(6, ge=1)
    min_slope_deg: float = Field(10.0, ge=0, le=90)
    """Mean slope; level ground changes by river and plough."""
    max_elongation_across: float = Field(2.2, ge=1)
    """Longer objects must run down the slope."""
    min_alignment: float = Field(0.35, ge=0, le=1)
    """Cosine of the angle between long axis and fall line."""
    min_solidity: float = Field(0.35, ge=0, le=1)
    """Share of the convex hull."""
    min_confidence: float = Field(0.5, ge=0, le=1)
    """Less likely objects are left out ..."""
    min_confidence_visible: float = Field(0.5, ge=0, le=1)
    """... and these where only visible bands tell, of which confidence is capped."""
    masked: bool = True
    """Whether a quality band of all dates told cloud and snow; else confidence is judged as without."""

    @property
    def halo_px(self) -> int:
        """Pixels that a score depends on to each side."""
        return HALO_PX

    def fit(self, blocks: Iterable[Block]) -> Fitted:
        """Return what is usual in the scene; see learning.fit."""
        return learning.fit(blocks)

    def score(self, block: Block, model: Fitted) -> Score:
        """Return the score of a block; see conditional.apply."""
        return conditional.apply(block, model, floor=0.8 * self.low)

    def candidates(self, score: Score, block: Block) -> list[Candidate]:
        """Return the objects of an array that are likely enough."""
        rules = Rules(
            self.high, self.low, self.keep, self.min_area_px, self.min_slope_deg,
            self.max_elongation_across, self.min_alignment, self.min_solidity,
        )  # fmt: skip
        bands = set(common_bands(block))
        mode = mode_of(
            has_relief=block.terrain is not None,
            dates_after=len(block.after),
            has_infrared=bool({"nir", "swir1", "swir2"} & bands),
        )
        least = self.min_confidence_visible if mode.startswith("visible") else self.min_confidence
        shortwave = bool({"swir1", "swir2"} & bands)
        found: list[Candidate] = []
        for region in regions(score.z, rules, hillsides(block.terrain)):
            told = features(region, score, block)
            if not plausible(told, rules):
                continue
            likely = confidence(told, mode, masked=self.masked, shortwave=shortwave)
            if likely >= least:
                found.append(candidate(len(found) + 1, region, told, likely))
        return found
