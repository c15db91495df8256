"""The reasons of a rating in words: what is told of a place, of an amount, and of a source that would say too much."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from hazard_db.risk_reasons import capped, contribution
from hazard_db.risk_weights import load_weights

WEIGHTS = load_weights()


def fact(source: str, **values: Any) -> Any:
    usual: dict[str, Any] = {
        "source": source, "id": "a-1", "label": "Site 1", "points": 12.345, "day": date(2026, 5, 1), "reviewed": True, "records": 1,
        "hazard": "rockfall", "hazard_points": 20.0, "age": 0.5, "exposure": 0.777, "vulnerability": 1.234, "sure": None,
        "state": "active", "amount": None, "kind": "debris_flow", "grade": None, "on_road": False, "offset_m": 120.4,
        "accuracy_m": 30.0, "length_km": 0.0,
    }  # fmt: skip
    return SimpleNamespace(**{**usual, **values})


def detail(source: str, **values: Any) -> str:
    return contribution(fact(source, **values), WEIGHTS).detail


def test_numbers_of_a_reason_are_those_of_the_fact_rounded() -> None:
    told = contribution(fact("change", amount=900.1234, sure=0.876), WEIGHTS)
    assert (told.points, told.hazard, told.exposure, told.vulnerability) == (12.3, 10.0, 0.78, 1.23)
    assert (told.confidence, told.size, told.state, told.date, told.records) == (
        0.88,
        900.123,
        "active",
        "2026-05-01",
        1,
    )
    assert contribution(fact("site", day=None), WEIGHTS).date is None


def test_the_rest_of_a_source_is_one_reason() -> None:
    told = contribution(fact("change", id=None, records=1234), WEIGHTS)
    assert (told.id, told.label, told.records) == ("rest rockfall", "1,234 more", 1234)
    assert (told.points, told.detail) == (12.3, "each less than those listed")
    assert told.hazard is None


@pytest.mark.parametrize(("values", "where"), [
    ({}, "120 m from the road"),
    ({"offset_m": 0.9}, "on the road"),
    ({"on_road": True}, "on the road"),
    ({"accuracy_m": 1000.0}, "120 m from the road, place known to ±1 km"),
    ({"accuracy_m": 999.0}, "120 m from the road"),
    ({"length_km": 12.0}, "120 m from the road, spread over 12 km"),
    ({"accuracy_m": 2500.0, "length_km": 12.0}, "120 m from the road, place known to ±2.5 km, spread over 12 km"),
])  # fmt: skip
def test_where_a_fact_lies(values: dict[str, Any], where: str) -> None:
    assert detail("observation", **values) == f"active field observation, {where}"


@pytest.mark.parametrize(("source", "values", "words"), [
    ("site", {}, "active debris flow, 120 m from the road"),
    ("site", {"grade": 3}, "active debris flow, threat "),
    ("event", {"amount": 20.0}, "event of 2026-05-01, 20 deaths, 120 m"),
    ("event", {"amount": 0.0}, "event of 2026-05-01, 120 m"),
    ("event", {"grade": 2}, "event of 2026-05-01, loss "),
    ("closure", {}, "closed on 2026-05-01, 120 m"),
    ("closure", {"amount": 1.25}, "closed on 2026-05-01 for 1.2 days, 120 m"),
    ("work", {}, "work (active) by 2026-05-01, 120 m"),
    ("work", {"amount": 1e6}, "work (active) by 2026-05-01, cost 1,000,000, 120 m"),
    ("change", {"amount": 12345.6}, "active change of 12,346 m² by 2026-05-01"),
    ("deformation", {"amount": -31.6}, "active ground motion of -32 mm/yr by 2026-05-01"),
    ("displacement", {"amount": -12.0}, f"active points move, median -12 mm/yr by 2026-05-01, within {WEIGHTS.displacement.strip_m:g} m"),
    ("susceptibility", {"amount": 0.987}, "susceptibility up to 0.99, map of 2026-05-01, beside the road"),
    ("run_out", {"amount": 0.5}, "reached from above with up to 0.50, map of 2026-05-01, beside the road"),
    ("cascade", {"state": "surge", "offset_m": 4321.0}, "glacier that surged by 2026-05-01, 4.3 km up the valley"),
    ("cascade", {"state": "ice_dammed", "amount": 9e4, "offset_m": 0.0}, "ice-dammed lake of 90,000 m² on 2026-05-01, 0.0 km up"),
    ("cascade", {"state": "moraine", "amount": 9e4}, "lake of 90,000 m² on 2026-05-01"),
    ("rhrs", {"amount": 512.0}, "rockfall hazard rating 512 ("),
])  # fmt: skip
def test_each_source_in_its_own_words(source: str, values: dict[str, Any], words: str) -> None:
    assert detail(source, **values).startswith(words)


def test_what_a_source_says_beyond_its_most_is_taken_off_once() -> None:
    source, most = next(iter(WEIGHTS.most.items()))
    parts = [contribution(fact(source, points=most), WEIGHTS) for _ in range(2)]
    *same, cut = capped(parts, "rockfall", WEIGHTS)
    assert same == parts
    assert (cut.source, cut.id, cut.points) == ("cap", f"{source} rockfall", -most)
    assert sum(part.points for part in (*same, cut)) == pytest.approx(most)
    assert capped(parts[:1], "rockfall", WEIGHTS) == parts[:1]
    assert capped([], "rockfall", WEIGHTS) == []
