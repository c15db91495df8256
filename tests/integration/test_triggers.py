"""Rain, earthquakes, bulletins and gauges on the seed road."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from hazard_db import accounts, connect, seed
from hazard_db.errors import InputError, NotFoundError
from hazard_db.triggers import bulletins, quakes, rain, sensors, sources
from ingest.triggers.load import ingest_bulletins, ingest_earthquakes, ingest_rainfall
from tests import rain_files
from tests.api_client import TestClient
from tests.unit.test_trigger_files import shakemap

DAY = datetime(2024, 7, 1, tzinfo=UTC)


@pytest.fixture
def road(database: Any) -> Any:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    return database


def wet(mm: float) -> np.ndarray:
    return np.full(rain_files.SHAPE, mm)


def fall(road: Any, folder: Path, day: datetime, mm: float, run: str = "L", version: str = "V07B") -> str:
    path = rain_files.geotiff(folder / rain_files.daily_name(day, run, version), wet(mm))
    return ingest_rainfall(road.app_engine, path, actor="test").status


def sums(road: Any, **more: Any) -> dict[int, tuple[float, float]]:
    with connect.transaction(road.app_engine) as conn:
        found = rain.windows(conn, km=(640, 641), **more)
    return {one.window_h: (round(one.rain_mm, 3), round(one.observed_share, 3)) for one in found}


def test_windows_add_up_each_hour_once_and_say_what_is_missing(road: Any, tmp_path: Path) -> None:
    for day in (0, 1, 2, 4):
        assert fall(road, tmp_path, DAY + timedelta(days=day), 10.0 + day) == "stored"
    assert fall(road, tmp_path, DAY, 10.0) == "unchanged"
    assert sums(road) == {
        24: (14.0, 1.0), 48: (14.0, 0.5), 72: (26.0, 0.667), 120: (47.0, 0.8), 168: (47.0, 0.571), 240: (47.0, 0.4),
    }  # fmt: skip
    # sliding files of other hours, and half-hourly ones, are not added to the days
    name = rain_files.daily_name(DAY + timedelta(days=4)).replace("S233000-E235959", "S113000-E115959")
    ingest_rainfall(road.app_engine, rain_files.geotiff(tmp_path / name, wet(99.0)), actor="test")
    half = rain_files.half_hour_hdf(tmp_path / "half.HDF5", wet(2.0), DAY + timedelta(days=4, hours=23, minutes=30))
    ingest_rainfall(road.app_engine, half, actor="test")
    assert sums(road)[72] == (26.0, 0.667)
    assert sums(road, until=DAY + timedelta(days=3))[72] == (33.0, 1.0)


def test_a_better_run_replaces_a_worse_one_and_never_the_other_way(road: Any, tmp_path: Path) -> None:
    fall(road, tmp_path, DAY, 20.0, "L")
    assert fall(road, tmp_path, DAY, 50.0, "E") == "unchanged", "the early run comes too late"
    assert sums(road)[24] == (20.0, 1.0)
    assert fall(road, tmp_path, DAY, 30.0, "L", "V07C") == "stored"
    assert sums(road)[24] == (30.0, 1.0)
    with connect.transaction(road.engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM rain_grid")) == 3, "nothing is lost"


def test_how_rare_a_sum_is_comes_from_the_zones_own_days(road: Any, tmp_path: Path) -> None:
    fall(road, tmp_path, DAY, 5.0)
    with connect.transaction(road.app_engine) as conn:
        assert rain.learn_climate(conn) == {}, "one day is no climate"
        assert {one.percentile for one in rain.windows(conn)} == {None}
        conn.execute(text("DELETE FROM rain_grid"))
        (cell,) = rain.cells(conn)[:1]
        conn.execute(
            text("""WITH g AS (INSERT INTO rain_grid (product, run, version, starts_at, ends_at, file_name, sha256)
                               SELECT 'IMERG', 'final', 'V07', d, d + interval '1 day', d::text, d::text
                               FROM generate_series(timestamptz '2022-01-01 00:00+00', '2023-12-31 00:00+00', '1 day') AS d
                               RETURNING id, starts_at)
                    INSERT INTO rain (grid_id, cell_x, cell_y, rain_mm)
                    SELECT id, c.x, c.y, extract(doy FROM starts_at AT TIME ZONE 'UTC') - 1
                    FROM g, (VALUES (:x, :y), (2548, 1263)) AS c(x, y)"""),
            {"x": int(cell[0]), "y": int(cell[1])},
        )
        days = rain.learn_climate(conn)
        row = conn.execute(text("SELECT * FROM rain_climate WHERE zone = 'rain_shadow' AND window_h = 24")).one()
    assert days["rain_shadow"] == 730
    fall(road, tmp_path, DAY, 5.0)
    exact = np.percentile(np.tile(np.arange(365.0), 2), row.levels)
    np.testing.assert_allclose(row.rain_mm, exact)
    for mm, expected in ((0.0, 0.0), (183.0, 50.0), (361.0, 99.0), (900.0, 99.9)):
        with connect.transaction(road.app_engine) as conn:
            conn.execute(
                text("UPDATE rain SET rain_mm = :mm WHERE grid_id = (SELECT max(id) FROM rain_grid)"), {"mm": mm}
            )
            told = {(one.zone, one.window_h): one.percentile for one in rain.windows(conn)}
        assert told["rain_shadow", 24] == expected
        assert told["monsoon", 24] is None or days.get("monsoon")


def test_a_shakemap_shakes_the_segments_inside_it(road: Any, tmp_path: Path) -> None:
    report = ingest_earthquakes(road.app_engine, shakemap(tmp_path / "grid.xml"), actor="test")
    assert (report.status, report.new, report.at_road) == ("stored", 1, 1)
    assert ingest_earthquakes(road.app_engine, shakemap(tmp_path / "grid.xml"), actor="test").status == "unchanged"
    with connect.transaction(road.app_engine) as conn:
        (quake,) = quakes.list_quakes(conn)
        rows = conn.execute(
            text("""SELECT k.mmi, k.pga_pct_g, ST_X(m) AS lon, ST_Y(m) AS lat FROM (
                        SELECT *, ST_LineInterpolatePoint(geom, 0.5) AS m FROM segment) AS s
                    JOIN segment_shaking AS k ON k.segment_id = s.id""")
        ).all()
    assert quake.basis == "shakemap"
    assert len(rows) > 40
    for row in rows:  # the grid is a plane
        assert 74 <= row.lon <= 75
        assert row.mmi == pytest.approx(5 + (row.lon - 74) + 2 * (37 - row.lat), abs=1e-9)
        assert row.pga_pct_g == pytest.approx(10 + 10 * (row.lon - 74) + 20 * (37 - row.lat), abs=1e-9)


def feed(path: Path, number: str, mag: float | None, told: int, **more: Any) -> Path:
    import json

    properties = {"mag": mag, "time": 1700000000000, "updated": told, "ids": f",{number},us7000abcd,", **more}
    place = {"type": "Point", "coordinates": [74.8, 36.3, 12.0]}
    path.write_text(json.dumps({"features": [{"id": number, "properties": properties, "geometry": place}]}))
    return path


def test_late_words_do_not_undo_newer_ones_and_a_measured_map_stays(road: Any, tmp_path: Path) -> None:
    def tell(number: str, mag: float | None, told: int, **more: Any) -> str:
        return ingest_earthquakes(
            road.app_engine, feed(tmp_path / "f.json", number, mag, told, **more), actor="test"
        ).status

    def known() -> Any:
        with connect.transaction(road.app_engine) as conn:
            return quakes.list_quakes(conn)

    assert tell("ak1", 6.0, 1700000200000) == "stored"
    assert known()[0].basis == "estimated"
    assert known()[0].largest_mmi == pytest.approx(7.2, abs=0.6)
    assert tell("ak1", 5.0, 1700000100000) == "unchanged", "told earlier, arrived later"
    ingest_earthquakes(road.app_engine, shakemap(tmp_path / "grid.xml"), actor="test")
    assert [(one.source_id, one.basis) for one in known()] == [("us7000abcd", "shakemap"), ("ak1", "estimated")]


def test_one_earthquake_under_two_names_is_one(road: Any, tmp_path: Path) -> None:
    ingest_earthquakes(road.app_engine, shakemap(tmp_path / "grid.xml"), actor="test")
    renamed = feed(tmp_path / "f.json", "ak1", 6.5, 1800000000000 - 10**11, time=1704414655000, updated=1704500000000)
    ingest_earthquakes(road.app_engine, renamed, actor="test")
    with connect.transaction(road.app_engine) as conn:
        (one,) = quakes.list_quakes(conn)
        assert (one.source_id, one.magnitude, one.basis) == ("us7000abcd", 6.5, "shakemap")
    gone = feed(tmp_path / "f.json", "us7000abcd", 6.5, 1704600000000, status="deleted")
    ingest_earthquakes(road.app_engine, gone, actor="test")
    with connect.transaction(road.app_engine) as conn:
        assert quakes.list_quakes(conn, shaken_only=False) == []


def test_real_files_are_counted(road: Any, shared_data: Path) -> None:
    folder = shared_data / "triggers"
    engine = road.app_engine
    told = ingest_rainfall(engine, folder / "gpm_imerg/test_gpm.tif", actor="test")
    assert (told.status, told.records) == ("stored", told.at_road)
    assert told.records > 200
    assert sums(road)[24][1] == 1.0
    counted = [
        ingest_earthquakes(engine, path, actor="test") for path in sorted((folder / "usgs_quakes").glob("*.json"))
    ]
    assert [(one.records, one.new) for one in counted] == [(3, 3), (0, 0), (5, 5)]
    shaken = ingest_earthquakes(engine, folder / "usgs_shakemap/tests/data/loma_prieta/grid.xml", actor="test")
    assert (shaken.new, shaken.at_road) == (1, 0), "California does not shake the Karakoram"
    assert ingest_bulletins(engine, folder / "gdacs/gdacs-1.xml", actor="test").new == 4
    assert ingest_bulletins(engine, folder / "gdacs/gdacs-1.xml", actor="test").new == 0
    with connect.transaction(road.public_engine) as conn:
        counts = [conn.scalar(text(f"SELECT count(*) FROM published.{one}")) for one in ("earthquakes", "bulletins")]
        assert counts == [9, 4]
        assert conn.scalar(text("SELECT count(*) FROM published.rainfall WHERE window_h = 24")) > 1000


GAUGE = sensors.Sensor("hunza-1", "Hunza at Aliabad", "water_level", "m", 74.62, 36.31, 3.0, 5.0, 0.5)


def test_gauges_tell_levels_and_rates(road: Any) -> None:
    start = datetime.now(UTC) - timedelta(hours=5)
    with connect.transaction(road.app_engine) as conn:
        sensors.add(conn, GAUGE)
        assert sensors.reading(conn, "hunza-1") is None
        levels = [1.0, 1.1, 1.2, 2.0]
        values = [(start + timedelta(hours=step), level) for step, level in enumerate(levels)]
        assert sensors.store_values(conn, "hunza-1", values) == 4
        assert sensors.store_values(conn, "hunza-1", values[::-1]) == 0, "sent again"
        told = sensors.reading(conn, "hunza-1")
        assert told is not None
        assert told.rise_per_h == pytest.approx(0.8)
        assert told.level == "warning"
        late = start + timedelta(minutes=90)
        sensors.store_values(conn, "hunza-1", [(late, 9.9)])
        told = sensors.reading(conn, "hunza-1")
        assert told is not None
        assert told.value == 2.0, "a late value is not the newest"
        sensors.store_values(conn, "hunza-1", [(start + timedelta(hours=4), 5.1)])
        told = sensors.reading(conn, "hunza-1")
        assert told is not None
        assert told.level == "danger"
        with pytest.raises(InputError, match="future"):
            sensors.store_values(conn, "hunza-1", [(datetime.now(UTC) + timedelta(hours=1), 1.0)])
        with pytest.raises(NotFoundError):
            sensors.store_values(conn, "nobody", values)
        with pytest.raises(NotFoundError, match="no lake"):
            sensors.add(conn, sensors.Sensor("x", "x", "x", "x", 74, 36, lake_id="nowhere"))


def test_who_is_silent_is_known(road: Any) -> None:
    with connect.transaction(road.app_engine) as conn:
        sources.heard(conn, "feed a", "feed", silent_after_s=3600, news=True, marks=sources.Marks('"v1"', None))
        sources.heard(conn, "feed a", "feed", silent_after_s=3600)
        assert sources.marks(conn, "feed a") == sources.Marks('"v1"', None)
        sources.not_heard(conn, "feed b", "feed", "refused", silent_after_s=60)
        conn.execute(text("UPDATE source SET expected_since = now() - interval '2 minutes' WHERE name = 'feed b'"))
        sensors.add(conn, GAUGE)
        told = {one.name: (one.silent, one.error) for one in sources.states(conn)}
    assert told == {"feed a": (False, None), "feed b": (True, "refused"), "hunza-1": (False, None)}


def test_a_road_is_needed(database: Any, tmp_path: Path) -> None:
    path = rain_files.geotiff(tmp_path / rain_files.daily_name(DAY), wet(1.0))
    with pytest.raises(InputError, match="no road yet"):
        ingest_rainfall(database.app_engine, path, actor="test")


def test_bulletins_near_the_road(road: Any, tmp_path: Path) -> None:
    path = tmp_path / "g.xml"
    item = "<item><title>T</title><guid>{0}</guid><pubDate>{1}</pubDate><point>{2}</point>"
    item += "<alertlevel>Red</alertlevel><eventtype>FL</eventtype></item>"
    first = item.format("FL1", "Mon, 30 Dec 2019 01:35:11 GMT", "36.3 74.8") + item.format(
        "FL2", "Mon, 30 Dec 2019 01:35:11 GMT", "10 20"
    )
    path.write_text(f"<rss>{first}</rss>")
    assert ingest_bulletins(road.app_engine, path, actor="test").at_road == 1
    with connect.transaction(road.app_engine) as conn:
        (near,) = bulletins.list_bulletins(conn)
    assert near.kind == "flood"
    assert near.chainage_km is not None


def test_a_gauges_key_sends_values_and_opens_nothing_else(
    client: TestClient, key: Callable[..., dict[str, str]], database: Any
) -> None:
    with connect.transaction(database.engine) as conn:
        sensors.add(conn, GAUGE)
        own = {"X-API-Key": accounts.create_sensor_key(conn, "gauge")}
    now = datetime.now(UTC)
    sent = {
        "values": [{"at": (now - timedelta(hours=2)).isoformat(), "value": 1.0}, {"at": now.isoformat(), "value": 3.2}]
    }
    answer = client.post("/sensors/hunza-1/values", json=sent, headers=own)
    assert (answer.status_code, answer.json()) == (201, {"sensor": "hunza-1", "new": 2, "level": "warning"})
    assert client.post("/sensors/hunza-1/values", json=sent, headers=own).json()["new"] == 0
    for method, path in (
        ("get", "/sensors"),
        ("get", "/alerts"),
        ("get", "/sensors/hunza-1/values"),
        ("post", "/alerts/1/ack"),
    ):
        assert getattr(client, method)(path, headers=own).status_code == 403, path
    assert client.post("/openrosa/submission", headers=own).status_code in {401, 403}
    assert client.post("/sensors/hunza-1/values", json=sent, headers=key("reviewer")).status_code == 403
    assert client.post("/sensors/hunza-1/values", json=sent, headers=key("engineer")).status_code == 201
    assert client.post("/sensors/hunza-1/values", json=sent).status_code == 401
    for bad in (
        {},
        {"at": "2026-01-01T00:00:00", "value": 1},
        {"at": now.isoformat(), "value": "NaN"},
        {"values": []},
        sent | {"value": 1},
    ):
        assert client.post("/sensors/hunza-1/values", json=bad, headers=own).status_code == 422, bad
    assert client.post("/sensors/other/values", json=sent, headers=own).status_code == 404
    (shown,) = client.get("/sensors", headers={"Accept": "application/json"}).json()["features"]
    assert shown["properties"]["last_value"] == 3.2
    assert len(client.get("/sensors/hunza-1/values").json()["values"]) == 2


def test_the_page_of_a_kilometre_tells_rain_shaking_and_gauges(client: TestClient, road: Any, tmp_path: Path) -> None:
    with connect.transaction(road.engine) as conn:
        sensors.add(conn, GAUGE)
        km = int(sensors.get(conn, "hunza-1").chainage_km or 0)
        sensors.store_values(conn, "hunza-1", [(datetime.now(UTC), 4.5)])
    fall(road, tmp_path, DAY, 123.4)
    ingest_earthquakes(road.app_engine, shakemap(tmp_path / "grid.xml"), actor="test")
    for language, words in (("en", "Rain and shaking"), ("zh", "降雨与地震"), ("ur", "بارش اور زلزلے")):
        page = client.get(f"/segments/{km}?lang={language}").text
        assert words in page
        assert "123.4" in page
        assert "hunza-1" in page or "Hunza at Aliabad" in page
    told = client.get(f"/segments/{km}?f=json").json()
    assert told["rain"][0]["rain_mm"] == pytest.approx(123.4)
    assert told["shaking"][0]["mmi"] > 5
    assert told["sensors"][0]["code"] == "hunza-1"
