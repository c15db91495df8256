"""Settlement out of files: simulated bowls in every format, and real series."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.warp import transform
from shapely.geometry import shape

from api.cli import main
from detection.settlement.design import design, seasonal_for
from detection.settlement.fitting import fit
from detection.simulate.settlement import Air, SettlementScene, simulate_settlement
from ingest.displacement.registry import open_displacement
from tests.displacement_files import (
    grid_lonlat,
    write_egms,
    write_geotiff,
    write_licsbas,
    write_mintpy,
    write_scatterers,
)

pytestmark = pytest.mark.acceptance

QUIET = Air(turbulence_mm=0, stratified_mm_km=0, ramp_mm=0, seasonal_mm=0, decorrelation_mm=2, jumps=0, missing=0.03)
CLASSES = {"linear", "accelerating", "hinge", "step", "seasonal"}


@dataclass(frozen=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


Kkh = Callable[..., Done]


@pytest.fixture
def kkh(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kkh:
    """Return `kkh detect settlement` as a function: the whole command line, without a process for each call."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["kkh", "detect", "settlement", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
            raise SystemExit(0)
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


def areas(path: Path) -> list[dict[str, Any]]:
    """Return the features of a result, each held against the contract."""
    collection = json.loads(path.read_text())
    for one in collection["features"]:
        told, outline = one["properties"], shape(one["geometry"])
        assert outline.is_valid and abs(outline.centroid.y) <= 90
        assert told["kind"] == "settlement" and told["class"] in CLASSES and told["quality"] in (1, 2, 3, 4)
        assert 0 <= told["confidence"] <= 1 and told["area_m2"] > 0 and told["area_uncertainty_m2"] > 0
        assert told["velocity_std_mm_yr"] >= 0 and told["n_points"] >= 5
        assert (told["onset_date"] is not None) == (told["class"] in ("hinge", "step"))
        assert told["first_date"] < told["last_date"]
    return list(collection["features"])


@pytest.fixture(scope="module")
def scene() -> SettlementScene:
    """Return three bowls in quiet air."""
    return simulate_settlement(2, shape=(60, 70), n_dates=80, bowls=3, air=QUIET)


def truth(scene: SettlementScene) -> Any:
    """Return the velocity of the ground, (rows, cols), as least squares sees it."""
    times = np.array([(day - scene.dates[0]).days for day in scene.dates]) / 365.25
    motion = scene.motion()
    return fit(design(times, seasonal_for(times)), motion.reshape(len(motion), -1)).velocity.reshape(motion.shape[1:])


def check(scene: SettlementScene, found: list[dict[str, Any]], lonlat: tuple[Any, Any]) -> None:
    """Hold the areas against the bowls."""
    assert len(found) == len(scene.bowls)
    for bowl in scene.bowls:
        middle = bowl.pixels[bowl.depth.argmax()]
        place = shapely.Point(*(part.reshape(-1)[middle] for part in lonlat))
        told = next(one["properties"] for one in found if shape(one["geometry"]).contains(place))
        assert told["class"] == bowl.kind
        if bowl.kind == "step":
            assert 1.1 * bowl.size < told["step_mm"] < 0.2 * bowl.size
        else:
            assert 1.1 * bowl.size < told["peak_velocity_mm_yr"] < told["velocity_mm_yr"] * 0.5 < 0
        if bowl.onset:
            assert abs((date.fromisoformat(told["onset_date"]) - bowl.onset).days) <= 45


@pytest.mark.parametrize("write", [write_mintpy, write_licsbas])
def test_rasters(kkh: Kkh, write: Any, scene: SettlementScene, tmp_path: Path) -> None:
    path = write(tmp_path / "set.h5", scene.y, scene.dates)
    done = kkh(path, "--out", tmp_path / "areas.geojson", "--points", tmp_path / "velocity.tif", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["parameters"]["filtered"] is False and told["source"]["reference"]
    with rasterio.open(tmp_path / "velocity.tif") as raster:
        assert raster.descriptions == ("velocity_mm_yr", "velocity_std_mm_yr")
        velocity, std = raster.read()
        rows, cols = np.mgrid[: raster.height, : raster.width]
        x, y = raster.xy(rows.ravel(), cols.ravel())
        lonlat = transform(raster.crs, "EPSG:4326", x, y)
    error = velocity - truth(scene)
    assert float(np.sqrt(np.nanmean(error**2))) < 0.5
    assert float(np.nanstd((error / std)[np.abs(truth(scene)) < 0.01])) == pytest.approx(1.0, abs=0.05)
    found = areas(tmp_path / "areas.geojson")
    check(scene, found, tuple(np.array(part).reshape(velocity.shape) for part in lonlat))  # type: ignore[arg-type]


@pytest.mark.parametrize("write", [write_scatterers, write_egms])
def test_tables(kkh: Kkh, write: Any, scene: SettlementScene, tmp_path: Path) -> None:
    whole = np.where(np.isfinite(scene.y), scene.y, np.nan)
    path = write(tmp_path / "set.csv", whole, scene.dates)
    done = kkh(path, "--out", tmp_path / "areas.geojson", "--points", tmp_path / "velocity.csv")
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "velocity.csv").read_text().splitlines()))
    assert list(rows[0]) == ["id", "lon", "lat", "velocity_mm_yr", "velocity_std_mm_yr", "class"]
    assert rows[71]["id"].endswith(("P1_1", "10cvS001001"))
    velocity = np.array([float(row["velocity_mm_yr"]) for row in rows]).reshape(scene.y.shape[1:])
    assert float(np.sqrt(np.mean((velocity - truth(scene)) ** 2))) < 0.5
    check(scene, areas(tmp_path / "areas.geojson"), grid_lonlat(scene.y.shape[1:]))


def test_exact_series_give_exact_velocities(kkh: Kkh, tmp_path: Path) -> None:
    days = [date.fromordinal(737_000 + 12 * k) for k in range(40)]
    t = np.array([(day - days[0]).days for day in days]) / 365.25
    rates = np.linspace(-60, 5, 400).reshape(20, 20)
    y = rates[None] * t[:, None, None]
    for name, path in (
        ("tif", write_licsbas(tmp_path / "a.h5", y, days)),
        ("csv", write_scatterers(tmp_path / "a.csv", y, days)),
    ):
        done = kkh(path, "--out", tmp_path / "a.geojson", "--points", tmp_path / f"v.{name}")
        assert done.returncode == 0, done.stderr
    with rasterio.open(tmp_path / "v.tif") as raster:
        np.testing.assert_allclose(raster.read(1), rates, atol=1e-4)
    rows = list(csv.DictReader((tmp_path / "v.csv").read_text().splitlines()))
    np.testing.assert_allclose([float(row["velocity_mm_yr"]) for row in rows], rates.reshape(-1), atol=1e-4)


def test_bad_input_is_one_line_and_exit_1(kkh: Kkh, scene: SettlementScene, tmp_path: Path) -> None:
    good = write_mintpy(tmp_path / "good.h5", scene.y, scene.dates)
    short = write_mintpy(tmp_path / "short.h5", scene.y[:3], scene.dates[:3])
    empty = write_mintpy(tmp_path / "nan.h5", np.full_like(scene.y, np.nan), scene.dates)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(good.read_bytes()[:50_000])
    out = tmp_path / "out.geojson"
    for arguments in ([cut, "--out", out], [short, "--out", out], [empty, "--out", out], [tmp_path / "no.h5", "--out", out],
                      [good, "--out", good], [good, "--out", tmp_path / "no" / "out.geojson"],
                      [good, "--out", out, "--points", tmp_path / "v.csv"], [good, "--out", out, "--format", "gamma"]):  # fmt: skip
        done = kkh(*arguments)
        assert done.returncode == 1, arguments
        assert done.stdout == "" and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert "Traceback" not in done.stderr and "bug" not in done.stderr
    assert not out.exists()


def sydney(shared_data: Path) -> tuple[Any, Any, list[date]]:
    """Return the cumulative series with its leading zero (dates, rows, cols), the expected rates, and the dates."""
    folder = shared_data / "displacement" / "pyrate_sydney_sbas" / "small_test"
    stamps = sorted(set(re.findall(r"\d{6}", (folder / "tif" / "ifms_17").read_text())))
    days = [date(2000 + int(one[:2]), int(one[2:4]), int(one[4:])) for one in stamps]
    later = np.moveaxis(np.load(folder / "linrate" / "tscuml_0.npy"), 2, 0)
    first = np.where(np.isfinite(later).any(axis=0), 0.0, np.nan)
    return np.concatenate([first[None], later]), np.load(folder / "linrate" / "linear_rate.npy"), days


def test_sydney_rates_are_reproduced(kkh: Kkh, shared_data: Path, tmp_path: Path) -> None:
    y, expected, days = sydney(shared_data)
    times = np.array([(day - days[0]).days for day in days]) / 365.25
    assert seasonal_for(times) == "none"
    rates = fit(design(times), y.reshape(13, -1)).velocity.reshape(expected.shape)
    np.testing.assert_array_equal(np.isfinite(rates), np.isfinite(expected))
    assert float(np.nanmax(np.abs(rates - expected))) < 1e-6
    # through a file: float32 of the format is what limits it
    path = write_licsbas(tmp_path / "cum.h5", y, days)
    done = kkh(path, "--out", tmp_path / "a.geojson", "--points", tmp_path / "v.tif", "--no-repair")
    assert done.returncode == 0, done.stderr
    with rasterio.open(tmp_path / "v.tif") as raster:
        assert float(np.nanmax(np.abs(raster.read(1) - expected))) < 5e-6


def test_west_texas_batch_with_a_truncated_file(kkh: Kkh, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "displacement" / "disp_s1_westtexas_2016" / "geotiffs"
    found = open_displacement(source)
    assert found.unit == "m" and len(found.dates) == 9 and "258" in found.reference
    assert -60 < np.nanmin(found.read(0, 362)) < np.nanmax(found.read(0, 362)) < 47
    folder = tmp_path / "batch"
    folder.mkdir()
    for file in source.glob("displacement_*.tif"):
        shutil.copyfile(file, folder / file.name)
    victim = folder / "displacement_20160708_20161012.tif"
    victim.write_bytes(victim.read_bytes()[:60_000])
    done = kkh(folder, "--out", tmp_path / "a.geojson", "--points", tmp_path / "v.tif")
    assert done.returncode == 0 and victim.name in done.stderr
    alone = kkh(source / "water_mask.tif", "--out", tmp_path / "b.geojson")
    assert alone.returncode == 1 and len(alone.stderr.strip().splitlines()) == 1


def test_a_dem_and_another_look_tell_slope_east_and_up(kkh: Kkh, scene: SettlementScene, tmp_path: Path) -> None:
    rows, cols = scene.y.shape[1:]
    level, up = np.sin(np.radians(39.0)), np.cos(np.radians(39.0))
    still = scene.y - scene.motion()
    # what the scene holds is taken for sinking; it moves east half as fast
    looks = {"up": level * np.sin(np.radians(-103.0)), "down": level * np.sin(np.radians(103.0))}
    for name, east in looks.items():
        heading = "-13.0" if name == "up" else "-167.0"
        y = scene.motion() * up - 0.5 * scene.motion() * east + still
        write_mintpy(tmp_path / f"{name}.h5", y, scene.dates, HEADING=heading, CENTER_INCIDENCE_ANGLE="39.0")
    falling = np.tile(3000 - 50.0 * np.tan(np.radians(20)) * np.arange(cols + 40), (rows + 40, 1)).astype(np.float32)
    write_geotiff(tmp_path / "dem.tif", falling)
    out = tmp_path / "a.geojson"
    done = kkh(
        tmp_path / "up.h5", "--out", out, "--dem", tmp_path / "dem.tif", "--other", tmp_path / "down.h5", "--no-filter"
    )
    assert done.returncode == 0, done.stderr
    assert "motion to the north is not seen" in done.stderr
    told = [one["properties"] for one in areas(out)]
    assert told
    for one in told:
        assert one["slope_deg"] == pytest.approx(20.0, abs=0.5)
        assert one["aspect_deg"] == pytest.approx(90.0, abs=1.5)
        assert one["visibility"] > 0.5  # turned away from a satellite in the west
        if one["class"] == "linear":
            assert one["east_mm_yr"] / one["up_mm_yr"] == pytest.approx(-0.5, abs=0.1)


def test_another_look_from_the_same_side_tells_nothing(kkh: Kkh, scene: SettlementScene, tmp_path: Path) -> None:
    one, other = (write_mintpy(tmp_path / name, scene.y, scene.dates) for name in ("a.h5", "b.h5"))
    done = kkh(one, "--out", tmp_path / "a.geojson", "--other", other)
    assert done.returncode == 0 and "no east and up" in done.stderr
    assert all(feature["properties"]["east_mm_yr"] is None for feature in areas(tmp_path / "a.geojson"))
