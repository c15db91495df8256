from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.sample import sample_message
from alerts.short import SINGLE, WIDE, fits_gsm7, length, short_text
from hazard_db.alerts import AlertMessage

PAGE = "https://kkh.example/alerts/42"


def message(**more: Any) -> AlertMessage:
    content = {
        "identifier": str(uuid.uuid4()), "kind": "landslide", "severity": "Severe", "certainty": "Likely", "urgency": "Expected",
        "chainage_from_km": 656.2, "chainage_to_km": 657.9, "evidence": {"place": "Attabad"}, "headline": {}, "description": {},
        **more.pop("content", {}),
    }  # fmt: skip
    fields = {"state": "open", "scope": "Restricted", "msg_type": "Alert", **more}
    return AlertMessage(
        id=1, alert_id=42, identifier=uuid.uuid4(), actor="x", note=None, sent_at=datetime.now(UTC), content=content,
        references=(), **fields,
    )  # fmt: skip


def test_what_a_telephone_shows() -> None:
    assert short_text(message(), "en", PAGE) == f"SEVERE Landslide km 656-658 unreviewed Attabad {PAGE}"
    assert short_text(message(scope="Public"), "zh", PAGE) == f"严重 滑坡 K656-658 Attabad {PAGE}"
    passu = {"evidence": {"place": "Passu"}}
    assert short_text(message(scope="Public", content=passu), "zh", PAGE) == f"严重 滑坡 K656-658 帕苏 {PAGE}"
    assert short_text(message(state="resolved", msg_type="Cancel"), "en", PAGE).startswith("ENDED Landslide")
    assert short_text(message(scope="Public"), "ur", PAGE).endswith(PAGE)


def test_urdu_names_the_place_and_keeps_the_range_in_order() -> None:
    told = short_text(message(scope="Public", content={"evidence": {"place": "Passu"}}), "ur", "https://kkh.example/7")
    assert told == "شدید لینڈ سلائیڈ کلومیٹر \u200e656-658 پسو https://kkh.example/7"
    assert length(told) <= WIDE
    one = message(scope="Public", content={"chainage_to_km": 656.3})
    assert "\u200e" not in short_text(one, "ur", PAGE), "one number cannot be turned round"


@pytest.mark.parametrize("language", ["en", "zh", "ur"])
def test_long_addresses_leave_what_is_needful(language: str) -> None:
    page = "https://warning.karakoram-highway.example.org/alerts/123456"
    told = short_text(message(), language, page)
    assert told.endswith(page)
    assert length(told) <= (SINGLE if fits_gsm7(told) else WIDE)
    assert told != page


@given(
    st.sampled_from(["en", "zh", "ur"]), st.text(max_size=80), st.sampled_from(["Minor", "Extreme"]),
    st.sampled_from(["landslide", "rain", "flood", "other"]), st.integers(10, 60),
)  # fmt: skip
def test_it_is_one_message_whatever_the_place_is_called(
    language: str, place: str, severity: str, kind: str, host: int
) -> None:
    page = f"https://{'k' * host}/alerts/7"
    told = short_text(
        message(content={"evidence": {"place": place}, "severity": severity, "kind": kind}), language, page
    )
    assert told.endswith(page)
    assert length(told) <= (SINGLE if fits_gsm7(told) else max(WIDE, length(page)))


def test_letters_are_counted_as_telephones_do() -> None:
    assert length("a" * 160) == 160
    assert length("{}") == 4
    assert length("滑坡") == 2
    assert not fits_gsm7("滑坡")


def test_a_test_says_that_it_is_one() -> None:
    assert "test" in sample_message("x").content["headline"]["en"]
