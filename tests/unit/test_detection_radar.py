"""Radar in files: orbit, unit and kind are told apart, and it fills the gaps that clouds leave."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from detection.arrays import Acquisition, Candidate
from detection.fusion import merged, part, stouffer
from detection.run import run_landslide
from detection.simulate import simulate_landslide
from detection.simulate.sar import Weather, simulate_sar, with_radar
from detection.sources import open_dates
from hazard_db.errors import DetectionError, RasterError
from tests.detection_rasters import write_acquisition, write_tif


def write_radar(path: Path, one: Acquisition, *, linear: bool = False, **tags: str) -> Path:
    bands = dict(zip(one.bands, one.reflectance, strict=True))
    stored = {name: 10 ** (band / 10) if linear else band for name, band in bands.items()}
    told = {"acquired": one.acquired_at.isoformat(), **tags}
    return write_tif(path, stored, dtype="float32", nodata=-9999, tags=told)


def write_dates(folder: Path, name: str, dates: Iterable[Acquisition]) -> list[Path]:
    return [
        write_radar(folder / f"{name}{number}.tif", one, orbit=one.orbit, incidence=str(one.incidence_deg))
        if one.is_radar
        else write_acquisition(folder / f"{name}{number}.tif", one)
        for number, one in enumerate(dates)
    ]


def write_dem(folder: Path, relief: Any) -> Path:
    return write_tif(folder / "dem.tif", {"elevation": relief.elevation_m}, dtype="float32", nodata=float("nan"))


@pytest.fixture(scope="module")
def one_look() -> Acquisition:
    return simulate_sar(5, shape=(120, 120), slides=0, dates=1).block.before[0]


@pytest.mark.parametrize(
    ("name", "tags", "orbit"),
    [
        ("a.tif", {"orbit": "ASCENDING"}, "ascending"),
        ("a.tif", {"orbit": "descending", "relative_orbit": "5"}, "descending 5"),
        ("s1_dsc_vh.tif", {}, "descending"),
        ("s1_asc.tif", {}, "ascending"),
        ("plain.tif", {}, "descending"),  # seen at 01:10 UTC, in the morning over the Karakoram
    ],
)
def test_the_orbit_is_told(tmp_path: Path, one_look: Acquisition, name: str, tags: dict[str, str], orbit: str) -> None:
    morning = replace(one_look, acquired_at=datetime(2023, 7, 1, 1, 10, tzinfo=UTC))
    (scene,) = open_dates([write_radar(tmp_path / name, morning, **tags)])
    assert scene.look is not None
    assert scene.look.orbit == orbit
    assert scene.bands == ("vh", "vv")


def test_decibels_and_power_mean_the_same(tmp_path: Path) -> None:
    scene = simulate_sar(7004, shape=(200, 200), slides=6, dates=3, weather=Weather(snow=False))
    results = []
    for linear in (False, True):
        folder = tmp_path / str(linear)
        before, after = (
            [
                write_radar(folder / f"{side}{at}.tif", one, linear=linear, orbit=one.orbit)
                for at, one in enumerate(dates)
            ]
            for side, dates in (("b", scene.block.before), ("a", scene.block.after))
        )
        results.append(run_landslide(before, after, folder / "out.geojson", block_px=130))
    assert results[0].collection["method"] == "sar_amplitude"
    assert results[0].collection["inputs"][0]["unit"] == "dB"
    assert results[1].collection["inputs"][0]["unit"] == "power"
    shapes = [json.dumps([one["geometry"] for one in result.features]) for result in results]
    assert shapes[0] == shapes[1]


def test_numbers_that_are_no_backscatter_are_refused(tmp_path: Path, one_look: Acquisition) -> None:
    raw = replace(one_look, reflectance=np.abs(one_look.reflectance) * 20)
    with pytest.raises(RasterError, match="calibrate"):
        open_dates([write_radar(tmp_path / "raw_20230701.tif", raw)])


def test_kinds_that_do_not_meet_are_refused(tmp_path: Path) -> None:
    scene = with_radar(simulate_landslide(5, shape=(120, 120), slides=0, n_before=1, n_after=1), 5, dates=1)
    before, after = (
        write_dates(tmp_path, name, side) for name, side in (("b", scene.block.before), ("a", scene.block.after))
    )
    kinds = [[one.is_radar for one in side] for side in (scene.block.before, scene.block.after)]
    optical_after = [path for path, radar in zip(after, kinds[1], strict=True) if not radar]
    radar_before = [path for path, radar in zip(before, kinds[0], strict=True) if radar]
    with pytest.raises(DetectionError, match="only"):
        run_landslide(before, optical_after, tmp_path / "out.geojson")
    with pytest.raises(DetectionError, match="radar"):
        run_landslide(before, after, tmp_path / "out.geojson", method="sar_amplitude")
    radar_after = [path for path, radar in zip(after, kinds[1], strict=True) if radar]
    with pytest.raises(DetectionError, match="use sar_amplitude"):
        run_landslide(radar_before, radar_after, tmp_path / "out.geojson", method="pair")


def test_radar_fills_what_clouds_hide(tmp_path: Path) -> None:
    scene = with_radar(
        simulate_landslide(7100, shape=(260, 260), slides=9, n_before=2, n_after=2), 7100, weather=Weather(snow=False)
    )

    def clouded(one: Acquisition) -> Acquisition:
        usable = one.usable.copy()
        usable[:, :130] = False
        return replace(one, usable=usable)

    after = [one if one.is_radar else clouded(one) for one in scene.block.after]
    files = write_dates(tmp_path, "b", scene.block.before), write_dates(tmp_path, "a", after)
    dem = write_dem(tmp_path, scene.block.terrain)
    fused = run_landslide(*files, tmp_path / "out.geojson", dem=dem, mask=tmp_path / "mask.tif", block_px=150)
    assert fused.collection["method"] == "matched_filter+sar_amplitude"
    optical = [
        [path for path, one in zip(paths, side, strict=True) if not one.is_radar]
        for paths, side in zip(files, (scene.block.before, after), strict=True)
    ]
    alone = run_landslide(*optical, tmp_path / "optical.geojson", dem=dem)
    assert alone.observed_share < 0.55
    assert fused.observed_share > 0.8
    seen = [one["geometry"] for one in fused.features if one["properties"]["evidence"] == "optical"]
    assert all(geometry in [one["geometry"] for one in alone.features] for geometry in seen)
    assert {one["properties"]["evidence"] for one in alone.features} <= {"optical"}
    with rasterio.open(tmp_path / "mask.tif") as raster:
        assert (raster.read(1)[:, :120] != 255).mean() > 0.8


def test_objects_that_touch_are_one() -> None:
    def box(top: int, left: int, confidence: float, evidence: str) -> Candidate:
        rows, cols = (part.ravel().astype(np.int32) for part in np.mgrid[top : top + 4, left : left + 4])
        return Candidate(1, rows, cols, confidence, 5.0, None, 1.0, {}, evidence)

    joined = merged([box(0, 0, 0.8, "optical")], [box(0, 4, 0.8, "sar"), box(20, 20, 0.6, "sar")], (40, 40))
    assert [one.evidence for one in joined] == ["both", "sar"]
    assert joined[0].rows.size == 32
    assert joined[0].confidence == pytest.approx(stouffer([0.8, 0.8]))
    assert stouffer([0.8, 0.8]) > 0.8
    assert stouffer([0.7]) == pytest.approx(0.7)


def test_parts_of_a_block_keep_their_dates() -> None:
    scene = with_radar(simulate_landslide(5, shape=(120, 120), slides=0, n_before=1, n_after=2), 5, dates=1)
    assert [len(part(scene.block, radar=True).after), len(part(scene.block, radar=False).after)] == [2, 2]
