"""Sentinel-1 from files into the catalogue, and landslides out of the catalogue's radar."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import box

from api.landslides import detect_landslides
from detection.arrays import Acquisition
from detection.simulate.sar import Weather, simulate_sar
from hazard_db import scenes, seed
from hazard_db.connect import transaction
from hazard_db.errors import InputError
from ingest.imagery.load import SceneReport, ingest_scene
from tests.imagery_products import write_stack

pytestmark = pytest.mark.integration

CORRIDOR = box(74.4, 36.2, 74.8, 36.45)
SAFE = "S1A_IW_GRDH_1SDV_20230715T130512_20230715T130537_049432_05F1A2"


def ingest(database: Any, home: Path, *paths: Path, **options: Any) -> list[SceneReport]:
    return ingest_scene(database.app_engine, paths, home=home, actor="tester", corridor=CORRIDOR, **options)


def power(size: int = 60, seed: int = 3) -> np.ndarray[Any, Any]:
    """Return made-up gamma nought in power, with a hole."""
    values = np.random.default_rng(seed).gamma(4, 0.03, (size, size)).astype(np.float32)
    values[:5] = -32768
    return values


def stored(database: Any, home: Path) -> tuple[scenes.SceneRecord, np.ndarray[Any, Any], dict[str, str]]:
    with transaction(database.engine) as conn:
        (scene,) = scenes.find(conn)
    path = home / scene.assets["backscatter"]["href"]
    assert cog_validate(path)[0]
    with rasterio.open(path) as dataset:
        values = np.where(dataset.read() == dataset.nodata, np.nan, dataset.read() * dataset.scales[0])
        return scene, values, dataset.tags()


def test_the_layout_of_the_planetary_computer(database: Any, tmp_path: Path) -> None:
    folder = tmp_path / "scenes" / f"{SAFE}_rtc" / "measurement"
    folder.mkdir(parents=True)
    vv, vh = power(seed=3), power(seed=4)
    write_stack(folder / "iw-vv.rtc.tiff", {"": vv}, nodata=-32768)
    write_stack(folder / "iw-vh.rtc.tiff", {"": vh}, nodata=-32768)
    (report,) = ingest(database, tmp_path / "home", tmp_path / "scenes")
    assert report.bands == ("vv", "vh")
    scene, values, tags = stored(database, tmp_path / "home")
    assert (scene.sensor, scene.collection) == ("sentinel-1a", "sentinel-1-rtc")
    assert scene.acquired_at.isoformat() == "2023-07-15T13:05:12+00:00"
    assert scene.properties["orbit"] == f"ascending {(49432 - 73) % 175 + 1}"  # 18 hours local time, going north
    assert tags["orbit"] == "ascending"
    assert "sun_elevation" not in tags
    assert np.isnan(values[:, :5]).all()
    assert np.abs(values[0, 5:] - 10 * np.log10(vv[5:])).max() <= 0.0051
    assert np.abs(values[1, 5:] - 10 * np.log10(vh[5:])).max() <= 0.0051


@pytest.mark.parametrize("unit", ["p", "a", "d"])
def test_units_of_hyp3_are_told_by_the_name(database: Any, tmp_path: Path, unit: str) -> None:
    sigma = power()
    good = sigma > 0
    value = {"p": sigma, "a": np.sqrt(np.abs(sigma)), "d": 10 * np.log10(np.abs(sigma))}[unit]
    name = f"S1A_IW_20230715T130512_DVP_RTC30_G_g{unit}uned_4C5B"
    for polarisation in ("VV", "VH"):
        write_stack(
            tmp_path / f"{name}_{polarisation}.tif", {"": np.where(good, value, 0).astype(np.float32)}, nodata=0
        )
    ingest(database, tmp_path / "home", *tmp_path.glob("*.tif"))
    _, values, _ = stored(database, tmp_path / "home")
    assert (np.isfinite(values[0]) == good).all()
    assert np.abs(values[0][good] - 10 * np.log10(sigma[good])).max() <= 0.0051


def test_exactly_no_decibels_are_not_taken_for_nothing(database: Any, tmp_path: Path) -> None:
    numbers = np.full((60, 60), -12, np.float32)
    numbers[0, 0], numbers[1, 1] = 0.001, np.nan
    write_stack(tmp_path / "s1_20230715.tif", {"vv": numbers, "vh": numbers - 6})
    ingest(database, tmp_path / "home", tmp_path / "s1_20230715.tif")
    scene, values, _ = stored(database, tmp_path / "home")
    assert scene.properties["orbit"] == "unknown"
    assert values[0, 0, 0] == pytest.approx(0.01)
    assert np.isnan(values[0, 1, 1])


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        (np.full((60, 60), 240, np.uint16), "RTC"),
        (np.full((60, 60), 240, np.float32), "calibrate"),
        (np.zeros((60, 60), np.float32), "no data at all"),
    ],
)
def test_what_is_no_backscatter_is_refused(
    database: Any, tmp_path: Path, numbers: np.ndarray[Any, Any], line: str
) -> None:
    write_stack(tmp_path / "s1_20230715_vv.tif", {"vv": numbers})
    with pytest.raises(InputError, match=line):
        ingest(database, tmp_path / "home", tmp_path / "s1_20230715_vv.tif")


def test_level_1_is_refused_with_what_to_get_instead(database: Any, tmp_path: Path) -> None:
    folder = tmp_path / f"{SAFE}.SAFE" / "measurement"
    folder.mkdir(parents=True)
    write_stack(folder / "s1a-iw-grd-vv-20230715t130512-20230715t130537-049432-05f1a2-001.tiff", {"": power()})
    with pytest.raises(InputError, match="RTC"):
        ingest(database, tmp_path / "home", tmp_path / f"{SAFE}.SAFE")


def test_landslides_are_found_in_the_catalogues_radar_and_only_once(database: Any, tmp_path: Path) -> None:
    with transaction(database.engine) as conn:
        seed.load(conn)
    scene = simulate_sar(7005, shape=(240, 240), slides=8, dates=3, weather=Weather.none())
    write_radar(tmp_path / "in", (*scene.block.before, *scene.block.after))
    reports = ingest(database, tmp_path / "home", tmp_path / "in", whole=True)
    assert len(reports) == 12
    since = scene.event_at.date()
    report = detect(database, tmp_path / "home", since)
    assert not report.messages
    assert report.runs == 1
    assert report.new_changes
    again = detect(database, tmp_path / "home", since)
    assert (again.runs, again.skipped, again.new_changes) == (0, 1, ())


def test_an_orbit_that_has_no_earlier_date_is_not_compared(database: Any, tmp_path: Path) -> None:
    with transaction(database.engine) as conn:
        seed.load(conn)
    scene = simulate_sar(7004, shape=(120, 120), slides=0, dates=1)
    before = [one for one in scene.block.before if one.orbit == "ascending"]
    after = [one for one in scene.block.after if one.orbit == "descending"]
    write_radar(tmp_path / "in", (*before, *after))
    ingest(database, tmp_path / "home", tmp_path / "in", whole=True)
    report = detect(database, tmp_path / "home", scene.event_at.date())
    assert report.runs == 0
    assert "from the orbit descending" in report.messages[0]


def write_radar(folder: Path, dates: Sequence[Acquisition]) -> None:
    """Write dates of radar in power, as archives have them."""
    folder.mkdir()
    for number, one in enumerate(dates):
        bands = {name: 10 ** (band / 10) for name, band in zip(one.bands, one.reflectance, strict=True)}
        tags = {"acquired": one.acquired_at.isoformat(), "orbit": str(one.orbit), "incidence": str(one.incidence_deg)}
        write_stack(folder / f"s1_{number}.tif", bands, tags=tags, nodata=-9999)


def detect(database: Any, home: Path, since: date) -> Any:
    return detect_landslides(database.app_engine, home, since=since, actor_name="tester")
