"""The reasons of a rating in words and numbers: one per record, one for the rest of a source, one where a ceiling cuts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hazard_db.risk_weights import SIZES, Weights

TOLD_ACCURACY_M = 1000.0
"""From here on a reader is told how badly a place is known."""


@dataclass(frozen=True)
class Contribution:
    """One reason for a rating; points = hazard x exposure x vulnerability, to the rounding shown."""

    source: str
    """site, event, closure, change, deformation, displacement, observation, cascade, rhrs, susceptibility, run_out, work; rest, cap."""
    id: str
    label: str
    points: float
    detail: str
    date: str | None
    reviewed: bool = False
    """A person stands behind it."""
    hazard: float | None = None
    """Points of the thing itself, aged to the day of the rating; None for a rest or a cap."""
    exposure: float | None = None
    """Share of it that concerns this segment."""
    vulnerability: float | None = None
    """What it would cost here, 1 = usual."""
    confidence: float | None = None
    """Of the detector, where it gives one."""
    state: str | None = None
    """As it was when rated."""
    size: float | None = None
    """m², mm/yr, deaths, days or points, by the source."""
    kind: str | None = None
    records: int = 1


def contribution(fact: Any, weights: Weights) -> Contribution:
    """Return one reason from a row of what was weighed."""
    points = round(fact.points, 1)
    day = str(fact.day) if fact.day else None
    if fact.id is None:
        return Contribution(
            fact.source, f"rest {fact.hazard}", f"{fact.records:,} more", points, "each less than those listed", day, fact.reviewed,
            records=fact.records,
        )  # fmt: skip
    return Contribution(
        fact.source, fact.id, fact.label, points, f"{_WORDS[fact.source](fact, weights)}, {_where(fact, weights)}", day,
        fact.reviewed, round(fact.hazard_points * fact.age, 1), round(fact.exposure, 2), round(fact.vulnerability, 2),
        None if fact.sure is None else round(fact.sure, 2), fact.state,
        None if fact.amount is None else round(fact.amount, 3), fact.kind,
    )  # fmt: skip


def capped(parts: Sequence[Contribution], hazard: str, weights: Weights) -> list[Contribution]:
    """Return the reasons of one segment and hazard, and where a source says more than it may, what that takes off."""
    sums: dict[str, float] = {}
    for part in parts:
        sums[part.source] = sums.get(part.source, 0.0) + part.points
    over = {
        source: round(sums[source] - most, 1) for source, most in weights.most.items() if sums.get(source, 0) > most
    }
    return [*parts] + [
        Contribution(
            "cap", f"{source} {hazard}", f"Beyond {weights.most[source]:g} from {source}", -points,
            "one source adds no more, however many records speak of it", None,
        )
        for source, points in over.items()
    ]  # fmt: skip


def _where(fact: Any, weights: Weights) -> str:
    if fact.source in {"displacement", "susceptibility", "run_out"}:
        return f"within {weights.displacement.strip_m:g} m" if fact.source == "displacement" else "beside the road"
    near = fact.on_road or fact.offset_m < 1
    where = "on the road" if near else f"{fact.offset_m:.0f} m from the road"
    if fact.source == "cascade":
        where = f"{fact.offset_m / 1000:.1f} km up the valley"
    if fact.accuracy_m >= TOLD_ACCURACY_M:
        where += f", place known to ±{fact.accuracy_m / 1000:g} km"
    if fact.length_km > weights.stretch_km:
        where += f", spread over {fact.length_km:.0f} km"
    return where


def _site(fact: Any, weights: Weights) -> str:
    threat = "" if fact.grade is None else f", threat {SIZES[fact.grade]}"
    return f"{fact.state} {fact.kind.replace('_', ' ')}{threat}"


def _event(fact: Any, weights: Weights) -> str:
    deaths = f", {fact.amount:.0f} deaths" if fact.amount else ""
    return f"event of {fact.day}{deaths}" + (f", loss {SIZES[fact.grade]}" if fact.grade else "")


def _closure(fact: Any, weights: Weights) -> str:
    return f"closed on {fact.day}" + ("" if fact.amount is None else f" for {fact.amount:.1f} days")


def _work(fact: Any, weights: Weights) -> str:
    return f"work ({fact.state}) by {fact.day}" + ("" if fact.amount is None else f", cost {fact.amount:,.0f}")


def _change(fact: Any, weights: Weights) -> str:
    return f"{fact.state} change of {fact.amount:,.0f} m² by {fact.day}"


def _deformation(fact: Any, weights: Weights) -> str:
    return f"{fact.state} ground motion of {fact.amount:.0f} mm/yr by {fact.day}"


def _displacement(fact: Any, weights: Weights) -> str:
    return f"{fact.state} points move, median {fact.amount:.0f} mm/yr by {fact.day}"


def _observation(fact: Any, weights: Weights) -> str:
    return f"{fact.state} field observation"


def _cascade(fact: Any, weights: Weights) -> str:
    if fact.state == "surge":
        return f"glacier that surged by {fact.day}"
    return f"{'ice-dammed lake' if fact.state == 'ice_dammed' else 'lake'} of {fact.amount:,.0f} m² on {fact.day}"


def _rhrs(fact: Any, weights: Weights) -> str:
    return f"rockfall hazard rating {fact.amount:.0f} ({weights.rhrs_class(fact.amount)}) on {fact.day}"


def _susceptibility(fact: Any, weights: Weights) -> str:
    return f"susceptibility up to {fact.amount:.2f}, map of {fact.day}"


def _run_out(fact: Any, weights: Weights) -> str:
    return f"reached from above with up to {fact.amount:.2f}, map of {fact.day}"


_WORDS: Mapping[str, Callable[[Any, Weights], str]] = {
    "site": _site,
    "event": _event,
    "closure": _closure,
    "work": _work,
    "change": _change,
    "deformation": _deformation,
    "displacement": _displacement,
    "observation": _observation,
    "cascade": _cascade,
    "rhrs": _rhrs,
    "susceptibility": _susceptibility,
    "run_out": _run_out,
}
