"""The seed against the published facts, one by one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from hazard_db import corridor, seed
from hazard_db.connect import transaction

pytestmark = pytest.mark.integration

DATED = [
    (date(2005, 10, 8), "day", "Kashmir", "Kamp et al. 2010"),
    (date(2008, 5, 22), "day", "Ghulkin", "public record"),
    (date(2010, 1, 4), "day", "Attabad", "public record"),
    (date(2014, 5, 25), "day", "Ghulkin", "public record"),
    (date(2014, 6, 14), "day", "Ghulkin", "public record"),
    (date(2016, 4, 2), "day", "Besham", "doi 10.1007/s11069-021-04549-4"),
    (date(2019, 1, 1), "year", "Shisper", "public record"),
    (date(2020, 4, 1), "month", "Shisper", "public record"),
    (date(2021, 7, 1), "month", "Tatta Pani", "public record"),
    (date(2022, 5, 7), "day", "Hassanabad", "public record"),
    (date(2022, 8, 1), "day", "Uchar", "public record"),
    (date(2022, 8, 12), "day", "Uchar", "public record"),
    (date(2022, 8, 27), "day", "Zaid Kawar", "public record"),
    (date(2023, 7, 31), "day", "Lachi", "public record"),
    (date(2025, 8, 10), "day", "Hassanabad", "public record"),
]
PLACES = {
    "Havelian": 55, "Thakot bridge": 206, "Besham": 229, "Pattan": 259, "Dasu / Komila": 292, "Chilas": 416, "Tatta Pani": 466,
    "Raikot Bridge": 471, "Jaglot": 498, "Gilgit": 542, "Hassanabad bridge": 634, "Aliabad": 643, "Attabad landslide": 657,
    "Gulmit": 672, "Passu": 690, "Batura snout": 695, "Sost": 728, "Khunjerab Pass": 806, "Tashkurgan": 933, "Bulunkou": 1076,
    "Kashgar": 1219,
}  # fmt: skip


@pytest.fixture
def seeded(database: Any) -> Any:
    with transaction(database.engine) as conn:
        seed.load(conn)
    return database


def rows(database: Any, statement: str) -> list[Any]:
    with transaction(database.engine) as conn:
        return [tuple(row) for row in conn.execute(text(statement))]


def test_every_dated_event_is_there_with_its_source(seeded: Any) -> None:
    stored = rows(seeded, "SELECT occurred_on, precision, name, source FROM event ORDER BY occurred_on")
    assert len(stored) == len(DATED)
    for (day, precision, name, source), row in zip(DATED, stored, strict=True):
        assert row[:2] == (day, precision)
        assert name in row[2]
        assert row[3].startswith(source)


def test_values_that_disagree_stand_side_by_side(seeded: Any) -> None:
    claims = rows(
        seeded, """SELECT e.name, c.attribute, array_agg(c.value ORDER BY CAST(c.value AS float8)) FROM claim AS c
                   JOIN event AS e ON e.id = c.event_id GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2"""
    )  # fmt: skip
    assert [(name.split()[0], attribute, values) for name, attribute, values in claims if attribute != "volume"] == [
        ("Attabad", "fatalities", ["19", "20"]),
        ("Shisper", "peak_discharge", ["142", "227", "3737"]),
    ]


def test_every_calibration_point_is_there_with_its_basis(seeded: Any) -> None:
    told = corridor.read_calibration(seed.FOLDER / "calibration_points.csv")
    assert {place.place: place.chainage_km for place in told} == PLACES
    used = rows(seeded, "SELECT place, chainage_basis, position_basis FROM calibration_point")
    assert PLACES.keys() - {place for place, *_ in used} == {"Dasu / Komila", "Gilgit"}, "more than 5 km off the line"
    assert all(basis and position for _, basis, position in used)


def test_a_place_that_is_badly_known_is_a_stretch_and_not_a_point(seeded: Any) -> None:
    assert rows(seeded, "SELECT count(*) FROM event WHERE geom IS NULL OR accuracy_m IS NULL") == [(0,)]
    assert rows(seeded, "SELECT count(*) FROM site WHERE accuracy_m IS NULL") == [(0,)]
    stretches = rows(
        seeded, """SELECT split_part(name, ' ', 1), round(chainage_from_km), round(chainage_to_km), accuracy_m FROM event
                   WHERE GeometryType(geom) LIKE '%LINESTRING' AND chainage_to_km - chainage_from_km > 10 ORDER BY occurred_on"""
    )  # fmt: skip
    assert stretches == [
        ("Ghulkin", 672, 690, 15000), ("Ghulkin", 672, 690, 15000), ("Ghulkin", 672, 690, 15000),
        ("More", 229, 416, 15000), ("Zaid", 292, 416, 15000), ("Lachi", 292, 416, 15000),
    ]  # fmt: skip


def test_loading_again_adds_nothing(seeded: Any) -> None:
    with transaction(seeded.engine) as conn:
        assert seed.load(conn) == seed.SeedReport(0, 0, 0)
