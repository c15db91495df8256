"""The detector for a single pair: one date before, one after, any three bands, with or without relief."""

from __future__ import annotations

from pydantic import Field

from detection.methods.matched_filter import MatchedFilter


class Pair(MatchedFilter):
    """Conditional matched filter for a pair: nothing votes, so that more is asked of each object.

    With several dates it uses them all the same; visible bands alone suffice, with lower confidence.
    """

    high: float = Field(5.0, gt=0)
    """Score that a landslide exceeds somewhere, in standard deviations of unchanged ground."""
    min_confidence: float = Field(0.55, ge=0, le=1)
    """Less likely objects are left out: the threshold of best F1, of pixels and objects, with relief and without, on scenes
    of CHECK_SCARS; confidence errs low."""
    min_confidence_visible: float = Field(0.45, ge=0, le=1)
    """Where probabilities are right, half of the best F1 is the threshold that reaches it [@Lipton2014]; a little more keeps
    pairs without change quiet."""
