from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hazard_db import connect, glaciers, icebook
from hazard_db.errors import InputError
from hazard_db.glacier_file import read_outlines
from ingest.inventories.glaciers import ingest_glaciers


def write(path: Path, features: list[tuple[dict[str, Any], float]]) -> Path:
    """Write squares of a side in degrees."""
    shapes = [
        {
            "type": "Feature",
            "properties": properties,
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[74.6, 36.4], [74.6 + d, 36.4], [74.6 + d, 36.4 + d], [74.6, 36.4 + d], [74.6, 36.4]]],
            },
        }
        for properties, d in features
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": shapes}))
    return path


@pytest.mark.integration
def test_outlines_of_every_date_stand_side_by_side(database: Any, tmp_path: Path) -> None:
    old = write(tmp_path / "rgi6.geojson", [({"RGIId": "RGI60-14.1", "BgnDate": "20000909", "Name": "Shisper"}, 0.05)])
    new = write(tmp_path / "rgi7.geojson", [({"RGIId": "RGI60-14.1", "BgnDate": "20209999"}, 0.04)])
    first = ingest_glaciers(database.app_engine, old)
    assert (first.new, first.unchanged, first.schema) == (1, 0, "RGI 6")
    assert ingest_glaciers(database.app_engine, old).unchanged == 1
    ingest_glaciers(database.app_engine, new)
    with connect.transaction(database.engine) as conn:
        (change,) = glaciers.area_changes(conn)
    assert (change.name, change.earlier_on, change.later_on) == ("Shisper", date(2000, 9, 9), date(2020, 1, 1))
    assert change.change_m2 == pytest.approx(-0.36 * change.earlier_m2, rel=0.001)
    assert 0 < change.change_uncertainty_m2 < abs(change.change_m2)
    with connect.transaction(database.public_engine) as conn:
        row = conn.execute(text("SELECT * FROM published.glaciers")).one()
    assert row.outlined_on == date(2020, 1, 1)
    assert row.area_change_m2 == pytest.approx(change.change_m2)


@pytest.mark.integration
def test_an_outline_without_a_date_is_shown_and_compared_with_none(database: Any, tmp_path: Path) -> None:
    for name, day, side in (("old", "2000-09-09", 0.05), ("new", "2020-09-09", 0.04), ("undated", None, 0.08)):
        ingest_glaciers(
            database.app_engine, write(tmp_path / f"{name}.geojson", [({"glacier_id": "a", "date": day}, side)])
        )
    with connect.transaction(database.public_engine) as conn:
        outlines = icebook.get_glacier(conn, "a")["outlines"]
    assert [one["dataset"] for one in outlines] == ["undated", "old", "new"]
    assert [one["change_m2"] is None for one in outlines] == [True, True, False]
    assert outlines[2]["change_m2"] == pytest.approx(-0.36 * outlines[1]["area_m2"], rel=0.001)


@pytest.mark.integration
def test_national_park_lost_ice_between_1966_and_1998(database: Any, shared_data: Path) -> None:
    folder = shared_data / "glaciers" / "gnp_glaciers_usgs"
    if not folder.is_dir():
        pytest.skip("the outlines of the park are absent")
    for year in ("66", "98"):
        report = ingest_glaciers(database.app_engine, folder / f"polys{year}.json", dataset=f"USGS 19{year}")
        assert report.glaciers == 39
    with connect.transaction(database.engine) as conn:
        changes = glaciers.area_changes(conn)
    assert len(changes) == 39
    told_66, told_98 = (areas_told(folder / f"polys{year}.json") for year in ("66", "98"))
    for one in changes:
        name = one.glacier_id
        assert one.earlier_m2 == pytest.approx(told_66[name], rel=0.03)
        assert one.later_m2 == pytest.approx(told_98[name], rel=0.03)
        assert one.change_m2 == pytest.approx(told_98[name] - told_66[name], abs=2_500)
    assert sum(one.earlier_m2 for one in changes) == pytest.approx(sum(told_66.values()), rel=0.001)
    assert sum(one.change_m2 for one in changes) == pytest.approx(-5.37e6, rel=0.005)


def areas_told(path: Path) -> dict[str, float]:
    """Return the area that the park's own column tells of each glacier, m²."""
    return {
        one["properties"]["GLACNAME"]: one["properties"]["AREA"] for one in json.loads(path.read_text())["features"]
    }


def test_real_schemas_are_read(shared_data: Path) -> None:
    folder = shared_data / "glaciers"
    if not folder.is_dir():
        pytest.skip("glacier outlines are absent")
    (gulmit,) = read_outlines(folder / "karakoram_rgi_srtm" / "RGI60-14.03439" / "RGI60-14.03439.shp")
    assert (gulmit.glacier_id, gulmit.schema) == ("RGI60-14.03439", "RGI 6")
    (baltoro,) = read_outlines(folder / "karakoram_rgi_srtm" / "baltoro_wgs84.shp")
    assert glaciers.area_of(baltoro, 30.0)[0] / 1e6 == pytest.approx(551.9, rel=0.01)  # its own column AREA
    everest = read_outlines(folder / "everest_landsat7_2000" / "Everest_Landsat" / "15_rgi60_glacier_outlines.gpkg")
    assert len(everest) == 86
    assert len(read_outlines(folder / "karakoram_rgi_srtm" / "cgi2" / "cgi2.shp")) == 5


def test_glims_rock_inside_is_no_ice(tmp_path: Path) -> None:
    path = write(
        tmp_path / "glims.geojson",
        [
            ({"glac_id": "G074E36N", "line_type": "glac_bound", "src_date": "2015-08-01T00:00:00"}, 0.05),
            ({"glac_id": "G074E36N", "line_type": "intrnl_rock", "src_date": "2015-08-01T00:00:00"}, 0.02),
            ({"glac_id": "G074E36N", "line_type": "debris_cov", "src_date": "2015-08-01T00:00:00"}, 0.04),
        ],
    )
    (one,) = read_outlines(path)
    assert one.schema == "GLIMS"
    assert one.outlined_on == date(2015, 8, 1)
    assert one.outline.area == pytest.approx(0.05**2 - 0.02**2)


def test_metres_without_a_crs_are_refused_and_placed_with_one(tmp_path: Path) -> None:
    feature = {
        "type": "Feature",
        "properties": {"glacier_id": "x"},
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[480000, 4020000], [481000, 4020000], [481000, 4021000], [480000, 4020000]]],
        },
    }
    path = tmp_path / "utm.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with pytest.raises(InputError, match="--crs"):
        read_outlines(path)
    (one,) = read_outlines(path, "EPSG:32643")
    assert one.outline.bounds == pytest.approx((74.777, 36.325, 74.789, 36.334), abs=0.01)
