"""Scenes from files into the catalogue and onto the disk."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import LineString, box

from api.stac import items
from hazard_db import scenes, stac
from hazard_db.connect import transaction
from hazard_db.errors import ConflictError, DatabaseUnavailableError, NotFoundError, RasterError
from ingest.imagery.load import ingest_scene
from ingest.watch import FolderSource, watch
from tests.imagery_products import (
    BANDS,
    landsat_product,
    reflectances,
    write_stack,
)
from tests.scene_catalogue import CORRIDOR, DAY, OFFSETS, assert_nothing_stored, ingest, rows, sentinel

pytestmark = pytest.mark.integration


def test_a_stack_becomes_a_cog_and_a_row(database: Any, tmp_path: Path) -> None:
    numbers = reflectances()
    home = tmp_path / "home"
    path = write_stack(
        tmp_path / "hunza.tif", {**numbers, "scl": np.full((60, 60), 4, np.uint16)},
        tags={"acquired": "2023-07-15T05:46:39Z", "sun_elevation": "60.5", "sun_azimuth": "140.25"},
    )  # fmt: skip
    (report,) = ingest(database, home, path)
    assert report.status == "new"
    assert report.bands == BANDS
    (scene,) = rows(database)
    assert scene.id == report.id == "hunza_20230715"
    assert scene.acquired_at.isoformat() == "2023-07-15T05:46:39+00:00"
    assert (scene.sun_elevation_deg, scene.sun_azimuth_deg) == (60.5, 140.25)
    assert scene.epsg == 32643
    assert set(scene.assets) == {"reflectance", "scl"}
    with rasterio.open(home / scene.assets["reflectance"]["href"]) as stored:
        assert stored.descriptions == BANDS
        assert stored.scales == (1e-4,) * 6
        assert stored.offsets == (0.0,) * 6
        for index, name in enumerate(BANDS):
            assert (stored.read(index + 1) == numbers[name]).all()
    for asset in scene.assets.values():
        assert cog_validate(home / asset["href"], quiet=True)[0]
    with rasterio.open(home / scene.assets["scl"]["href"]) as stored:
        assert stored.dtypes == ("uint8",)
        assert (stored.read(1) == 4).all()
    assert not list(home.glob("rasters/*/.pending"))
    with transaction(database.engine) as conn:
        actors = conn.exec_driver_sql("SELECT actor FROM audit_log WHERE table_name = 'scene'").scalars().all()
    assert actors == ["tester"]


def reflectance(home: Path, scene: scenes.SceneRecord, name: str) -> np.ndarray[Any, Any]:
    """Return a band as any reader that honours the scale tag once sees it, NaN = nodata."""
    asset = scene.assets["reflectance"]
    with rasterio.open(home / asset["href"]) as stored:
        band = list(stored.descriptions).index(name) + 1
        values = stored.read(band, masked=True).astype(float) * stored.scales[band - 1] + stored.offsets[band - 1]
    return np.ma.filled(values, np.nan)


@pytest.mark.parametrize(
    ("baseline", "offsets", "added"), [("02.14", None, 0), ("05.09", OFFSETS, -1000), ("05.00", OFFSETS, -1000)]
)
def test_reflectance_is_right_for_every_baseline(
    database: Any, tmp_path: Path, baseline: str, offsets: Any, added: int
) -> None:
    path = sentinel(tmp_path, baseline=baseline, offsets=offsets, first=800)
    ingest(database, tmp_path / "home", path)
    (scene,) = rows(database)
    assert scene.id == path.stem
    for index, name in enumerate(BANDS):
        values = reflectance(tmp_path / "home", scene, name)
        assert values.shape == (64, 64)
        assert np.isnan(values[:8]).all()
        # 800 - 1000 is a negative reflectance; it is kept.
        assert np.allclose(values[9:], (800 + 500 * index + added) / 10000, atol=1e-9)
    with rasterio.open(tmp_path / "home" / scene.assets["scl"]["href"]) as stored:
        classes = stored.read(1)
    assert (classes[:8] == 0).all()
    assert (classes[20:22, 20:22] == 9).all()
    assert (classes == 9).sum() == 4
    assert scene.properties["scaling"]["red"] == [1e-4, pytest.approx(added / 1e4)]
    assert (scene.sun_elevation_deg, scene.sun_azimuth_deg) == (68.75, 129.5)


def test_landsat_reflectance_is_right(database: Any, tmp_path: Path) -> None:
    numbers = [np.full((30, 30), 9000 + 1000 * i, np.uint16) for i in range(6)]
    for band in numbers:
        band[:3] = 0
    path = landsat_product(tmp_path, numbers, np.full((30, 30), 21824, np.uint16))
    ingest(database, tmp_path / "home", path)
    (scene,) = rows(database)
    for index, name in enumerate(BANDS):
        values = reflectance(tmp_path / "home", scene, name)
        assert np.isnan(values[:3]).all()
        assert np.allclose(values[3:], (9000 + 1000 * index) * 2.75e-5 - 0.2, atol=5.1e-5)
    assert set(scene.assets) == {"reflectance", "qa_pixel"}


def test_a_tagged_scale_is_applied_once_also_when_our_own_file_comes_back(database: Any, tmp_path: Path) -> None:
    numbers = {name: values + 1000 for name, values in reflectances().items()}
    home = tmp_path / "home"
    ingest(database, home, write_stack(tmp_path / "a.tif", numbers, tags=DAY, scale=1e-4, offset=-0.1))
    (scene,) = rows(database)
    for name in BANDS:
        assert np.allclose(reflectance(home, scene, name), numbers[name] / 1e4 - 0.1, atol=1e-9)
    again = tmp_path / "again.tif"
    again.write_bytes((home / scene.assets["reflectance"]["href"]).read_bytes())
    (report,) = ingest(database, home, again)
    (second,) = (one for one in rows(database) if one.id == report.id)
    assert second.id != scene.id
    for name in BANDS:
        assert np.allclose(reflectance(home, second, name), numbers[name] / 1e4 - 0.1, atol=1e-9)


def test_bands_spread_over_files_of_different_pixels_come_out_in_order(database: Any, tmp_path: Path) -> None:
    numbers = reflectances(size=40)
    coarse = np.arange(2000, 2400, dtype=np.uint16).reshape(20, 20)
    two = write_stack(tmp_path / "a_20230715_red.tif", {"": numbers["red"]}, nodata=0)
    one = write_stack(tmp_path / "a_20230715_blue.tif", {"": numbers["blue"]}, nodata=0)
    wide = write_stack(tmp_path / "a_20230715_swir1.tif", {"": coarse}, nodata=0, pixel=20.0)
    (report,) = ingest(database, tmp_path / "home", wide, two, one)
    assert report.bands == ("blue", "red", "swir1")
    (scene,) = rows(database)
    home = tmp_path / "home"
    for name in ("blue", "red"):
        assert np.allclose(reflectance(home, scene, name), numbers[name] / 1e4, atol=1e-9)
    # Bilinear: the four fine pixels of a coarse one average to it where the surface is a plane.
    fine = reflectance(home, scene, "swir1").reshape(20, 2, 20, 2).mean(axis=(1, 3))
    assert np.allclose(fine[1:-1, 1:-1], coarse[1:-1, 1:-1] / 1e4, atol=6e-5)


def test_bands_of_one_stack_in_any_order(database: Any, tmp_path: Path) -> None:
    numbers = reflectances()
    path = write_stack(tmp_path / "a.tif", {name: numbers[name] for name in reversed(BANDS)}, tags=DAY)
    ingest(database, tmp_path / "home", path)
    (scene,) = rows(database)
    for name in BANDS:
        assert np.allclose(reflectance(tmp_path / "home", scene, name), numbers[name] / 1e4, atol=1e-9)


def test_floats_nan_and_extremes(database: Any, tmp_path: Path) -> None:
    bands = {name: (values / 1e4).astype(np.float32) for name, values in reflectances().items()}
    bands["red"][0, 0] = np.nan
    bands["red"][0, 1] = -0.05
    bands["red"][0, 2] = 9.0
    ingest(database, tmp_path / "home", write_stack(tmp_path / "a.tif", bands, tags=DAY))
    (scene,) = rows(database)
    values = reflectance(tmp_path / "home", scene, "red")
    assert np.isnan(values[0, 0])
    assert values[0, 1] == pytest.approx(-0.05)
    assert values[0, 2] == pytest.approx(3.2767)
    assert scene.properties["clipped"] == 1


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda values: values.astype(np.float32), "median reflectance of 3.28 or more"),
        (lambda values: (values.astype(np.uint32) * 20).astype(np.uint16), "which cannot be"),
        (lambda values: (values // 1000).astype(np.uint16), "hardly any reflectance"),
        (np.zeros_like, "every pixel is nodata"),
        (lambda values: np.full(values.shape, np.nan, np.float32), "every pixel is nodata"),
    ],
)
def test_numbers_that_cannot_be_reflectance_are_refused(database: Any, tmp_path: Path, change: Any, line: str) -> None:
    bands = {name: change(values) for name, values in reflectances().items()}
    home = tmp_path / "home"
    with pytest.raises(RasterError, match=line):
        ingest(database, home, write_stack(tmp_path / "a.tif", bands, tags=DAY))
    assert_nothing_stored(database, home)


def test_zero_everywhere_is_outside_where_no_nodata_is_declared(database: Any, tmp_path: Path) -> None:
    numbers = reflectances()
    for values in numbers.values():
        values[:, :20] = 0
    numbers["swir2"][5, 30] = 0
    (report,) = ingest(database, tmp_path / "home", write_stack(tmp_path / "a.tif", numbers, tags=DAY))
    (scene,) = rows(database)
    assert np.isnan(reflectance(tmp_path / "home", scene, "red")[:, :20]).all()
    assert reflectance(tmp_path / "home", scene, "swir2")[5, 30] == 0.0
    assert report.valid_share == pytest.approx(2 / 3)


def test_a_float_stack_may_hold_its_classes_as_floats(database: Any, tmp_path: Path) -> None:
    bands = {name: (values / 1e4).astype(np.float32) for name, values in reflectances().items()}
    scl = np.full((60, 60), 4, np.float32)
    scl[3, 3] = np.nan
    ingest(database, tmp_path / "home", write_stack(tmp_path / "a.tif", {**bands, "scl": scl}, tags=DAY))
    (scene,) = rows(database)
    with rasterio.open(tmp_path / "home" / scene.assets["scl"]["href"]) as stored:
        classes = stored.read(1)
    assert classes[3, 3] == 0
    assert (classes == 4).sum() == 3599
    with pytest.raises(RasterError, match="no codes of it"):
        ingest(database, tmp_path / "home", write_stack(tmp_path / "b.tif", {**bands, "scl": scl + 0.5}, tags=DAY))
    assert len(rows(database)) == 1


def test_another_corridor_makes_another_crop_of_the_same_scene(database: Any, tmp_path: Path) -> None:
    path, home = write_stack(tmp_path / "a.tif", reflectances(), tags=DAY), tmp_path / "home"
    (narrow,) = ingest(database, home, path, corridor=box(74.555, 36.3, 74.557, 36.45))
    (wide,) = ingest(database, home, path)
    assert wide.supersedes == narrow.id
    assert ingest(database, home, path)[0].status == "unchanged"
    with transaction(database.engine) as conn:
        assert [scene.id for scene in scenes.find(conn)] == [wide.id]


def test_a_connection_lost_in_mid_ingest_leaves_nothing(database: Any, tmp_path: Path) -> None:
    path, home = write_stack(tmp_path / "a.tif", reflectances(), tags=DAY), tmp_path / "home"

    def cut(what: str, share: float) -> None:
        if what.endswith("writing"):
            with transaction(database.engine) as conn:
                conn.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()"
                )

    with pytest.raises(DatabaseUnavailableError):
        ingest_scene(database.engine, [path], home=home, corridor=CORRIDOR, actor="x", progress=cut)
    assert_nothing_stored(database, home)
    assert ingest(database, home, path)[0].status == "new"


def test_a_watched_folder_fills_the_catalogue(database: Any, tmp_path: Path) -> None:
    folder, home = tmp_path / "incoming", tmp_path / "home"
    folder.mkdir()
    write_stack(folder / "good.tif", reflectances(), tags=DAY)
    write_stack(folder / "undated.tif", reflectances(seed=2))
    sentinel(folder, baseline="05.09", offsets=OFFSETS)
    landsat_product(folder, [np.full((30, 30), 12000, np.uint16)] * 6, np.full((30, 30), 21824, np.uint16))

    def known(ids: Collection[str]) -> Collection[str]:
        with transaction(database.app_engine) as conn:
            return scenes.existing(conn, ids)

    def handle(paths: Sequence[Path]) -> list[str]:
        return [report.id for report in ingest(database, home, *paths)]

    for taken, failed in ((3, 1), (0, 0)):
        source = FolderSource(folder, state=home / "watch.json", known=known)
        report = watch(source, handle, once=True, settle_s=0.1)
        assert (len(report.taken), len(report.failed)) == (taken, failed)
    assert {scene.collection for scene in rows(database)} == {"geotiff", "sentinel-2-l2a", "landsat-c2-l2"}


def test_sun_is_computed_where_no_tag_tells_it(database: Any, tmp_path: Path) -> None:
    ingest(database, tmp_path / "home", write_stack(tmp_path / "a.tif", reflectances(), tags=DAY))
    ingest(database, tmp_path / "home", write_stack(tmp_path / "b_20230715.tif", reflectances(seed=2)))
    night = {"TIFFTAG_DATETIME": "2023:07:15 20:46:39"}
    ingest(database, tmp_path / "home", write_stack(tmp_path / "c.tif", reflectances(seed=3), tags=night))
    exact, day, late = sorted(rows(database), key=lambda scene: scene.id)
    assert exact.sun_elevation_deg == pytest.approx(66.9, abs=0.5)
    assert exact.sun_azimuth_deg == pytest.approx(124.0, abs=1.5)
    assert exact.properties["sun_basis"] == "computed"
    assert day.acquired_at.isoformat()[:13] == "2023-07-15T05"
    assert "assumed" in day.properties["sun_basis"]
    assert late.sun_elevation_deg == pytest.approx(day.sun_elevation_deg, abs=0.1)
    assert "the sun was down" in late.properties["sun_basis"]


def test_only_the_corridor_is_kept(database: Any, tmp_path: Path) -> None:
    numbers = reflectances(size=1300)
    line = LineString([(74.555, 36.41), (74.69, 36.30)]).buffer(0.01)
    (report,) = ingest(database, tmp_path / "home", write_stack(tmp_path / "a.tif", numbers, tags=DAY), corridor=line)
    (scene,) = rows(database)
    assert report.valid_share is not None
    assert 0.1 < report.valid_share < 0.5
    assert scene.footprint.difference(line.buffer(0.0005)).area < 1e-7
    covered = line.intersection(box(*scene.footprint.bounds))
    assert scene.footprint.intersection(covered).area > 0.97 * covered.area
    asset = scene.assets["reflectance"]
    with rasterio.open(tmp_path / "home" / asset["href"]) as stored:
        assert stored.overviews(1)
        kept = stored.read(1)
        col, row = round((stored.transform.c - 460000) / 10), round((4030000 - stored.transform.f) / 10)
        window = numbers["blue"][row : row + stored.height, col : col + stored.width]
        inside = kept != stored.nodata
        assert (kept[inside] == window[inside]).all()
        assert cog_validate(home_path := tmp_path / "home" / asset["href"], quiet=True)[0], home_path


def test_a_scene_elsewhere_is_refused_unless_all_of_it_is_wanted(database: Any, tmp_path: Path) -> None:
    path = write_stack(tmp_path / "a.tif", reflectances(), tags=DAY)
    home = tmp_path / "home"
    with pytest.raises(RasterError, match=r"outside the corridor .*--whole"):
        ingest(database, home, path, corridor=box(70, 30, 71, 31))
    assert_nothing_stored(database, home)
    (report,) = ingest(database, home, path, corridor=box(70, 30, 71, 31), whole=True)
    assert report.status == "new"


def test_scenes_are_found_and_told_as_stac(database: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    ingest(database, home, sentinel(tmp_path, baseline="05.09", offsets=OFFSETS))
    ingest(database, home, write_stack(tmp_path / "a_20240801.tif", reflectances()))
    with transaction(database.engine) as conn:
        early, late = scenes.find(conn)
        assert early.collection == "sentinel-2-l2a"
        assert scenes.find(conn, since=datetime(2024, 1, 1, tzinfo=UTC)) == [late]
        assert scenes.find(conn, collection="geotiff") == [late]
        assert scenes.find(conn, bbox=(74.5, 36.4, 74.6, 36.5)) == [early, late]
        assert scenes.find(conn, bbox=(70, 30, 71, 31)) == []
        assert scenes.find(conn, ids=[early.id]) == [early]
        assert scenes.get(conn, late.id) == late
        with pytest.raises(NotFoundError, match="no scene nonsense"):
            scenes.get(conn, "nonsense")
        with pytest.raises(ConflictError):
            scenes.insert_scene(conn, late)
        assert scenes.existing(conn, [early.id, "x"]) == {early.id}
        found = stac.item(conn, early.collection, early.id, everything=False)
    item = json.loads(json.dumps(items.item(found, "https://example.org/stac")))
    assert item["properties"]["datetime"] == "2023-07-15T05:56:39.024000Z"
    assert item["properties"]["eo:cloud_cover"] == 7.25
    asset = item["assets"]["reflectance"]
    assert asset["href"] == f"https://example.org/stac/assets/{early.collection}/{early.id}/reflectance"
    assert [band["eo:common_name"] for band in asset["bands"]] == ["blue", "green", "red", "nir", "swir16", "swir22"]
    assert asset["bands"][0] == {
        "name": "blue", "eo:common_name": "blue", "data_type": "int16", "nodata": -32768, "raster:scale": 1e-4, "raster:offset": 0.0,
    }  # fmt: skip
    assert item["assets"]["scl"]["bands"][0]["nodata"] == 0
    assert item["geometry"]["type"] == "MultiPolygon"
    assert {link["rel"] for link in item["links"]} >= {"self", "root", "parent", "collection"}


def test_the_real_hokkaido_pair(database: Any, shared_data: Path, tmp_path: Path) -> None:
    root = shared_data / "imagery/s2_hokkaido_2018"
    reports = ingest(
        database,
        tmp_path / "home",
        root / "pre-event",
        root / "post-event",
        dates=["2018-04-15", "2018-10-01"],
        whole=True,
    )
    assert [report.bands for report in reports] == [("blue", "green", "red")] * 2
    assert reports[0].valid_share == pytest.approx(0.60, abs=0.02)
    with transaction(database.engine) as conn:
        before, after = scenes.find(conn)
    # 40 % of the earlier picture lie beyond the edge of the swath.
    assert before.footprint.area == pytest.approx(0.6 * after.footprint.area, rel=0.05)
    with rasterio.open(root / "post-event/download.B4.tif") as source:
        expected = source.read(1) / 1e4
    stored = reflectance(tmp_path / "home", after, "red")
    assert np.allclose(stored[expected > 0], expected[expected > 0], atol=1e-9)
