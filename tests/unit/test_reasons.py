"""Reasons of ratings in three languages: every clause that a rating can be made of is known again."""

from __future__ import annotations

import re
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from api.reasons import clauses, hidden
from hazard_db.risk_reasons import _WORDS, contribution
from hazard_db.risk_weights import load_weights

LATIN = re.compile("[A-Za-z]{3,}")
STATES = {
    "site": "dormant",
    "work": "clearing",
    "displacement": "3 of 20",
    "observation": "submitted",
    "cascade": "ice_dammed",
}


def fact(source: str, **values: Any) -> Any:
    given: dict[str, Any] = {
        "id": "7", "source": source, "hazard": "landslide", "label": "", "kind": "debris_flow", "state": STATES.get(source, "confirmed"),
        "amount": 1234.5, "sure": 0.8, "day": date(2026, 5, 1), "grade": 3, "reviewed": True, "offset_m": 250.0, "accuracy_m": 1500.0,
        "on_road": False, "length_km": 25.0, "points": 3.0, "hazard_points": 4.0, "age": 1.0, "exposure": 0.5, "vulnerability": 1.0,
        "records": 12,
    }  # fmt: skip
    return SimpleNamespace(**(given | values))


@pytest.mark.parametrize("lang", ["zh", "ur"])
@pytest.mark.parametrize("source", [*_WORDS])
def test_nothing_of_a_reason_stays_english(source: str, lang: str) -> None:
    weights = load_weights()
    for values in (
        {},
        {"amount": None} if source in {"closure", "work"} else {},
        {"on_road": True, "grade": None},
        {"id": None},
    ):
        told = contribution(fact(source, **values), weights)
        for english in (told.detail, told.label, f"was: {told.detail}"):
            assert not LATIN.search(clauses(lang)(english)), clauses(lang)(english)


def test_numbers_and_days_stay_what_they_are() -> None:
    assert clauses("zh")("closed on 2026-05-01 for 3.5 days, on the road") == "2026-05-01 起封闭 3.5 天，在公路上"
    assert clauses("zh")("active debris flow, 120 m from the road") == "活动的泥石流，距公路 120 米"
    assert clauses("en")("active debris flow") == "active debris flow"


def test_a_records_own_name_is_left_as_it_is() -> None:
    assert clauses("zh")("KKH-LS-0001 Attabad landslide") == "KKH-LS-0001 Attabad landslide"


def test_what_hid_the_ground_is_told_most_first_and_silence_is_told_as_such() -> None:
    look = {"share": 0.2, "covered_share": 1.0, "hidden": {"snow": 0.1, "cloud": 0.7, "no_data": 0.001}}
    assert hidden(look, "en") == "cloud 70 %, snow 10 %"
    assert hidden(look | {"hidden": {}}, "en") == "not told"
    assert hidden(look | {"hidden": {}, "share": 1.0}, "en") == "–"
    assert "云 70 %" in hidden(look, "zh")
