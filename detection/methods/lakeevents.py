"""What has happened to a lake, out of its areas through time: it grew, or it drained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field


class EventRules(BaseModel):
    """When a difference of two areas is an event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: int = Field(default=60, gt=0)
    """Growth is told against the smallest area in so many days, or against the last look before them where there was none."""
    sigmas: float = Field(default=2.0, gt=0)
    """So many standard deviations of the difference at least."""
    min_change_m2: float = Field(default=5000.0, gt=0)
    drained_share: float = Field(default=0.5, gt=0, le=1)
    """Of its area, lost from one look to the next."""


@dataclass(frozen=True)
class Look:
    """A lake on a day."""

    on: date
    state: str
    """water, frozen or dry; under ice the area is only remembered and tells nothing new."""
    area_m2: float
    sigma_m2: float


@dataclass(frozen=True)
class LakeEvent:
    """A difference between two looks."""

    event: Literal["growth", "drained"]
    first: date
    last: date
    change_m2: float
    """Gained or lost, positive."""
    sigma_m2: float
    area_m2: float
    """At the last look."""

    @property
    def days(self) -> int:
        """Between the two looks."""
        return (self.last - self.first).days


def events(looks: Sequence[Look], since: date, rules: EventRules | None = None) -> list[LakeEvent]:
    """Return the latest draining and the growth up to the newest look, as far as they came about since a day."""
    rules = rules or EventRules()
    told = sorted((one for one in looks if one.state != "frozen"), key=lambda one: one.on)
    if not told:
        return []
    found = (_drained(told, since, rules), _grown(told, since, rules))
    return [one for one in found if one is not None]


def _grown(told: Sequence[Look], since: date, rules: EventRules) -> LakeEvent | None:
    """Return the growth up to the newest look against the smallest area of the days before, the latest of equals.

    A lake that ice or clouds hid for longer is compared with the last look before: what grew unseen is told at the first sight.
    """
    last = told[-1]
    before = [one for one in told[:-1] if (last.on - one.on).days <= rules.window_days] or told[-2:-1]
    if last.state != "water" or last.on < since or not before:
        return None
    least = min(reversed(before), key=lambda one: one.area_m2)
    return _difference("growth", least, last, last.area_m2 - least.area_m2, rules)


def _drained(told: Sequence[Look], since: date, rules: EventRules) -> LakeEvent | None:
    """Return the latest loss of most of a lake from one look to the next; a dry place counts however long after."""
    for earlier, later in zip(reversed(told[:-1]), reversed(told[1:]), strict=True):
        lost = earlier.area_m2 - later.area_m2
        sudden = later.state == "dry" or (later.on - earlier.on).days <= rules.window_days
        if later.on >= since and earlier.state == "water" and sudden and lost >= rules.drained_share * earlier.area_m2:
            return _difference("drained", earlier, later, lost, rules)
    return None


def _difference(
    event: Literal["growth", "drained"], first: Look, last: Look, change_m2: float, rules: EventRules
) -> LakeEvent | None:
    sigma = float(np.hypot(first.sigma_m2, last.sigma_m2))
    if change_m2 < max(rules.min_change_m2, rules.sigmas * sigma):
        return None
    return LakeEvent(event, first.on, last.on, change_m2, sigma, last.area_m2)
