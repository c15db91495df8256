"""Bands, dates, sun and scale: what files say of themselves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from detection.bands import landsat_number, name_bands, name_given, split_name
from detection.scaling import scaling_of
from detection.sun import computed, from_tags
from hazard_db.errors import RasterError
from hazard_db.moments import Moment, of_file, parse
from hazard_db.sun import overpass


@pytest.mark.parametrize(
    ("raw", "landsat", "names"),
    [
        (["blue", "green", "red", "nir", "swir1", "swir2", "scl"], None, ["blue", "green", "red", "nir", "swir1", "swir2", "scl"]),
        (["B02", "B03", "B04", "B08", "B11", "B12"], None, ["blue", "green", "red", "nir", "swir1", "swir2"]),
        (["B2", "B3", "B4", "B8", "B8A", "B11"], None, ["blue", "green", "red", "nir", "", "swir1"]),
        (["B3", "B4", "B8A", "B11", "SCL"], None, ["green", "red", "nir", "swir1", "scl"]),
        (["B01", "B05", "B06", "B07", "B09", "B10"], None, [""] * 6),
        (["SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7", "QA_PIXEL"], None,
         ["blue", "green", "red", "nir", "swir1", "swir2", "qa_pixel"]),
        (["SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7"], 5, ["blue", "green", "red", "nir", "swir1", "swir2"]),
        (["B2", "B5"], 9, ["blue", "nir"]),
        (["Red", "NIR08", "swir16", "something"], None, ["red", "nir", "swir1", ""]),
    ],
)  # fmt: skip
def test_bands_are_named_by_sensor(raw: list[str], landsat: int | None, names: list[str]) -> None:
    assert name_bands(raw, "a.tif", landsat) == names


@pytest.mark.parametrize("raw", [["B2", "B5"], ["B4", "B6", "B7"], ["SR_B1", "SR_B4"]])
def test_numbers_that_could_be_two_sensors_are_refused(raw: list[str]) -> None:
    with pytest.raises(RasterError, match=r"a\.tif.*--bands"):
        name_bands(raw, "a.tif")


def test_double_and_unknown_bands_are_refused() -> None:
    with pytest.raises(RasterError, match="red is there twice"):
        name_bands(["red", "B04"], "a.tif")
    with pytest.raises(RasterError, match="'rouge' is not a band"):
        name_given(["rouge"], "--bands")
    assert name_given(["B04", "-", "nir"], "--bands") == ["red", "", "nir"]


@pytest.mark.parametrize(
    ("stem", "parts"),
    [
        ("download.B2", ("download", "B2")),
        ("T43SDA_20230715T054639_B8A_20m", ("T43SDA_20230715T054639", "B8A")),
        ("LC09_L2SP_150035_20230720_20230722_02_T1_SR_B5", ("LC09_L2SP_150035_20230720_20230722_02_T1", "SR_B5")),
        ("nir", ("", "nir")),
        ("scene_20230715", None),
    ],
)
def test_names_of_one_band_files(stem: str, parts: tuple[str, str] | None) -> None:
    assert split_name(stem) == parts


def test_landsat_is_told_by_name_or_tag() -> None:
    assert landsat_number("LC09_L2SP_150035") == 9
    assert landsat_number("scene", "LANDSAT_8") == 8
    assert landsat_number("T43SDA_2023") is None


def test_dates_come_from_tags_before_names() -> None:
    tags = {"TIFFTAG_DATETIME": "2023:07:15 05:46:39", "acquired": "2023-07-16T05:00:00Z"}
    assert of_file(tags, "x_20200101", "a") == Moment(datetime(2023, 7, 16, 5, tzinfo=UTC), True)
    tags.pop("acquired")
    assert of_file(tags, "x_20200101", "a") == Moment(datetime(2023, 7, 15, 5, 46, 39, tzinfo=UTC), True)
    assert of_file({}, "T43_20200101T054639_B02", "a") == Moment(datetime(2020, 1, 1, 5, 46, 39, tzinfo=UTC), True)
    assert of_file({}, "x_20200101_20210101", "a") == Moment(datetime(2020, 1, 1, tzinfo=UTC), False)
    assert of_file({}, "x_20230231", "a") is None
    assert of_file({}, "x_1234567890123", "a") is None
    assert parse("2023-07-15T10:00:00+05:00", "a").at == datetime(2023, 7, 15, 5, tzinfo=UTC)


@pytest.mark.parametrize("value", ["yesterday", "2023-13-01", "1899-01-01", "2999-01-01"])
def test_dates_that_cannot_be_are_refused(value: str) -> None:
    with pytest.raises(RasterError, match=r"a\.tif"):
        parse(value, "a.tif")


def test_sun_at_known_places() -> None:
    """Noon at the equator on an equinox: overhead; Gilgit on 21 June about 10:45 local: from published tables."""
    overhead = computed(Moment(datetime(2023, 3, 20, 12, 7, tzinfo=UTC), True), 0.0, 0.0)
    assert overhead.elevation_deg > 89
    noon = computed(Moment(datetime(2023, 6, 21, 7, 4, tzinfo=UTC), True), 74.3, 35.9)  # solar noon there
    assert noon.elevation_deg == pytest.approx(90 - 35.9 + 23.44, abs=0.1)
    assert noon.azimuth_deg == pytest.approx(180, abs=2)
    assert noon.basis == "computed"
    day = computed(Moment(datetime(2023, 6, 21, tzinfo=UTC), False), 74.3, 35.9)
    assert "10:30" in day.basis
    assert 90 < day.azimuth_deg < 150
    assert overpass(datetime(2023, 6, 21, tzinfo=UTC), 74.3).hour == 5


def test_sun_of_tags() -> None:
    sun = from_tags({"sun_elevation": "55.5", "SUN_AZIMUTH": "-10"}, "a")
    assert sun is not None
    assert (sun.elevation_deg, sun.azimuth_deg, sun.basis) == (55.5, 350.0, "tags")
    assert from_tags({"sun_elevation": "55"}, "a") is None
    for wrong in ({"sun_elevation": "high", "sun_azimuth": "1"}, {"sun_elevation": "-3", "sun_azimuth": "1"}):
        with pytest.raises(RasterError, match="sun"):
            from_tags(wrong, "a")


@pytest.mark.parametrize(
    ("dtype", "scale", "offset", "tags", "landsat", "expected"),
    [
        ("uint16", 1.0, 0.0, {}, False, (1e-4, 0.0)),
        ("float32", 1.0, 0.0, {}, False, (1.0, 0.0)),
        ("uint16", 1e-4, -0.1, {"BOA_ADD_OFFSET": "-1000"}, False, (1e-4, -0.1)),
        ("uint16", 1e-4, -0.1, {}, True, (1e-4, -0.1)),
        ("uint16", 1.0, 0.0, {"BOA_ADD_OFFSET": "-1000"}, False, (1e-4, -0.1)),
        ("uint16", 1e-4, 0.0, {"BOA_ADD_OFFSET_B2": "-1000"}, False, (1e-4, -0.1)),
        ("uint16", 1.0, 0.0, {"BOA_ADD_OFFSET": "-1000", "boa_offset_applied": "True"}, False, (1e-4, 0.0)),
        ("uint16", 1.0, 0.0, {"earthsearch": "boa_offset_applied=true", "BOA_ADD_OFFSET": "-1000"}, False, (1e-4, 0.0)),
        ("uint16", 1.0, 0.0, {"BOA_ADD_OFFSET": "0"}, False, (1e-4, 0.0)),
        ("uint16", 1.0, 0.0, {}, True, (2.75e-5, -0.2)),
        ("uint8", 1 / 255, 0.0, {}, False, (1 / 255, 0.0)),
    ],
)
def test_every_offset_is_applied_once(
    dtype: str, scale: float, offset: float, tags: dict[str, str], landsat: bool, expected: tuple[float, float]
) -> None:
    scaling = scaling_of("a.tif", dtype, scale, offset, tags, landsat_surface=landsat)
    assert (scaling.scale, scaling.offset) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("dtype", "scale", "offset", "tags", "message"),
    [
        ("uint8", 1.0, 0.0, {}, "8-bit"),
        ("complex64", 1.0, 0.0, {}, "complex64"),
        ("uint16", 0.0, 0.0, {}, "scale"),
        ("uint16", float("nan"), 0.0, {}, "scale"),
        ("uint16", 1.0, 0.0, {"boa_offset_applied": "false"}, "offset"),
        ("uint16", 1.0, 0.0, {"BOA_ADD_OFFSET": "much"}, "not a number"),
        ("uint16", 1.0, 0.0, {"BOA_ADD_OFFSET_0": "-1000", "BOA_ADD_OFFSET_1": "0"}, "differ"),
    ],
)  # fmt: skip
def test_numbers_without_meaning_are_refused(
    dtype: str, scale: float, offset: float, tags: dict[str, str], message: str
) -> None:
    with pytest.raises(RasterError, match=rf"a\.tif.*{message}"):
        scaling_of("a.tif", dtype, scale, offset, tags, landsat_surface=False)
