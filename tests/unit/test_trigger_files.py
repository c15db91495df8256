from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from hazard_db.errors import InputError
from ingest.triggers.gdacs import read_bulletins
from ingest.triggers.intensity import ShakeGrid, distance_km, estimate_along, estimate_mmi, sample
from ingest.triggers.quakes import read_quakes
from ingest.triggers.rain import read_rain
from tests import rain_files

DAY = datetime(2024, 7, 3, tzinfo=UTC)
CELLS = np.array([(2548, 1263), (2549, 1264), (1000, 400)], dtype=np.int16)
"""74.8 E 36.3 N, its neighbour, and one far from any road."""


def gradient() -> np.ndarray:
    """Return rain that differs in every cell: the column's tenth plus the row."""
    rows, columns = rain_files.SHAPE
    return np.arange(rows)[:, None] * 1.0 + np.arange(columns)[None, :] * 0.1


EXPECTED = [36 * 1.0 + 28 * 0.1, 35 * 1.0 + 29 * 0.1, np.nan]


def test_a_geotiff_without_crs_is_read_in_tenths_of_a_millimetre(tmp_path: Path) -> None:
    path = rain_files.geotiff(tmp_path / rain_files.daily_name(DAY), gradient())
    grid = read_rain(path, CELLS)
    np.testing.assert_allclose(grid.rain_mm, EXPECTED)
    assert (grid.run, grid.version) == ("late", "V07B")
    assert (grid.starts_at, grid.ends_at) == (DAY, datetime(2024, 7, 4, tzinfo=UTC))


def test_a_renamed_file_is_known_by_its_tags_and_a_zip_by_what_is_in_it(tmp_path: Path) -> None:
    name = rain_files.daily_name(DAY, "E").replace("S233000-E235959", "S173000-E175959")
    path = rain_files.geotiff(
        tmp_path / "rain.tif", gradient(), described=f"/NRTPUB/imerg/gis/early//{name}", crs="EPSG:4326"
    )
    with zipfile.ZipFile(tmp_path / "rain.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "rain.tif")
    for one in (path, tmp_path / "rain.zip"):
        grid = read_rain(one, CELLS)
        assert grid.run == "early"
        assert grid.ends_at == datetime(2024, 7, 3, 18, tzinfo=UTC), "the day before the last half hour ended"
        np.testing.assert_allclose(grid.rain_mm, EXPECTED)


def test_hdf5_rates_become_sums_and_missing_cells_stay_missing(tmp_path: Path) -> None:
    rate = gradient()
    rate[36, 28] = np.nan
    grid = read_rain(rain_files.half_hour_hdf(tmp_path / "a.HDF5", rate, DAY), CELLS)
    np.testing.assert_allclose(grid.rain_mm, [np.nan, EXPECTED[1] / 2, np.nan], rtol=1e-6)
    assert (grid.ends_at - grid.starts_at).total_seconds() == 1800
    daily = read_rain(rain_files.daily_netcdf(tmp_path / "b.nc4", gradient(), DAY), CELLS)
    np.testing.assert_allclose(daily.rain_mm, EXPECTED, rtol=1e-6)
    assert (daily.ends_at - daily.starts_at).total_seconds() == 86400


def test_rain_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    plain = rain_files.geotiff(tmp_path / "plain.tif", gradient())
    huge = rain_files.geotiff(tmp_path / rain_files.daily_name(DAY), np.full(rain_files.SHAPE, 6000.0))
    cut = tmp_path / "cut.HDF5"
    cut.write_bytes(rain_files.half_hour_hdf(tmp_path / "whole.HDF5", gradient(), DAY).read_bytes()[:900])
    (tmp_path / "text.tif").write_text("no raster")
    elsewhere = rain_files.geotiff(tmp_path / rain_files.daily_name(datetime(2024, 7, 5, tzinfo=UTC)), gradient())
    for path, cells, words in (
        (plain, CELLS, "does not tell its hours"),
        (huge, CELLS, "which cannot be"),
        (cut, CELLS, "damaged or incomplete"),
        (tmp_path / "text.tif", CELLS, "is not a GeoTIFF, HDF5 or NetCDF"),
        (elsewhere, CELLS[2:], "does not cover the road"),
        (tmp_path / "none.tif", CELLS, "no such file"),
    ):
        with pytest.raises(InputError, match=words) as told:
            read_rain(path, cells)
        assert "\n" not in str(told.value)


def test_estimated_intensity_agrees_with_the_published_table() -> None:
    """Values that other implementations of the equation give for the same magnitudes and distances."""
    for magnitude, distance, expected in ((7.0, 10, 8.0293), (7.0, 100, 5.6632), (5.0, 20, 5.0182), (6.0, 50, 5.1604)):
        assert estimate_mmi(magnitude, np.array([float(distance)]))[0] == pytest.approx(expected, abs=0.01)
    far = estimate_along(8.0, 10, 0.0, 0.0, np.array([[10.0, 0.0], [0.5, 0.0]]))
    assert far[0] == 0
    assert far[1] > 7
    assert distance_km(73.0, 34.0, np.array([[74.0, 36.0]]))[0] == pytest.approx(240.3, abs=0.5)


def test_a_plane_is_sampled_exactly_and_nothing_outside_the_grid() -> None:
    rows, columns = np.mgrid[0:5, 0:7]
    grid = ShakeGrid(74.0, 37.0, 0.1, 0.2, 2.0 + 0.5 * columns + 0.25 * rows, None, None)
    places = np.array([[74.25, 36.7], [74.6, 36.2], [73.99, 36.5], [74.3, 37.01]])
    np.testing.assert_allclose(
        sample(grid.mmi, grid, places), [2 + 0.5 * 2.5 + 0.25 * 1.5, 2 + 0.5 * 6 + 0.25 * 4, np.nan, np.nan]
    )


GRID = """<?xml version="1.0"?>{doctype}<shakemap_grid xmlns="http://earthquake.usgs.gov/eqcenter/shakemap" event_id="us7000abcd"
 shakemap_version="3" process_timestamp="2024-01-05T01:19:42Z" map_status="RELEASED" shakemap_event_type="{kind}">
<event event_id="us7000abcd" magnitude="6.4" depth="12.0" lat="36.3" lon="74.8" event_timestamp="2024-01-05T00:30:55GMT" event_network="us"
 event_description="Hunza"/>
<grid_specification lon_min="74" lat_min="36" lon_max="75" lat_max="37" nominal_lon_spacing="1" nominal_lat_spacing="1" nlon="2" nlat="2"/>
<grid_field index="1" name="LON" units="dd"/><grid_field index="2" name="LAT" units="dd"/><grid_field index="3" name="MMI" units=""/>
<grid_field index="4" name="PGA" units="pctg"/><grid_data>
{numbers}
</grid_data></shakemap_grid>"""
NUMBERS = "74 37 5 10\n75 37 6 20\n74 36 7 30\n75 36 8 40"


def shakemap(path: Path, *, doctype: str = "", kind: str = "ACTUAL", numbers: str = NUMBERS) -> Path:
    path.write_text(GRID.format(doctype=doctype, kind=kind, numbers=numbers))
    return path


def test_a_shakemap_is_an_earthquake_with_a_grid(tmp_path: Path) -> None:
    read = read_quakes(shakemap(tmp_path / "grid.xml", doctype="<!DOCTYPE shakemap_grid [<!ELEMENT event EMPTY>]>"))
    (quake,) = read.quakes
    assert (quake.source_id, quake.magnitude, quake.shakemap_version) == ("us7000abcd", 6.4, 3)
    assert quake.happened_at == datetime(2024, 1, 5, 0, 30, 55, tzinfo=UTC)
    assert read.grid is not None
    np.testing.assert_allclose(sample(read.grid.mmi, read.grid, np.array([[74.5, 36.5], [75.0, 36.0]])), [6.5, 8.0])
    assert read.grid.pga_pct_g is not None


def test_earthquake_files_that_must_not_be_believed(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE shakemap_grid [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    outside = '<!DOCTYPE shakemap_grid SYSTEM "http://127.0.0.1/x.dtd" [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    cases = [
        (shakemap(tmp_path / "a.xml", doctype=bomb), "holds entities"),
        (shakemap(tmp_path / "b.xml", doctype=outside), "holds entities"),
        (shakemap(tmp_path / "c.xml", kind="SCENARIO"), "is a scenario, not an earthquake"),
        (shakemap(tmp_path / "d.xml", numbers="74 37 5 10"), "holds 4 numbers, not 2 x 2 x 4"),
        (shakemap(tmp_path / "e.xml", numbers=NUMBERS.replace("40", "forty")), "grid_data"),
    ]
    for name, content, words in (
        ("f.json", "{", "is no JSON"), ("g.json", "{}", "has no list `features`"), ("h.xml", "<html/>", "is no GeoJSON feed"),
        ("i.xml", "<shakemap_grid", "is no GeoJSON feed"), ("j.txt", "hello", "is no GeoJSON feed"),
    ):  # fmt: skip
        (tmp_path / name).write_text(content)
        cases.append((tmp_path / name, words))
    for path, words in cases:
        with pytest.raises(InputError, match=words) as told:
            read_quakes(path)
        assert "\n" not in str(told.value)


def test_one_bad_record_of_a_feed_does_not_hide_the_others(tmp_path: Path) -> None:
    def feature(number: str, place: object, **more: object) -> dict[str, object]:
        told = {"mag": 5.0, "time": 1700000000000, "updated": 1700000100000, "ids": f",{number},other,", **more}
        return {"id": number, "properties": told, "geometry": {"type": "Point", "coordinates": place}}

    features = [
        feature("us1", [74.8, 36.3, 10.0]), feature("us2", [74.8, "north", 10.0]), feature("us3", [74.8, 36.3, 10.0], time=None),
        feature("us4", [74.8, 36.3, 10.0], type="quarry blast"), feature("us5", [74.8, 36.3, None], mag=None),
        feature("us6", [74.8, 36.3, 1.0], mag=55), feature("us7", [74.8, 96.3, 1.0]), feature("us8", None),
        feature("us9", [74.8, 36.3, 1.0], time=9e15),
    ]  # fmt: skip
    (tmp_path / "feed.json").write_text(json.dumps({"features": features}))
    read = read_quakes(tmp_path / "feed.json")
    assert [one.source_id for one in read.quakes] == ["us1", "us5"]
    assert read.quakes[0].aliases == ("us1", "other")
    assert len(read.rejected) == 6
    assert "feature 2, latitude: 'north' is no number" in read.rejected[0]


def test_bulletins_keep_their_place_and_refuse_dtds(tmp_path: Path) -> None:
    item = "<item><title>Red alert</title><guid>EQ1</guid><pubDate>Mon, 30 Dec 2019 01:35:11 GMT</pubDate>{more}</item>"
    good = item.format(more="<point>36.3 74.8</point><alertlevel>Red</alertlevel><eventtype>EQ</eventtype>")
    bad = item.format(more="<point>136.3 74.8</point><alertlevel>Red</alertlevel>")
    path = tmp_path / "gdacs.xml"
    path.write_text(f"<rss><channel>{good}{bad}{item.format(more='')}</channel></rss>")
    read = read_bulletins(path)
    (one,) = read.bulletins
    assert (one.kind, one.level, one.lon, one.lat) == ("earthquake", "red", 74.8, 36.3)
    assert len(read.rejected) == 2
    path.write_text(f"<!DOCTYPE rss [<!ENTITY a 'b'>]><rss>{good}</rss>")
    with pytest.raises(InputError, match="holds a DTD or entities"):
        read_bulletins(path)


def test_real_files(shared_data: Path) -> None:
    folder = shared_data / "triggers"
    quakes = {path.name: read_quakes(path) for path in sorted((folder / "usgs_quakes").glob("*.json"))}
    assert {name: len(read.quakes) for name, read in quakes.items()} == {
        "earthquakes-1.json": 3, "earthquakes-2.json": 0, "test_quakes.json": 5,
    }  # fmt: skip
    events = folder / "usgs_shakemap/tests/data"
    with_dtd = read_quakes(events / "eventdata/us1000db40/current/event.xml")
    assert (with_dtd.quakes[0].source_id, with_dtd.quakes[0].magnitude) == ("us1000db40", 6.9)
    assert read_quakes(events / "eventdata/northridge/current/event.xml").quakes[0].happened_at.year == 1994
    loma = read_quakes(events / "loma_prieta/grid.xml")
    assert loma.grid is not None
    assert loma.grid.mmi.shape == (29, 49)
    first = sample(loma.grid.mmi, loma.grid, np.array([[-122.5, 37.2], [-122.45, 37.2]]))
    np.testing.assert_allclose(first, [6.052, 6.257])
    for name in ("test_shakegrid.xml", "loma_prieta/uncertainty.xml"):
        with pytest.raises(InputError):
            read_quakes(events / name)
    counts = [(len(one.bulletins), len(one.rejected)) for one in (read_bulletins(folder / "gdacs/gdacs-1.xml"),)]
    assert counts == [(4, 0)]
    with pytest.raises(InputError, match="a box alone"):
        read_bulletins(folder / "gdacs/gdacs-2.xml")
    road = np.array([(x, y) for x in range(2525, 2565) for y in range(1240, 1275)], dtype=np.int16)
    for name in ("test_gpm.tif", "test_gpm.zip"):
        rain = read_rain(folder / "gpm_imerg" / name, road)
        assert (rain.run, rain.version, rain.ends_at) == ("early", "V03E", datetime(2016, 1, 25, 18, tzinfo=UTC))
        assert np.nanmax(rain.rain_mm) == pytest.approx(64.7)
    with pytest.raises(InputError, match="does not cover the road"):
        read_rain(folder / "gpm_imerg/gpm_1d.20240617.tif", road)
