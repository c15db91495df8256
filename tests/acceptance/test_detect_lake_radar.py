"""Lakes out of radar files, alone and between dates of reflectance: simulated ones of exact area."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from api.commands.detect import app
from detection.arrays import BANDS, Acquisition, Terrain
from detection.lakes import run_lake
from detection.simulate import spectra
from detection.simulate.radarlakes import RadarLakeScene, simulate_radar_lakes
from detection.simulate.spectra import column
from hazard_db.errors import DetectionError
from tests.acceptance.test_detect_lake_file import number_of
from tests.detection_rasters import write_acquisition, write_tif

pytestmark = pytest.mark.acceptance


def write_radar(path: Path, one: Acquisition, *, linear: bool = False) -> Path:
    bands = {
        name: 10 ** (values / 10) if linear else values for name, values in zip(one.bands, one.reflectance, strict=True)
    }
    tags = {"acquired": one.acquired_at.isoformat(), "orbit": one.orbit, "incidence": str(one.incidence_deg)}
    return write_tif(path, bands, dtype="float32", nodata=float("nan"), tags=tags)


def write_dem(path: Path, terrain: Terrain) -> Path:
    return write_tif(path, {"elevation": terrain.elevation_m}, dtype="float32", nodata=float("nan"))


@pytest.fixture(scope="module")
def scene() -> RadarLakeScene:
    return simulate_radar_lakes(710, kind="test", repeats=4, lakes=5, size=240)


@pytest.fixture(scope="module")
def folder(scene: RadarLakeScene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("radar")
    for number, one in enumerate(scene.dates):
        write_radar(path / f"radar{number}.tif", one, linear=number % 2 == 1)
    write_dem(path / "dem.tif", scene.terrain)
    return path


def test_command_finds_calm_lakes_in_winter_and_none_that_has_gone(
    folder: Path, scene: RadarLakeScene, tmp_path: Path
) -> None:
    out = tmp_path / "lakes.geojson"
    files = sorted(map(str, folder.glob("radar*.tif")))
    told = CliRunner().invoke(
        app, ["lake", "--scenes", *files, "--dem", str(folder / "dem.tif"), "--out", str(out), "--json"]
    )
    assert told.exit_code == 0, told.output
    collection = json.loads(out.read_text())
    assert collection["method"] == "sar_water"
    days = [one.acquired_at.date().isoformat() for one in scene.dates]
    found: dict[tuple[int, int], dict] = {}
    snow = 0
    ids: dict[str, set[int]] = {}
    for feature in collection["features"]:
        own = feature["properties"]
        when = days.index(own["date"])
        number = number_of(feature, scene.labels[when])
        ids.setdefault(own["lake_id"], set()).add(number)
        assert own["drained_by"] is None  # in the months of ice bright is not ground
        if own["state"] == "water":
            if not number:
                snow += 1  # level and wet, on two dates of one orbit: as dark as water
                continue
            found[number, when] = own
            assert scene.lakes[number - 1].surface[when] == "calm"
    assert all(len(numbers) == 1 for numbers in ids.values())
    wanted = []
    for number, lake in enumerate(scene.lakes, start=1):
        calm = [when for when, surface in enumerate(lake.surface) if surface == "calm" and lake.area_m2[when] >= 10_000]
        if max(Counter(scene.dates[when].orbit for when in calm).values(), default=0) >= 2:
            wanted += [(number, when) for when in calm]
    assert len(wanted) >= 8
    assert sum(one in found for one in wanted) >= 0.8 * len(wanted)
    assert snow <= 0.1 * len(found)
    errors = [
        abs(own["area_m2"] - scene.lakes[number - 1].area_m2[when]) <= 2 * own["area_uncertainty_m2"]
        for (number, when), own in found.items()
    ]
    assert np.mean(errors) >= 0.9


def test_radar_alone_wants_relief(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DetectionError, match="--dem"):
        run_lake([folder / "radar0.tif"], tmp_path / "out.geojson")


def test_lakes_of_both_kinds_of_dates_are_the_same_lakes(folder: Path, scene: RadarLakeScene, tmp_path: Path) -> None:
    """One clear day before the radar's: each lake that was seen by light keeps its id."""
    rock = np.broadcast_to(column(spectra.SURFACES["scree"]), (6, *scene.labels.shape[1:]))
    image = np.where(scene.labels[0] > 0, column(spectra.WATER), rock).astype(np.float32)
    day = scene.dates[0].acquired_at.replace(month=9, hour=6)
    lit = Acquisition(day, BANDS, image, np.ones(image.shape[1:], bool), 45.0, 150.0)
    light = write_acquisition(tmp_path / "light.tif", lit)
    result = run_lake([light, *sorted(folder.glob("radar*.tif"))], tmp_path / "out.geojson", dem=folder / "dem.tif")
    assert result.collection["method"] == "ndwi+sar_water"
    by_id: dict[str, set[tuple[str, int]]] = {}
    for one in result.features:
        own = one["properties"]
        by_id.setdefault(own["lake_id"], set()).add((own["scene"], number_of(one, scene.labels.max(axis=0))))
    both = [told for told in by_id.values() if len(told) > 1 and any(name == "light.tif" for name, _ in told)]
    assert len(both) >= 2
    assert all(len({number for _, number in told}) == 1 for told in both)
    assert len({min(number for _, number in told) for told in both}) == len(both)
