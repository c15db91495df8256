"""From a filling lake down the valley to the road: where they meet, what the alert says, and what the rating counts."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from sqlalchemy import text

from alerts.run import process_run
from api import charts, stretches
from api.icerecords import happenings
from api.ways import update_ways
from hazard_db import alerts, cascades, changes, connect, corridor, drawing, lakes, risk
from tests.detection_rasters import PLACE, UTM, write_tif

pytestmark = pytest.mark.integration
TO_LONLAT = Transformer.from_crs(UTM, 4326, always_xy=True)
NOW = datetime(2026, 7, 1, tzinfo=UTC)
CROSSING = (300.0, 150.0)
"""Row and column at which the valley meets the road."""


def lonlat(*points: tuple[float, float]) -> list[list[float]]:
    """Return (row, col) places as longitudes and latitudes."""
    rows, cols = np.array(points).T
    x, y = PLACE @ (cols, rows)
    return np.column_stack(TO_LONLAT.transform(x, y)).tolist()


@pytest.fixture
def dem(tmp_path: Path) -> Path:
    """Return a straight valley that falls 2 m a row along column 150, 10 m pixels."""
    rows, cols = np.mgrid[0:400, 0:300].astype(np.float64)
    height = 4000 - 2.0 * rows + 8.0 * np.abs(cols - 150)
    return write_tif(tmp_path / "dem.tif", {"elevation": height}, dtype="float32", nodata=-9999)


@pytest.fixture
def road(database: Any, tmp_path: Path) -> Any:
    """Return the catalogue with a road that crosses the valley in row 300, its kilometre 634 at the crossing."""
    line = lonlat((300, -400), (300, 700))
    _load(database, tmp_path / "road.geojson", line, 634.0 - 5.5)
    return database


def _load(database: Any, path: Path, line: list[list[float]], start_km: float) -> None:
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": line}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with connect.transaction(database.engine) as conn:
        corridor.load(conn, path, start_km=start_km)


def add_lake(database: Any, name: str | None = "Shisper lake", row: float = 60.0) -> int:
    """Return the number of a lake that grew from 0.02 to 0.10 km² in ten days, stored as runs would."""
    run = changes.RunRecord("lake", "ndwi", "1", {}, [], "x", "test", NOW, NOW, None, {}, None)
    views = []
    for day, side in ((date(2026, 6, 10), 7.0), (date(2026, 6, 20), 15.8)):
        ring = lonlat(
            (row - side, 150 - side), (row - side, 150 + side), (row + side, 150 + side), (row + side, 150 - side)
        )
        views.append(lakes.View("", day, "water", (2 * side * 10) ** 2, 2000.0, 0.9, outline=shapely.Polygon(ring)))
    with connect.transaction(database.engine) as conn:
        for view in views:
            conn.execute(
                text("""INSERT INTO scene (id, collection, sensor, acquired_at, epsg, sun_elevation_deg, sun_azimuth_deg, assets,
                                           checksum, geom)
                        VALUES (:id, 'c', 's', now(), 32643, 50, 150, '{}', :id, ST_Multi(ST_MakeEnvelope(74, 36, 75, 37, 4326)))
                        ON CONFLICT DO NOTHING"""),
                {"id": view.observed_on.isoformat()},
            )
        views = [lakes.View(**{**vars(view), "scene_id": view.observed_on.isoformat()}) for view in views]
        stored = changes.store_run(conn, run, [], [])
        kept = lakes.store(
            conn, stored.run_id, [lakes.LakeRecord(f"L{row}", True, 0.3, tuple(views))], scene_ids=[],
            footprint_wkb=shapely.to_wkb(shapely.box(74, 36, 75, 37)),
        )  # fmt: skip
        conn.execute(text("UPDATE glacial_lake SET name = :name WHERE id = :id"), {"name": name, "id": kept.ids[0]})
    return kept.ids[0]


def grow(database: Any, lake: int) -> int:
    """Return the run that told of the growth."""
    run = changes.RunRecord("lake", "ndwi", "1", {}, [], "y", "test", NOW, NOW, None, {}, None)
    with connect.transaction(database.engine) as conn:
        (told,) = lakes.find(conn, [lake])
        return changes.store_run(conn, run, happenings(conn, told, date(2026, 6, 15)), []).run_id


def test_the_way_meets_the_road_where_it_crosses_it(road: Any, dem: Path) -> None:
    lake = add_lake(road)
    with connect.transaction(road.engine) as conn:
        report = update_ways(conn, dem)
        assert (report.looked, report.found, report.meeting) == (1, 1, 1)
        (way,) = cascades.find(conn)
        assert way["chainage_km"] == pytest.approx(634.0, abs=0.03)
        assert way["flow_m"] == pytest.approx((300 - 75) * 10, abs=30)
        assert way["drop_m"] == pytest.approx((300 - 75) * 2, abs=6)
        assert way["gap_m"] < 1
        assert update_ways(conn, dem).looked == 0
    with connect.transaction(road.public_engine) as conn:
        row = conn.execute(text("SELECT road_km, flow_m FROM published.lakes")).one()
        assert row.road_km == pytest.approx(634.0, abs=0.03)
        assert conn.execute(text("SELECT count(*) FROM published.cascades")).scalar() == 1
    assert lake


def test_a_road_that_moves_meets_the_way_elsewhere(road: Any, dem: Path, tmp_path: Path) -> None:
    add_lake(road)
    with connect.transaction(road.engine) as conn:
        update_ways(conn, dem)
    _load(road, tmp_path / "lower.geojson", lonlat((350, -400), (350, 700)), 100.0)
    with connect.transaction(road.engine) as conn:
        (way,) = cascades.find(conn)
    assert way["chainage_km"] == pytest.approx(105.5, abs=0.03)
    assert way["flow_m"] == pytest.approx((350 - 75) * 10, abs=30)
    _load(road, tmp_path / "far.geojson", lonlat((-3000, -400), (-3000, 700)), 200.0)
    with connect.transaction(road.engine) as conn:
        assert cascades.find(conn) == []


def test_a_road_beside_the_river_is_met_where_they_come_near(database: Any, dem: Path, tmp_path: Path) -> None:
    _load(database, tmp_path / "beside.geojson", lonlat((200, 145), (600, 145)), 0.0)
    add_lake(database)
    with connect.transaction(database.engine) as conn:
        update_ways(conn, dem)
        (way,) = cascades.find(conn)
    assert way["gap_m"] == pytest.approx(100, abs=15)
    assert way["flow_m"] == pytest.approx((200 - 75) * 10 - 90, abs=60)


def test_growth_is_an_alert_at_the_bridge(road: Any, dem: Path) -> None:
    lake = add_lake(road)
    with connect.transaction(road.engine) as conn:
        conn.execute(
            text("""INSERT INTO calibration_point (alignment_id, place, chainage_km, chainage_basis, position_basis,
                                                    distance_to_line_m, source, geom)
                    SELECT id, 'Hassanabad bridge', 634, 'x', 'x', 0, 'x', ST_SetSRID(ST_MakePoint(74.79, 36.3), 4326) FROM alignment""")
        )
        update_ways(conn, dem)
    (raised,) = process_run(road.engine, grow(road, lake), "watch")
    assert raised.headline == "Shisper lake grew 0.08 km² in 10 days → Hassanabad bridge, km 634.0"
    assert raised.severity in {"Moderate", "Severe"}
    assert raised.chainage_km == pytest.approx(634.0, abs=0.03)
    with connect.transaction(road.engine) as conn:
        alert = alerts.get_alert(conn, raised.id)
        km = conn.execute(
            text("SELECT chainage_from_km, chainage_to_km FROM alert WHERE id = :id"), {"id": raised.id}
        ).one()
    assert alert.evidence["cause"]["event"] == "growth"
    assert km[1] - km[0] < 0.6
    assert (
        process_run(road.engine, grow(road, lake), "watch") == []
        or not process_run(road.engine, grow(road, lake), "watch")[0].new
    )


def test_growth_without_an_elevation_model_is_told_all_the_same(road: Any) -> None:
    (raised,) = process_run(road.engine, grow(road, add_lake(road, None)), "watch")
    assert raised.headline.startswith("L60.0 grew 0.08 km² in 10 days")
    with connect.transaction(road.engine) as conn:
        assert "no elevation model" in alerts.get_alert(conn, raised.id).description["en"]


def test_a_way_that_ends_with_its_elevation_model_is_not_known(database: Any, dem: Path, tmp_path: Path) -> None:
    _load(database, tmp_path / "beyond.geojson", lonlat((900, -400), (900, 700)), 0.0)
    lake = add_lake(database, "Short lake")
    with connect.transaction(database.engine) as conn:
        assert update_ways(conn, dem).meeting == 0
    (raised,) = process_run(database.engine, grow(database, lake), "watch")
    assert raised.headline.startswith("Short lake grew")


def test_a_lake_above_the_road_counts_in_its_rating(road: Any, dem: Path) -> None:
    add_lake(road)
    with connect.transaction(road.engine) as conn:
        risk.update(conn, on=date(2026, 7, 1))
        before = {one.km_from: one.score for one in risk.show(conn, 630, 638, hazard="flood")}
        update_ways(conn, dem)
        risk.update(conn, on=date(2026, 7, 1))
        after = {one.km_from: one for one in risk.show(conn, 630, 638, hazard="flood")}
    assert all(score == 0 for score in before.values())
    hit = [one for one in after.values() if one.score > 0]
    assert {one.km_from for one in hit} <= {633.5, 634.0, 633.0, 634.5}
    (part,) = hit[0].contributions
    assert part["source"] == "cascade"
    assert "2.2 km up the valley" in part["detail"]


def test_a_stretch_is_shown_with_the_lake_that_threatens_it(road: Any, dem: Path, tmp_path: Path) -> None:
    add_lake(road)
    with connect.transaction(road.engine) as conn:
        update_ways(conn, dem)
        risk.update(conn, on=date(2026, 7, 1))
        (lake,) = drawing.lakes(conn, drawing.View()).rows
        far, near = (
            stretches.look(conn, conn, stretches.View(*ends), inside=True, lang="en", home=tmp_path).panel
            for ends in ((630.0, 631.0), (633.0, 635.0))
        )
    assert not far.ways
    (spot,) = [one for one in near.spots if one.kind == "lake"]
    assert (spot.label, spot.href) == ("Shisper lake", f"/lakes/{lake['lake_id']}")
    assert shapely.geometry.shape(lake["geometry"]).distance(shapely.Point(spot.lon, spot.lat)) < 0.001
    assert shapely.box(*near.bounds).contains(shapely.Point(spot.lon, spot.lat))
    road_top = max(lat for line in near.road for _, lat in line)
    assert shapely.geometry.shape(lake["geometry"]).bounds[1] > road_top, "the road alone would not show it"

    def reading() -> Any:
        return connect.transaction(road.engine)

    page = charts.draw(
        charts.Asked("segment", 633.0, 635.0), charts.Source(reading, reading, inside=True), charts.telling("en")
    )
    west, south, east, north = json.loads(re.search(r'"bounds":(\[[^\]]*\])', page.script)[1])  # type: ignore[index]
    assert shapely.box(west, south, east, north).covers(shapely.geometry.shape(lake["geometry"]))
    assert 'class="kkh-strip"><svg class="stripmap"' in page.body
