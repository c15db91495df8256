from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import text

from hazard_db import connect, corridor, seed
from hazard_db.chainage import calibrate
from hazard_db.errors import CorridorError, InputError, NotFoundError, OutsideCorridorError

ROAD = [[74.5, 36.2], [74.7, 36.3], [74.9, 36.35]]


def road_file(tmp_path: Path, lines: list[list[list[float]]], name: str = "road.geojson") -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"basis": "surveyed"},
            "geometry": {"type": "LineString", "coordinates": line},
        }
        for line in lines
    ]
    path = tmp_path / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_the_database_agrees_with_the_arrays(database: Any, tmp_path: Path) -> None:
    line = calibrate(np.array(ROAD), [])
    with connect.transaction(database.engine) as conn:
        corridor.load(conn, road_file(tmp_path, [ROAD]), start_km=0)
        for km in (0.0, 3.21, 17.5, float(line.km[-1])):
            place = corridor.locate_km(conn, km)
            expected = [np.interp(km, line.km, line.lonlat[:, axis]) for axis in (0, 1)]
            assert [place.lon, place.lat] == pytest.approx(expected, abs=2e-6)
            assert corridor.locate_point(conn, place.lon, place.lat).km == pytest.approx(km, abs=1e-4)


def test_offset_and_side(database: Any, tmp_path: Path) -> None:
    with connect.transaction(database.engine) as conn:
        corridor.load(conn, road_file(tmp_path, [[[74.0, 36.0], [74.5, 36.0]]]), start_km=10)
        north = corridor.locate_point(conn, 74.2, 36.01)
        south = corridor.locate_point(conn, 74.2, 35.99)
    assert (north.side, south.side) == ("left", "right")
    assert north.offset_m == pytest.approx(1110, abs=5)


def test_pieces_are_joined_whatever_their_order_and_direction(database: Any, tmp_path: Path) -> None:
    with connect.transaction(database.engine) as conn:
        whole = corridor.load(conn, road_file(tmp_path, [ROAD]), start_km=0)
        shuffled = corridor.load(conn, road_file(tmp_path, [ROAD[1:][::-1], ROAD[:2]], "b.geojson"), start_km=0)
    assert shuffled.km_to == pytest.approx(whole.km_to, rel=1e-9)


def test_a_gap_is_named(database: Any, tmp_path: Path) -> None:
    path = road_file(tmp_path, [ROAD, [[75.5, 36.9], [75.6, 36.9]]])
    with (
        pytest.raises(CorridorError, match=r"road\.geojson.*do not join"),
        connect.transaction(database.engine) as conn,
    ):
        corridor.load(conn, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "damaged or no vector"),
        ("{}", "damaged or no vector"),
        ('{"type":"Point","coordinates":[74,36]}', "made of lines"),
        ('{"type":"LineString","coordinates":[[740,36],[74,36]]}', "outside longitude"),
    ],
)
def test_bad_files_get_one_line(database: Any, tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.geojson"
    path.write_text(content)
    with pytest.raises(CorridorError, match=message) as caught, connect.transaction(database.engine) as conn:
        corridor.load(conn, path)
    assert "bad.geojson" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_new_version_references_everything_again_and_the_old_kilometre_still_resolves(
    database: Any, tmp_path: Path
) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        before = corridor.locate_km(conn, 657)
        site = conn.scalar(text("SELECT chainage_km FROM site WHERE code = 'KKH-LS-0001'"))
        report = corridor.load(
            conn, road_file(tmp_path, [ROAD]), version="survey", valid_from=date(2026, 1, 1), start_km=0
        )
        moved = conn.scalar(text("SELECT chainage_km FROM site WHERE code = 'KKH-LS-0001'"))
        assert report.new
        assert report.referenced > 0
        assert site == pytest.approx(657, abs=0.5)
        assert moved < 45
        assert corridor.locate_km(conn, 657, version=seed.VERSION).lon == pytest.approx(before.lon)
        with pytest.raises(OutsideCorridorError):
            corridor.locate_km(conn, 657)


def test_loading_the_same_file_again_changes_nothing(database: Any, tmp_path: Path) -> None:
    path = road_file(tmp_path, [ROAD])
    with connect.transaction(database.engine) as conn:
        assert corridor.load(conn, path).new
        assert not corridor.load(conn, path).new


def test_an_older_version_cannot_become_current(database: Any, tmp_path: Path) -> None:
    with pytest.raises(CorridorError, match="valid-from"), connect.transaction(database.engine) as conn:
        corridor.load(conn, road_file(tmp_path, [ROAD]), valid_from=date(2020, 1, 1))
        corridor.load(conn, road_file(tmp_path, [ROAD], "c.geojson"), version="older", valid_from=date(2019, 1, 1))


def test_seed_is_loaded_once_with_its_conflicting_values(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        first, second = seed.load(conn), seed.load(conn)
        deaths = conn.scalars(
            text("SELECT value FROM claim WHERE attribute = 'fatalities' AND event_id IS NOT NULL")
        ).all()
        rows = corridor.segments(conn, 640, 645)
        infill = conn.scalar(text("SELECT count(*) FROM segment WHERE basis = 'straight infill'"))
    assert (first.segments, first.sites, first.events) == (1164, 5, 15)
    assert (second.segments, second.sites, second.events) == (0, 0, 0)
    assert sorted(deaths) == ["19", "20"]
    assert [row.km_from for row in rows] == [640, 641, 642, 643, 644]
    assert infill > 500


def test_nothing_loaded_is_said_and_not_guessed(database: Any) -> None:
    with connect.transaction(database.engine) as conn, pytest.raises(NotFoundError, match="kkh corridor load"):
        corridor.locate_km(conn, 640)


def test_places_far_away_or_impossible(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        with pytest.raises(OutsideCorridorError):
            corridor.locate_point(conn, 10, 45)
        with pytest.raises(OutsideCorridorError):
            corridor.locate_point(conn, 79, 36)
        with pytest.raises(InputError):
            corridor.locate_point(conn, 360, 95)


def test_buffer_holds_the_road_and_its_surroundings(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        area = corridor.buffer(conn, 10_000)
    assert area.contains(shapely.Point(74.8675, 36.3368))
    assert area.contains(shapely.Point(74.8675, 36.40))
    assert not area.contains(shapely.Point(76.5, 36.40))


def test_a_polygon_is_referenced_over_its_whole_extent(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        a, b = corridor.locate_km(conn, 650), corridor.locate_km(conn, 653)
        row = conn.execute(
            text("""INSERT INTO site (code, kind, name, source, geom) VALUES ('T-1', 'landslide', 't', 'test',
                    ST_Buffer(ST_SetSRID(ST_MakeLine(ST_MakePoint(:x1, :y1), ST_MakePoint(:x2, :y2)), 4326), 0.001))
                    RETURNING chainage_from_km, chainage_to_km, offset_m"""),
            {"x1": a.lon, "y1": a.lat, "x2": b.lon, "y2": b.lat},
        ).one()
    assert row.chainage_from_km == pytest.approx(650, abs=0.3)
    assert row.chainage_to_km == pytest.approx(653, abs=0.3)
    assert row.offset_m == pytest.approx(0, abs=1)
