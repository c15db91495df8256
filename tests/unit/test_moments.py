"""When a picture was taken: options, tags and names; times in their zone; days that cannot be."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from hazard_db.errors import RasterError
from hazard_db.moments import Moment, in_name, of_file, option, parse, told

DAY = datetime(2023, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize(("given", "wanted"), [
    (date(2023, 7, 15), DAY), ("2023-07-15", DAY), ("20230715", DAY), (datetime(2023, 7, 15, 5), DAY + timedelta(hours=5)),
    (datetime(2023, 7, 15, 5, tzinfo=timezone(timedelta(hours=5))), DAY),
    ("2023-07-15T10:46:39+05:00", DAY + timedelta(hours=5, minutes=46, seconds=39)),
])  # fmt: skip
def test_options_are_moments_in_utc(given: object, wanted: datetime) -> None:
    found = option(given)  # type: ignore[arg-type]
    assert found == wanted
    assert found.utcoffset() == timedelta(0)


def test_what_is_no_date_is_told_with_its_option() -> None:
    with pytest.raises(RasterError, match="--dates: 'yesterday' is not a date; write it as 2023-07-15"):
        option("yesterday")


@pytest.mark.parametrize(("value", "line"), [
    ("1971-12-31", "there was no satellite picture before 1972"), ("2999-01-01", "that is in the future"),
    ("2023:02:31 00:00:00", "is not a date"), ("20231301", "is not a date"),
])  # fmt: skip
def test_days_that_cannot_be(value: str, line: str) -> None:
    with pytest.raises(RasterError, match=f"^f: .*{line}"):
        parse(value, "f")


def test_names_hold_days_among_other_numbers() -> None:
    assert in_name("T43SDA_20230715T054639_B02", "f") == Moment(datetime(2023, 7, 15, 5, 46, 39, tzinfo=UTC), True)
    assert in_name("lake_20230231_20230715", "f") == Moment(DAY, False)
    assert in_name("scene_20230715T236199", "f") == Moment(DAY, False)
    assert in_name("scene_20230715T250000", "f") is None
    assert in_name("1202307151", "f") is None


def test_tags_go_before_the_name_and_empty_ones_do_not_count() -> None:
    tags = {"acquired": " ", "TIFFTAG_DATETIME": "2023:07:15 05:46:39\0"}
    assert of_file(tags, "x_20200101", "f") == Moment(datetime(2023, 7, 15, 5, 46, 39, tzinfo=UTC), True)
    assert of_file({}, "x_20200101", "f") == Moment(datetime(2020, 1, 1, tzinfo=UTC), False)
    assert of_file({}, "x", "f") is None


def test_midnight_to_the_second_is_a_day() -> None:
    assert not told(DAY).precise
    assert told(DAY + timedelta(seconds=1)).precise
