"""Scenes of different sensors are compared as one sensor would have seen them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detection.bandpass import OLI, TO_OLI, bandpass_of
from detection.methods.rdndvi import rdndvi
from detection.run import run_landslide
from detection.sources import open_dates, open_sources
from detection.windows import Plan, Reader
from tests.detection_rasters import Array, ground, write_tif

NAMES = ("blue", "green", "red", "nir", "swir1", "swir2")
SHAPE = (150, 160)
S2A, S2B, L7, L8 = ({"platform": name} for name in ("sentinel-2a", "sentinel-2b", "landsat-7", "landsat-8"))
LEAST_SQUARES = {
    "blue": (0.8474, 0.8850), "green": (0.8483, 0.9317), "red": (0.9047, 0.9372),
    "nir": (0.8462, 0.8339), "swir1": (0.8937, 0.8639), "swir2": (0.9071, 0.9165),
}  # fmt: skip
"""Slopes of ordinary least squares in table 2 of [@Roy2016]: OLI on ETM+, ETM+ on OLI."""


def flat(path: Path, number: int, tags: Mapping[str, str], **options: float) -> Path:
    """A picture of one number, but for a corner: copies are refused."""
    bands = {name: np.full((40, 40), number) for name in NAMES}
    for band in bands.values():
        band[0, 0] += int(path.stem[-1])
    return write_tif(path, bands, tags=tags, **options)  # type: ignore[arg-type]


def seen(*paths: Path) -> list[dict[str, float]]:
    """Reflectance of the middle pixel, by date and band, as detectors are given it."""
    scenes = open_dates(paths)
    plan = Plan(scenes[0].grid, scenes[:1], scenes[1:])
    with Reader(plan) as reader:
        blocks = [reader.acquisition(scene, (slice(0, 40), slice(0, 40))) for scene in scenes]
    return [
        {name: float(band[20, 20]) for name, band in zip(one.bands, one.reflectance, strict=True)} for one in blocks
    ]


def test_numbers_of_each_sensor_become_those_of_oli(tmp_path: Path) -> None:
    """0.2 in every band: baseline 04.00 as stored with its offset, Landsat with its own scale."""
    told = seen(
        flat(tmp_path / "a_20220701.tif", 3000, S2A, scale=1e-4, offset=-0.1),
        flat(tmp_path / "b_20220702.tif", 2000, S2B, scale=1e-4),
        flat(tmp_path / "c_20220703.tif", 16000, L7, scale=2.5e-5, offset=-0.2),
        flat(tmp_path / "d_20220704.tif", 16000, L8, scale=2.5e-5, offset=-0.2),
    )
    wanted = [
        (0.19156, 0.20016, 0.1962, 0.2, 0.19864, 0.1994),
        (0.19156, 0.2007, 0.19622, 0.2, 0.1997, 0.19774),
        (0.1862, 0.18924, 0.1943, 0.19936, 0.20042, 0.20188),
        (0.2,) * 6,
    ]
    for one, values in zip(told, wanted, strict=True):
        assert [one[name] for name in NAMES] == pytest.approx(values, abs=1e-6)


def test_dates_of_one_sensor_stay_as_they_are(tmp_path: Path) -> None:
    paths = [flat(tmp_path / f"{day}.tif", 2000, S2A, scale=1e-4) for day in ("20220701", "20220702")]
    assert all(value == pytest.approx(0.2, abs=1e-6) for one in seen(*paths) for value in one.values())
    assert not any(scene.adjusted for scene in open_dates(paths))


def test_the_harmonised_product_is_not_adjusted_twice(tmp_path: Path) -> None:
    """By its name, by the name that ingest kept, and by the tag that ingest writes: beside a date that is adjusted."""
    tags = [S2A, {**S2A, "product": "HLS.S30.T43SDA.2022184T054641.v2.0"}, {**S2A, "bandpass": "oli"}]
    names = ["HLS.S30.T43SDA.2022183T054641.v2.0_20220701", "x_20220702", "y_20220703"]
    paths = [flat(tmp_path / f"{name}.tif", 2000, tag, scale=1e-4) for name, tag in zip(names, tags, strict=True)]
    *harmonised, own = seen(*paths, flat(tmp_path / "z_20220704.tif", 2000, S2A, scale=1e-4))
    assert all(value == pytest.approx(0.2, abs=1e-6) for one in harmonised for value in one.values())
    assert own["blue"] == pytest.approx(0.9778 * 0.2 - 0.004, abs=1e-6)


def test_sensors_are_known_by_tags_and_names() -> None:
    assert bandpass_of({}, "S2B_MSIL2A_20220701T054641_N0400_R120_T43SDA") == "msi-b"
    assert bandpass_of({"platform": "sentinel-2", "product": "S2A_43SDA_20220701_0_L2A"}, "reflectance") == "msi-a"
    assert bandpass_of({"SPACECRAFT_ID": "LANDSAT_9"}, "reflectance") == OLI
    assert bandpass_of({}, "LE07_L2SP_149035_20020701_20200916_02_T1_SR") == "etm"
    assert bandpass_of({}, "LT05_L2SP_149035_20020701_20200916_02_T1_SR") == "etm"
    assert bandpass_of({"platform": "unknown"}, "x_20220701") is None


def test_what_is_not_known_is_told(tmp_path: Path) -> None:
    dates = {"a_20220701": S2A, "b_20220702": L8, "c_20220703": {}, "d_20220704": {"platform": "Sentinel-2C"}}
    scenes = open_dates([flat(tmp_path / f"{name}.tif", 2000, tags, scale=1e-4) for name, tags in dates.items()])
    assert [scene.adjusted for scene in scenes] == [True, False, False, True]
    assert "neither tags nor name tell the sensor" in scenes[2].notes[-1]
    assert "Sentinel-2A, none is published" in scenes[3].notes[-1]


def test_reduced_major_axis_follows_from_the_two_least_squares() -> None:
    """Its slope is the geometric mean of one line's and the other's turned round: no number was mistaken or turned round."""
    for band, (onto, back) in LEAST_SQUARES.items():
        assert TO_OLI["etm"][band][0] == pytest.approx((onto / back) ** 0.5, abs=1e-4)


def through(sensor: str, of_oli: Mapping[str, Array]) -> dict[str, Array]:
    """Return what a sensor stores of ground that OLI sees so."""
    lines = TO_OLI[sensor]
    raw = {name: (band - lines.get(name, (1, 0))[1]) / lines.get(name, (1, 0))[0] for name, band in of_oli.items()}
    return {name: np.rint(band * 10_000) for name, band in raw.items()}


@pytest.mark.parametrize(("sensor", "tags"), [("msi-a", S2A), ("msi-b", S2B), ("etm", L7)])
def test_the_same_ground_through_two_sensors_shows_no_change(sensor: str, tags: dict[str, str], tmp_path: Path) -> None:
    truth = {name: 0.8 * ground(SHAPE, 3) + 0.03 * number for number, name in enumerate(NAMES)}
    before = write_tif(tmp_path / "x_20220701.tif", through(sensor, truth), tags=tags, scale=1e-4)
    after = write_tif(tmp_path / "y_20230701.tif", through(OLI, truth), tags=L8, scale=1e-4)
    sources = open_sources([before], [after])
    window = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))
    with Reader(Plan(sources.grid, sources.before, sources.after)) as reader:
        block = reader.block(window)
    one, other = block.before[0], block.after[0]
    assert np.abs(one.reflectance - other.reflectance).max() < 1.1e-4  # two roundings to 0.0001
    untouched = np.stack(list(through(sensor, truth).values())) * 1e-4
    assert np.abs(untouched - other.reflectance).max() > 0.004
    assert np.abs(rdndvi(block)).max() < 0.4
    assert np.abs(rdndvi(replace(block, before=(replace(one, reflectance=untouched.astype(np.float32)),)))).max() > 1.0
    noise = np.random.default_rng(7)
    pair = [
        write_tif(
            tmp_path / name,
            through(kind, {band: values + noise.normal(0, 0.002, SHAPE) for band, values in truth.items()}),
            tags=told, scale=1e-4,
        )
        for name, kind, told in (("n_20220701.tif", sensor, tags), ("n_20230701.tif", OLI, L8))
    ]  # fmt: skip
    found = run_landslide(pair[:1], pair[1:], tmp_path / "out.geojson")
    assert not found.features
    assert found.observed_share == 1.0
    listed = found.collection["inputs"]
    assert [(one["bandpass"], one["adjusted_to"]) for one in listed] == [(sensor, "oli"), ("oli", None)]
