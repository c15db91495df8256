"""Observations as they come in over HTTP: what is refused, and why."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from api.incoming import CLOCK_ERROR, MOST_ATTRIBUTES_BYTES, IncomingObservation

USUAL: dict[str, Any] = {
    "kind": "rockfall",
    "observed_at": "2026-05-01T14:30:00+05:00",
    "longitude": 74.65,
    "latitude": 36.32,
}


def refusal(**values: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        IncomingObservation.model_validate({**USUAL, **values})
    (error,) = refused.value.errors()
    return str(error["msg"])


def test_it_is_stored_in_utc_under_the_name_of_who_sends_it() -> None:
    identifier = uuid.uuid4()
    record = IncomingObservation.model_validate({**USUAL, "attributes": {"length_m": 3}}).record(identifier, "phone 7")
    assert (record.id, record.observer, record.lon, record.lat) == (identifier, "phone 7", 74.65, 36.32)
    assert record.observed_at == datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
    assert record.observed_at.utcoffset() == timedelta(0)
    assert record.attributes == {"length_m": 3}
    named = IncomingObservation.model_validate({**USUAL, "observer": " Karim "}).record(identifier, "phone 7")
    assert named.observer == "Karim"


def test_a_clock_may_be_a_little_ahead_and_no_more() -> None:
    now = datetime.now(timezone(timedelta(hours=8)))
    assert IncomingObservation.model_validate({**USUAL, "observed_at": now + CLOCK_ERROR / 2}).observed_at.tzinfo is UTC
    assert "future" in refusal(observed_at=now + CLOCK_ERROR + timedelta(minutes=5))
    assert "before 1800" in refusal(observed_at="1799-12-31T23:00:00Z")
    assert IncomingObservation.model_validate({**USUAL, "observed_at": "1800-01-01T00:00:00Z"}).observed_at.year == 1800


def test_attributes_are_bounded_and_storable() -> None:
    room = MOST_ATTRIBUTES_BYTES - len('{"a": ""}')
    assert IncomingObservation.model_validate({**USUAL, "attributes": {"a": "x" * room}})
    assert "64 kB" in refusal(attributes={"a": "x" * (room + 1)})
    assert "names over 1,000" in refusal(attributes={"n" * 1001: 1})
    assert "NUL" in refusal(attributes={"a": {"b": ["\x00"]}})
    assert "NUL" in refusal(note="a\x00b")
    assert "NUL" in refusal(observer="a\x00b")


def test_a_backslash_that_is_written_out_is_no_nul() -> None:
    assert IncomingObservation.model_validate({**USUAL, "attributes": {"path": r"C:\u0000"}}).attributes == {
        "path": r"C:\u0000"
    }


def test_swapped_coordinates_are_told_and_other_places_are_not_taken_for_swapped() -> None:
    assert "look swapped" in refusal(longitude=36.32, latitude=74.65)
    far = IncomingObservation.model_validate({**USUAL, "longitude": -70.0, "latitude": -33.0})
    assert (far.longitude, far.latitude) == (-70.0, -33.0)
