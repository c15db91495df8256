"""Rules as data: which change raises an alert, how severe, and why, in words."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from alerts.states import SEVERITIES, Severity, Urgency
from hazard_db.alerts import Facts
from hazard_db.errors import SettingsError

Kind = Literal[
    "landslide", "rockfall", "debris_flow", "flood", "avalanche", "settlement", "glacier", "lake", "other",
    "rain", "earthquake", "sensor", "bulletin", "blind", "silent",
]  # fmt: skip
Measure = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]


Event = Literal["growth", "drained", "surge"]


class SeverityRow(BaseModel):
    """Severities from a value on, by consequence class 1 to 4."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)
    from_value: Annotated[float, Field(ge=0, allow_inf_nan=False, validation_alias="from_area_m2")]
    """Of the rule's `severity_by`."""
    by_consequence: tuple[Severity, Severity, Severity, Severity]


class Limit(BaseModel):
    """What a measure of a change or finding must be; one that is not known does not meet it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    measure: Measure
    """A name with its unit, such as mmi, percentile, days, velocity_mm_yr, trend_change_mm_yr, height_above_road_m."""
    at_least: Annotated[float, Field(allow_inf_nan=False)] | None = None
    at_most: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"limit on {self.measure}: give at_least, at_most or both")
        return self


class AlertRule(BaseModel):
    """A rule; every condition must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=100)]
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]
    min_confidence: Annotated[float, Field(ge=0, le=1)]
    min_area_m2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    events: tuple[Event, ...] = ()
    """What has happened to a lake or glacier; empty = whatever."""
    distance: Literal["road", "flow", "unknown_flow"] = "road"
    """Which distance counts: to the road as the crow flies, or down the valley; the last: as the crow flies, where no elevation
    model has told the way down."""
    max_distance_m: Annotated[float, Field(ge=0, le=100_000)]
    """From the road, at the nearest point of the change, or along the way down to it."""
    approximate_road_m: Annotated[float, Field(ge=0, le=50_000)] = 0
    """Taken off the distance where the line of the road is a straight guess."""
    min_consequence: Annotated[int, Field(ge=1, le=4)] = 1
    """Of the segment."""
    limits: tuple[Limit, ...] = ()
    """Further conditions on what was measured."""
    severity_by: Measure = "area_m2"
    """The measure that chooses the row of the severity table."""
    severity: Annotated[tuple[SeverityRow, ...], Field(min_length=1)]
    expected_within_m: Annotated[float, Field(ge=0)] = 0
    """Urgency Expected where the change comes this close to the road, else Future."""
    trend_change: bool = False
    """Only ground motion whose rate of the last months differs from the rate before; steady motion is no news."""
    raise_after: Annotated[int, Field(ge=1, le=10)] = 1
    """Acquisitions in a row that must show it before anybody is told; until then it is a candidate."""
    clear_after: Annotated[int, Field(ge=0, le=30)] = 0
    """Acquisitions in a row that must show that it is over before the alert ends by itself; 0 = only a person ends it."""
    flap_turns: Annotated[int, Field(ge=2, le=9)] = 4
    """With this many changes between on and off in the last ten acquisitions it flaps: it neither ends by itself nor is told again."""
    growth_share: Annotated[float, Field(gt=0)] = 0.5
    """A change whose alert was closed raises a new one once it has grown by this share of its area."""
    group_distance_m: Annotated[float, Field(ge=0, le=10_000)] = 500
    """Changes this close along the road are one alert ..."""
    group_span_km: Annotated[float, Field(gt=0, le=100)] = 5
    """... up to this length."""
    expires_days: Annotated[float, Field(gt=0, le=366)] = 14

    @model_validator(mode="after")
    def _table_in_order(self) -> Self:
        values = [row.from_value for row in self.severity]
        if values[0] != 0 or any(one >= other for one, other in pairwise(values)):
            raise ValueError("the rows of the severity table start at from_value: 0 and rise")
        ranks = [[SEVERITIES.index(one) for one in row.by_consequence] for row in self.severity]
        falls = any(row != sorted(row) for row in ranks) or any(
            higher < lower for below, above in pairwise(ranks) for lower, higher in zip(below, above, strict=True)
        )
        if falls:
            raise ValueError("severity must not fall with a larger value or a higher consequence class")
        return self


class RuleBook(BaseModel):
    """The file of rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Annotated[str, Field(min_length=1)]
    rules: tuple[AlertRule, ...]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError("two rules have the same name")
        return self


class Decision(BaseModel):
    """What a rule says of a change that meets it."""

    model_config = ConfigDict(frozen=True)
    rule: str
    severity: Severity
    urgency: Urgency
    distance_m: float
    """From the road, as near as it may be."""
    reasons: tuple[str, ...]


def parse_rule(definition: Mapping[str, Any]) -> AlertRule:
    """Return the rule of a stored definition.

    Raises
    ------
    SettingsError
        The definition says something that is not understood.
    """
    try:
        return AlertRule.model_validate({name: value for name, value in definition.items() if name != "source"})
    except ValidationError as error:
        raise SettingsError(f"alert rule {definition.get('name')!r}: {problem_of(error)}") from error


def evaluate(rule: AlertRule, change: Facts) -> Decision | None:
    """Return what the rule says of a change, None where the change does not meet it."""
    if misses(rule, change):
        return None
    distance = _distance(rule, change) or 0.0
    return Decision(
        rule=rule.name,
        severity=severity(rule, change),
        urgency="Expected" if distance <= rule.expected_within_m else "Future",
        distance_m=distance,
        reasons=_reasons(rule, change, distance),
    )


def misses(rule: AlertRule, change: Facts) -> tuple[str, ...]:
    """Return the conditions of the rule that a change does not meet, in words; empty where it meets all."""
    if change.status == "false_alarm":
        return ("a person has called it a false alarm",)
    missed = []
    if change.kind not in rule.kinds:
        missed.append(f"it is a {change.kind}, the rule is for {', '.join(rule.kinds)}")
    if change.status != "confirmed" and change.confidence < rule.min_confidence:
        missed.append(f"its confidence {change.confidence:.2f} is below {rule.min_confidence:.2f}")
    if change.area_m2 + change.area_uncertainty_m2 < rule.min_area_m2:
        missed.append(
            f"its area {change.area_m2:,.0f} m² is below {rule.min_area_m2:,.0f} m², its uncertainty included"
        )
    if rule.trend_change and change.trend_change_mm_yr is None:
        missed.append("its rate has not changed in the last months")
    missed += [miss for limit in rule.limits if (miss := _beyond(limit, change)) is not None]
    missed += _misses_of_cause(rule, change)
    distance = _distance(rule, change)
    if distance is None or change.chainage_km is None:
        missed.append(
            "it is not in the corridor" if rule.distance != "flow" else "no way down from it to the road is known"
        )
    elif distance > rule.max_distance_m:
        missed.append(f"its distance from the road {distance:,.0f} m is above {rule.max_distance_m:,.0f} m")
    if change.consequence < rule.min_consequence:
        missed.append(f"the segment's consequence class {change.consequence} is below {rule.min_consequence}")
    return tuple(missed)


def severity(rule: AlertRule, change: Facts) -> Severity:
    """Return the severity by size and by what a closure of the segment costs."""
    size = abs(change.measure(rule.severity_by) or 0.0)
    row = [row for row in rule.severity if row.from_value <= size][-1]
    return row.by_consequence[change.consequence - 1]


def _beyond(limit: Limit, change: Facts) -> str | None:
    """Return why a change does not keep within a limit, None where it does."""
    value = change.measure(limit.measure)
    if value is None:
        return f"its {limit.measure} is not known"
    if limit.at_least is not None and value < limit.at_least:
        return f"its {limit.measure} {value:,.4g} is below {limit.at_least:,.4g}"
    if limit.at_most is not None and value > limit.at_most:
        return f"its {limit.measure} {value:,.4g} is above {limit.at_most:,.4g}"
    return None


def _misses_of_cause(rule: AlertRule, change: Facts) -> list[str]:
    """Return what of a rule for lakes and glaciers a change does not meet."""
    missed = []
    if rule.events and (change.cause is None or change.cause.event not in rule.events):
        happened = "nothing" if change.cause is None else change.cause.event
        missed.append(f"{happened} has happened to it, the rule is for {', '.join(rule.events)}")
    if rule.distance == "unknown_flow" and change.cause is not None and change.cause.way_known:
        missed.append("the way down from it is known")
    return missed


def _distance(rule: AlertRule, change: Facts) -> float | None:
    """Return how near to the road the change may be, given what is known of the road's line; None where it is not known."""
    told = change.offset_m
    if rule.distance == "flow":
        told = None if change.cause is None else change.cause.flow_m
    if told is None:
        return None
    doubt = max(change.road_accuracy_m, rule.approximate_road_m if change.road_is_infill else 0.0)
    return max(0.0, told - doubt)


def _reasons(rule: AlertRule, change: Facts, distance: float) -> tuple[str, ...]:
    told = (change.cause.flow_m if rule.distance == "flow" and change.cause else change.offset_m) or 0.0
    confirmed = "a person has confirmed it" if change.status == "confirmed" else ""
    reasons = [
        confirmed or f"confidence {change.confidence:.2f} is at least {rule.min_confidence:.2f}",
        *(
            []
            if change.is_finding
            else [
                f"{change.area_m2:,.0f} ± {change.area_uncertainty_m2:,.0f} m², at least {rule.min_area_m2:,.0f} m² asked for"
            ]
        ),
        *(_kept(limit, change) for limit in rule.limits),
        f"{told:,.0f} m {'down the valley to' if rule.distance == 'flow' else 'from'} the road, at most {rule.max_distance_m:,.0f} m",
        f"consequence class {change.consequence} of the segment",
    ]
    if change.trend_change_mm_yr is not None:
        reasons.append(f"its rate of the last months differs by {change.trend_change_mm_yr:+.1f} mm/yr from before")
    if distance < told:
        reasons.append("the line of the road is only approximate here: it may be nearer than that")
    return tuple(reasons)


def _kept(limit: Limit, change: Facts) -> str:
    bounds = [("at least", limit.at_least), ("at most", limit.at_most)]
    asked = " and ".join(f"{word} {bound:,.4g}" for word, bound in bounds if bound is not None)
    return f"{limit.measure} {change.measure(limit.measure) or 0.0:,.4g} is {asked}"


def problem_of(error: ValidationError) -> str:
    """Return one line about the first thing that is wrong."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
