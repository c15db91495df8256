"""The documented file of weights: what it may say, and what its numbers are called."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hazard_db.errors import SettingsError

FILE = Path(__file__).parent / "risk_weights.yml"
GRADES = ("low", "intermediate", "high", "very high")
SIZES = ("small", "medium", "large", "extra-large")
"""Chinese grades of threat and loss."""

Points = Annotated[float, Field(ge=0, le=100)]
Years = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
FourFactors = tuple[Positive, Positive, Positive, Positive]
ThreeLimits = tuple[Positive, Positive, Positive]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Reach(_Part):
    """Distances from the road at which a thing counts in full, and no more."""

    near_m: Annotated[float, Field(ge=0)]
    far_m: Positive

    @model_validator(mode="after")
    def _in_order(self) -> Reach:
        if self.far_m <= self.near_m:
            raise ValueError("far_m must be more than near_m")
        return self


class Sized(_Part):
    """Limits from which something is medium, large, extra-large, and a factor for each of the four grades."""

    people: ThreeLimits
    cny: ThreeLimits
    factors: FourFactors


class Sites(_Part):
    """Points of a site by its state of activity."""

    points: dict[str, Points]


class Events(_Part):
    """Points of a dated event."""

    points: Points
    half_life_years: Years
    unknown_accuracy_m: Positive


class Aging(_Part):
    """Points of something that happened."""

    points: Points
    half_life_years: Years


class Closures(Aging):
    """Points of a closure; one that lasted `long_days` counts in full, a shorter one by the square root of its share."""

    long_days: Positive


class Works(_Part):
    """Points of a work by its kind; in full from a cost in its currency, and by a share where the cost is not known."""

    points: dict[str, Points]
    full_cost: dict[str, Positive]
    unknown_cost: Share
    half_life_years: Years


class Found(_Part):
    """Points of what a detector found."""

    confirmed: Points
    candidate: Points
    half_life_years: Years


class Changes(Found):
    """Points of a change, in full from an area."""

    large_m2: Positive


class Deformation(Found):
    """Points of an area that moves, in full from a rate."""

    fast_mm_yr: Positive


class Displacement(_Part):
    """Points of measured points beside the road that move, in sets whose areas have not been sought yet."""

    points: Points
    strip_m: Positive
    slow_mm_yr: Positive
    fast_mm_yr: Positive
    sigmas: Positive
    enough_points: Positive
    half_life_years: Years


class Observations(_Part):
    """Points of a field observation."""

    accepted: Points
    submitted: Points
    half_life_years: Years


class Cascades(_Part):
    """Points of lakes and surging glaciers above the road."""

    lake: Points
    ice_dammed: Points
    large_m2: Positive
    surge: Points
    half_life_years: Years


class Rhrs(_Part):
    """Points of a slope scored by the rockfall hazard rating system, and the totals at which its classes begin."""

    points: Points
    full_total: Positive
    classes: dict[str, float]


class Layer(_Part):
    """Points of a raster that the segment's strip is compared with: nothing at `least`, in full from `full`."""

    points: Points
    least: Share
    full: Share

    @model_validator(mode="after")
    def _in_order(self) -> Layer:
        if self.full <= self.least:
            raise ValueError("full must be more than least")
        return self


class Confidence(_Part):
    """What adds to the confidence of a rating."""

    base: Share
    good_look_days: Positive
    good_look: Share
    any_look: Share
    reviewed: Share
    look_expires_days: Positive
    surveyed_line: Share


class Weights(_Part):
    """The documented file of weights."""

    version: str
    grades: dict[str, float]
    reach: dict[str, Reach]
    stretch_km: Positive
    vulnerability: FourFactors
    """By the consequence class of the segment, 1 to 4."""
    threat: Sized
    loss: Sized
    sites: Sites
    events: Events
    closures: Closures
    works: Works
    changes: Changes
    deformation: Deformation
    displacement: Displacement
    observations: Observations
    cascades: Cascades
    rhrs: Rhrs
    susceptibility: Layer
    run_out: Layer
    most: dict[str, Points]
    """What one source can add to a segment and hazard."""
    confidence: Confidence
    hazard_of: dict[str, str]

    @model_validator(mode="after")
    def _complete(self) -> Weights:
        for name, found, wanted in (
            ("grades", set(self.grades), set(GRADES)),
            ("rhrs.classes", set(self.rhrs.classes), set(GRADES)),
            ("reach", set(self.reach) & {"default"}, {"default"}),
        ):
            if found != wanted:
                raise ValueError(f"{name} must name {', '.join(sorted(wanted))}")
        if min(self.grades.values()) > 0 or min(self.rhrs.classes.values()) > 0:
            raise ValueError("the lowest grade must begin at 0")
        return self

    def grade(self, score: float) -> str:
        """Return the name of the highest grade that `score` reaches."""
        return _highest(self.grades, score)

    def rhrs_class(self, total: float) -> str:
        """Return the class of a slope by its total of the rockfall hazard rating system."""
        return _highest(self.rhrs.classes, total)


def load_weights(path: Path | None = None) -> Weights:
    """Return the weights of a file: given, named in HAZARD_RISK_WEIGHTS, or our own.

    Raises
    ------
    SettingsError
        The file is missing or says something that is not understood.
    """
    path = path or Path(os.environ.get("HAZARD_RISK_WEIGHTS", FILE))
    try:
        return _weights(path.read_text(encoding="utf8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: the risk weights cannot be read ({str(error).splitlines()[0]})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"{path}, {where}: {first['msg']}") from error


@lru_cache(maxsize=8)
def _weights(text: str) -> Weights:
    return Weights.model_validate(yaml.safe_load(text))


def _highest(limits: dict[str, float], value: float) -> str:
    return max((limit, name) for name, limit in limits.items() if value >= limit)[1]
