"""Coordinates, dates, kinds and columns as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ingest.survey.angles import angle, metres, pair
from ingest.survey.fields import found
from ingest.survey.gcj02 import to_gcj02, to_wgs84
from ingest.survey.kinds import WORDS, kind_of
from ingest.survey.moments import moment

KARACHI = ZoneInfo("Asia/Karachi")
DMS = 36 + 19 / 60 + 12.5 / 3600


@pytest.mark.parametrize(
    ("written", "degrees"),
    [
        ("36.3201", 36.3201), (" 36,3201 ", 36.3201), (36, 36.0), ("-36.5", -36.5), ("36.5S", -36.5), ("1e1", 10.0),
        ("36°19'12.5\"N", DMS), ("36 19 12.5 N", DMS), ("36 19 12.5", DMS), ("N36.81", 36.81), ("36.810483°N", 36.810483),
        ("36º19′12.5″", DMS), ("36°19’12.5”N", DMS), ("36°19'12.5''N", DMS), ("36d19m12.5s", DMS), ("36:19:12.5", DMS),
        ("36度19分12.5秒", DMS), ("北纬36°19'12.5\"", DMS), ("N 36° 19.208'", 36 + 19.208 / 60), ("36.5 شمال", 36.5),
        ("۳۶٫۳۲", 36.32), ("３６．３２", 36.32), ("36°", 36.0),
    ],
)  # fmt: skip
def test_latitudes_in_many_spellings(written: object, degrees: float) -> None:
    assert angle(written, "latitude") == pytest.approx(degrees, abs=1e-12)


@pytest.mark.parametrize(
    "written",
    ["", "abc", "nan", "inf", "1e999", "1_0", "36°61'", "36.5°19'", "36-19-12", "N36°19'E", "-36N", "74.87E", True],
)
def test_what_is_no_latitude(written: object) -> None:
    with pytest.raises(ValueError, match=r"is no latitude|finite|minutes|swap"):
        angle(written, "latitude")


@pytest.mark.parametrize(
    "written",
    ["36.32, 74.87", "36.32 74.87", "74.87E 36.32N", "N36.32 E74.87", "36.32;74.87", "36,32;74,87", "36.32 74.87 2500.0 4.5",
     "北纬36.32°，东经74.87°", "36°19'12\"N 74°52'12\"E"],
)  # fmt: skip
def test_both_coordinates_in_one_cell(written: str) -> None:
    assert pair(written) == pytest.approx((74.87, 36.32), abs=1e-9)


def test_metres() -> None:
    assert metres("4,030,000.5 m", "northing") == 4030000.5
    assert metres("5 米", "accuracy") == 5
    with pytest.raises(ValueError, match="no accuracy in metres"):
        metres("good", "accuracy")


@pytest.mark.parametrize(
    ("written", "utc", "precision"),
    [
        ("2026-05-01T14:30:00+05:00", "2026-05-01T09:30", None), ("2026-05-01 14:30", "2026-05-01T09:30", None),
        ("2026/5/1", "2026-05-01T07:00", "day"), ("25/12/2023 10:00", "2023-12-25T05:00", None),
        ("1.6.2024", "2024-06-01T07:00", "day"), ("2026年5月1日 14时30分", "2026-05-01T09:30", None),
        ("20260501T093000Z", "2026-05-01T09:30", None), ("1 May 2026", "2026-05-01T07:00", "day"),
        ("May 1, 2026 2:30 PM", "2026-05-01T09:30", None), ("2024-05", "2024-05-01T07:00", "month"),
        ("2024", "2024-01-01T07:00", "year"), ("1714550400", "2024-05-01T08:00", None),
        (1714550400000, "2024-05-01T08:00", None), (datetime(2026, 5, 1, 14, 30), "2026-05-01T09:30", None),
        (date(2026, 5, 1), "2026-05-01T07:00", "day"),
    ],
)  # fmt: skip
def test_dates_in_many_spellings(written: object, utc: str, precision: str | None) -> None:
    got = moment(written, KARACHI)
    assert got.at == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert got.precision == precision


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("05/06/2024", "day/month or month/day"), ("2024-02-30", "no date of the calendar"), ("45000", "no date that"),
        ("1700-01-01", "before 1800"), ("2099-01-01", "future"), ("2024-05-01 14:30 CST", "China or America"),
        ("yesterday", "no date that"), ("2024-05-01T25:00", "no date of the calendar"),
    ],
)  # fmt: skip
def test_dates_that_are_asked_back(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        moment(written, KARACHI)


def test_the_future_begins_ten_minutes_from_now() -> None:
    now = datetime.now(UTC)
    moment((now + timedelta(minutes=5)).isoformat(), UTC)
    moment(now.date().isoformat(), UTC)
    with pytest.raises(ValueError, match="future"):
        moment((now + timedelta(minutes=15)).isoformat(), UTC)


def test_day_and_time_of_day_in_two_columns() -> None:
    assert moment("2026-05-01", KARACHI, clock="14:30").at == datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
    assert moment(datetime(2026, 5, 1), KARACHI, clock="2:30 PM").at == datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("Rock fall", "rockfall"), ("rockfall", "rockfall"), ("崩塌", "rockfall"), ("土质滑坡", "landslide"), ("泥石流", "debris_flow"),
        ("Debris-Flow (small)", "debris_flow"), ("لینڈ سلائیڈ", "landslide"), ("سیلاب", "flood"), ("snow avalanche", "avalanche"),
        ("路基沉降", "settlement"), ("landslides", None), ("culvert", None), ("island slide", "landslide"),
    ],
)  # fmt: skip
def test_kinds_by_their_words(written: str, kind: str | None) -> None:
    assert kind_of(written) == kind


def test_every_kind_knows_itself() -> None:
    for kind in WORDS:
        assert kind_of(kind) == kind


def test_columns_are_found_by_their_names() -> None:
    assert found(("编号", "灾害类型", "调查日期", "调查人", "纬度", "经度", "精度(米)", "备注", "路段"), {}) == {
        "id": "编号", "kind": "灾害类型", "observed_at": "调查日期", "observer": "调查人", "latitude": "纬度", "longitude": "经度",
        "accuracy_m": "精度(米)", "note": "备注",
    }  # fmt: skip
    assert found(("Lat.", "LONG", "Hazard Type", "Survey Date", "Survey Time"), {}) == {
        "latitude": "Lat.", "longitude": "LONG", "kind": "Hazard Type", "observed_at": "Survey Date", "clock": "Survey Time",
    }  # fmt: skip
    assert (
        found(("site-gps-Latitude", "site-gps-Longitude", "site-gps-Accuracy"), {})["latitude"] == "site-gps-Latitude"
    )
    assert found(("time", "lat", "lon"), {})["observed_at"] == "time"


def test_what_the_user_says_goes_first() -> None:
    assert found(("lat", "lon", "y"), {"latitude": "y"})["latitude"] == "y"
    assert found(("note", "description"), {"note": "description"})["note"] == "description"


def test_gcj02_as_others_compute_it() -> None:
    # Values published with coordtransform, an independent implementation.
    assert to_gcj02(np.array([[116.404, 39.915]]))[0] == pytest.approx(
        [116.41024449916938, 39.91640428150164], abs=1e-12
    )


def test_gcj02_is_some_hundred_metres_on_this_road_and_nothing_outside_china() -> None:
    here = np.array([[74.87, 36.32]])
    east, north = (to_gcj02(here) - here)[0] * [111_320 * np.cos(np.radians(36.32)), 111_000]
    assert 100 < np.hypot(east, north) < 1000
    assert np.array_equal(to_wgs84(np.array([[10.0, 50.0]])), [[10.0, 50.0]])
