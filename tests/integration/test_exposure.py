from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from sqlalchemy import text

from api.exposing import add_layer, expose_file, renew_layers, summary
from detection.exposure import cut, expose
from detection.reaching import Question, make_reach
from hazard_db import connect, corridor, hazard_layers, rechaining, rhrs, risk, seed
from hazard_db.errors import InputError


def raster(
    path: Path, values: Any, west: float, north: float, pixel: float, nodata: float | None, epsg: int = 32643
) -> Path:
    data = np.asarray(values, dtype=np.float32)
    with rasterio.open(
        path, "w", driver="GTiff", height=data.shape[0], width=data.shape[1], count=1, dtype="float32", nodata=nodata,
        crs=f"EPSG:{epsg}", transform=from_origin(west, north, pixel, pixel),
    ) as file:  # fmt: skip
        file.write(data, 1)
    return path


def test_the_strip_holds_the_cells_whose_centres_it_covers(tmp_path: Path) -> None:
    values = np.zeros((20, 20))
    values[10, 5], values[12, 8], values[15, 15] = 0.7, 0.9, 1.0
    path = raster(tmp_path / "r.tif", values, 500_000, 4_000_200, 10, nodata=0)
    line = shapely.LineString([(500_012, 4_000_095), (500_188, 4_000_095)])  # along the centres of row 10
    (near,), (wider,) = (tuple(expose(path, [(7, line)], "EPSG:32643", buffer_m=width)) for width in (5.0, 11.9))
    assert (near.key, near.maximum, near.covered_share) == (7, pytest.approx(0.7), 1.0)
    assert near.reached_share == pytest.approx(1 / 18)
    assert wider.maximum == pytest.approx(0.7)
    (widest,) = expose(path, [(7, line)], "EPSG:32643", buffer_m=21.0)
    assert widest.maximum == pytest.approx(0.9)
    assert widest.covered_share < 1, "its ends lie beyond the raster"
    halves = list(expose(path, [(7, line)], "EPSG:32643", buffer_m=5.0, length_m=100))
    assert [part.part for part in halves] == [0, 1]
    assert [part.maximum for part in halves] == [pytest.approx(0.7), 0.0]


def test_unknown_is_not_zero_and_outside_is_unknown(tmp_path: Path) -> None:
    values = np.full((10, 10), -9999.0)
    values[:, :5] = 0.2
    path = raster(tmp_path / "r.tif", values, 500_000, 4_000_100, 10, nodata=-9999)
    line = shapely.LineString([(500_000, 4_000_055), (500_200, 4_000_055)])
    (part,) = expose(path, [(1, line)], "EPSG:32643", buffer_m=4.0)
    assert part.maximum == pytest.approx(0.2)
    assert part.covered_share == pytest.approx(0.25, abs=0.02)
    (away,) = expose(path, [(1, shapely.LineString([(600_000, 0), (600_100, 0)]))], "EPSG:32643", buffer_m=4.0)
    assert (away.maximum, away.covered_share) == (None, 0.0)
    with pytest.raises(InputError, match="widths"):
        list(expose(path, [(1, line)], "EPSG:32643", buffer_m=0))


@pytest.mark.parametrize(("length", "parts"), [(100.0, 10), (99.9, 11), (1000.0, 1), (None, 1)])
def test_lines_are_cut_in_equal_parts(length: float | None, parts: int) -> None:
    pieces = cut(shapely.LineString([(0, 0), (600, 0), (600, 400)]), length)
    assert len(pieces) == parts
    assert [piece.length for piece in pieces] == pytest.approx([1000 / parts] * parts)


def test_published_roads_are_cut_and_measured_as_the_study_did(shared_data: Path) -> None:
    folder = shared_data / "risk" / "rockfall_roads_rome" / "data" / "input"
    if not folder.is_dir():
        pytest.skip("the roads near Rome are not here")
    susceptibility = folder / "runout_susceptibility_3004_AOI.tif"
    parts = expose_file(folder / "tr_str.gpkg", susceptibility, buffer_m=5.0, length_m=100.0)
    told = summary(parts)
    assert (told["roads"], told["parts"]) == (330, 955), "the study has 955 segments of at most 100 m"
    assert told["length_km"] == pytest.approx(75.1, abs=0.1)
    # each whole road again, from the points of all reached cells and not from windows of the raster
    with rasterio.open(susceptibility) as file:
        values, transform = file.read(1), file.transform
    rows, cols = np.nonzero(values > 0)
    tree = shapely.STRtree(
        shapely.points(transform.c + (cols + 0.5) * transform.a, transform.f + (rows + 0.5) * transform.e)
    )
    found: dict[int, float] = {}
    for part in expose_file(folder / "tr_str.gpkg", susceptibility, buffer_m=5.0, length_m=None):
        found[part.key] = max(found.get(part.key, 0.0), part.maximum or 0.0)
    for number, road in enumerate(shapely.from_wkb(pyogrio.raw.read(folder / "tr_str.gpkg")[2])):
        inside = tree.query(shapely.force_2d(road).buffer(5), predicate="intersects")
        assert found[number + 1] == pytest.approx(values[rows[inside], cols[inside]].max(initial=0.0))


def test_a_layer_is_a_reason_of_the_rating_and_follows_the_road(database: Any, tmp_path: Path) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        segment = corridor.segments(conn, 760, 761)[0]
        lon, lat = segment.lonlat[0]
        values = np.full((60, 60), 0.95)
        path = raster(tmp_path / "s.tif", values, lon - 0.03, lat + 0.03, 0.001, nodata=-1, epsg=4326)
        count = add_layer(
            conn, path, name="map", layer="susceptibility", hazard="landslide", buffer_m=50, made_on=date(2026, 1, 1), card={"auc": 0.8}
        )  # fmt: skip
        risk.update(conn, date(2026, 7, 1))
        row = next(row for row in risk.show(conn, 760, 761) if row.hazard == "landslide")
        again = renew_layers(conn)
        add_layer(
            conn, path, name="map", layer="run_out", hazard="rockfall", buffer_m=20, made_on=date(2026, 2, 1), card={}
        )
        standing = hazard_layers.list_layers(conn)
        path.write_bytes(b"")
        path.unlink()
        missing = renew_layers(conn)
        hazard_layers.retire(conn, "map")
        risk.update(conn, date(2026, 7, 1))
        after = [row.hazard for row in risk.show(conn, 760, 761)]
    assert 1 < count < 10
    part = next(part for part in row.contributions if part["source"] == "susceptibility")
    assert part["points"] == pytest.approx(15)
    assert "up to 0.95" in part["detail"]
    assert again == (1, [])
    assert [(one["layer"], one["hazard"]) for one in standing] == [("run_out", "rockfall")]
    assert missing == (0, ["map"])
    assert after == ["all"]


def test_slopes_scored_in_the_field_count_by_their_newest_total(database: Any, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    head = "slope,scored_on,km," + ",".join(rhrs.CRITERIA)
    path.write_text(
        f"{head}\nK-1,2024-05-01,760.5,{','.join(['81'] * 10)}\nK-1,2026-05-01,760.5,{','.join(['27'] * 10)}\n"
    )
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        report = rhrs.store(conn, rhrs.read_scores(path, conn), "survey")
        again = rhrs.store(conn, rhrs.read_scores(path, conn), "survey")
        risk.update(conn, date(2026, 7, 1))
        row = next(row for row in risk.show(conn, 760, 761) if row.hazard == "rockfall")
        path.write_text(f"{head}\nK-1,2024-05-01,760.5,{','.join(['81'] * 9 + ['250'])}\n")
        with pytest.raises(InputError, match="line 2, rockfall_history: 250 cannot be"):
            rhrs.read_scores(path, conn)
        path.write_text(f"{head}\nK-1,2024-05-01,760.5,{','.join(['81'] * 9)}\n")
        with pytest.raises(InputError, match="rockfall_history: nothing is no number"):
            rhrs.read_scores(path, conn)
    assert (report.slopes, report.new, report.beyond, again.new) == (2, 2, 0, 0)
    (part,) = row.contributions
    assert part["points"] == pytest.approx(40 * 270 / 500, abs=0.05)
    assert "270 (intermediate)" in part["detail"]


def test_everything_that_has_a_kilometre_follows_a_new_line(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        tables = conn.scalars(
            text("""SELECT DISTINCT c.table_name FROM information_schema.columns AS c
                    JOIN information_schema.triggers AS t ON t.event_object_table = c.table_name AND t.trigger_name = 'reference'
                    WHERE c.table_schema = 'public' AND c.column_name = 'alignment_id'""")
        ).all()
    assert set(tables) == set(rechaining.REFERENCED)


def test_a_cliff_beside_the_road_makes_its_rating_of_rockfall(database: Any, tmp_path: Path) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        segment = corridor.segments(conn, 760, 761)[0]
        lon, lat = segment.lonlat[len(segment.lonlat) // 2]
        heights = np.full((60, 60), 2500.0)
        heights[30, 30] = 3000.0  # 33 degrees: as far as 770 m around
        dem = raster(tmp_path / "dem.tif", heights, lon - 0.0305, lat + 0.0305, 0.001, nodata=-1, epsg=4326)
        cliff = raster(tmp_path / "s.tif", heights > 2500, lon - 0.0305, lat + 0.0305, 0.001, nodata=-1, epsg=4326)
        card = make_reach(Question(dem, cliff, None, 0, 33), tmp_path / "reach.tif")
        add_layer(
            conn, tmp_path / "reach.tif", name="reach", layer="run_out", hazard="rockfall", buffer_m=50,
            made_on=date(2026, 1, 1), card=card,
        )  # fmt: skip
        risk.update(conn, date(2026, 7, 1))
        row = next(row for row in risk.show(conn, 760, 761) if row.hazard == "rockfall")
    part = next(part for part in row.contributions if part["source"] == "run_out")
    assert part["points"] == pytest.approx(20)
