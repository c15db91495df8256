"""What several sources say of one thing, side by side, so that it is seen where they disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AGREEING = (
    "movement",
    "material",
    "chinese_class",
    "activity",
    "length_m",
    "width_m",
    "depth_m",
    "volume_m3",
    "rhrs_total",
)
"""Answers of observations that say something of the site itself."""


@dataclass(frozen=True)
class Compared:
    """One attribute: what each source says of it."""

    attribute: str
    values: tuple[str, ...]
    """In the order of the sources; empty where one says nothing."""
    differ: bool


@dataclass(frozen=True)
class Comparison:
    """A table: sources across, attributes down."""

    sources: tuple[str, ...]
    rows: tuple[Compared, ...]


def compare(claims: Sequence[Mapping[str, Any]]) -> Comparison:
    """Return claims as a table, attributes on which sources disagree first."""
    sources = tuple(dict.fromkeys(str(claim["source"]) for claim in claims))
    told: dict[str, dict[str, list[str]]] = {}
    for claim in claims:
        value = f"{claim['value']} {claim['unit'] or ''}".strip()
        told.setdefault(claim["attribute"], {}).setdefault(str(claim["source"]), []).append(value)
    rows = [_row(attribute, by_source, sources) for attribute, by_source in told.items()]
    return Comparison(sources, tuple(sorted(rows, key=lambda row: not row.differ)))


def of_observations(observations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what observations say of the site that rests on them, as claims."""
    return [
        {"attribute": name, "value": str(attributes[name]), "unit": None, "source": _name(one)}
        for one in observations
        for attributes in [one.get("attributes") or {}]
        for name in AGREEING
        if attributes.get(name) not in (None, "", [])
    ]


def _name(observation: Mapping[str, Any]) -> str:
    day, mark = observation.get("observed_at"), str(observation["id"])[:8]
    return f"observation {mark}" if day is None else f"observation {day:%Y-%m-%d} {mark}"


def _row(attribute: str, by_source: Mapping[str, Sequence[str]], sources: Sequence[str]) -> Compared:
    said = {value for values in by_source.values() for value in values}
    cells = tuple(" / ".join(dict.fromkeys(by_source.get(source, ()))) for source in sources)
    return Compared(attribute, cells, len(said) > 1)
