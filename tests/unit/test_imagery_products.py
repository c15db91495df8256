"""What products say of their scenes: reflectance of every baseline, dates, bands; and what is refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from hazard_db.errors import InputError, RasterError
from hazard_db.moments import option
from ingest.imagery.bundle import Bundle
from ingest.imagery.cog import write_bands
from ingest.imagery.crop import crop
from ingest.imagery.encoding import REFLECTANCE
from ingest.imagery.raster import grid_of, opened
from ingest.imagery.registry import PRODUCTS, discover, recognise
from ingest.imagery.source import BANDS, Options, SceneSource
from tests.imagery_products import landsat_product, reflectances, safe_product, tarred, write_stack, zipped

OFFSETS = dict.fromkeys(range(13), -1000)
DAY = {"acquired": "2023-07-15T05:46:39Z"}


def only(*paths: Path) -> Bundle:
    (bundle,) = discover(paths)
    return bundle


def read(*paths: Path, **options: Any) -> SceneSource:
    bundle = only(*paths)
    return PRODUCTS[recognise(bundle)].read(bundle, Options(**options))


def scaling(source: SceneSource) -> dict[str, tuple[float, float]]:
    return {layer.name: (layer.scale, layer.offset) for layer in source.bands}


def safe(folder: Path, size: int = 32, **options: Any) -> Path:
    numbers = {
        band: np.full((size // (2 if band in {"B11", "B12"} else 1),) * 2, 2000, np.uint16)
        for band in ("B02", "B03", "B04", "B08", "B11", "B12")
    }
    return safe_product(folder, numbers, np.full((size // 2,) * 2, 5, np.uint8), **options)


def landsat(folder: Path, **options: Any) -> Path:
    bands = [np.full((20, 20), 10000 + 100 * i, np.uint16) for i in range(6)]
    return landsat_product(folder, bands, np.full((20, 20), 21824, np.uint16), **options)


# Sentinel-2


def test_offset_of_newer_baselines_is_applied_by_band(tmp_path: Path) -> None:
    source = read(safe(tmp_path, baseline="05.09", offsets={**OFFSETS, 11: -900}))
    assert scaling(source) == {
        **dict.fromkeys(("blue", "green", "red", "nir", "swir2"), (1e-4, pytest.approx(-0.1))),
        "swir1": (1e-4, pytest.approx(-0.09)),
    }


@pytest.mark.parametrize("old_names", [False, True])
def test_older_baselines_have_no_offset(tmp_path: Path, old_names: bool) -> None:
    source = read(safe(tmp_path, baseline="02.14", day="20200715", old_names=old_names))
    assert scaling(source) == dict.fromkeys(BANDS, (1e-4, 0.0))
    assert source.baseline == "02.14"


def test_a_reprocessed_old_date_has_the_offset_its_metadata_states(tmp_path: Path) -> None:
    source = read(safe(tmp_path, baseline="05.00", day="20170715", offsets=OFFSETS))
    assert scaling(source) == dict.fromkeys(BANDS, (1e-4, pytest.approx(-0.1)))


def test_a_product_that_hides_its_offset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match=r"05\.09.*no BOA_ADD_OFFSET"):
        read(safe(tmp_path, baseline="05.09"))


def test_a_missing_offset_of_one_band_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="no BOA_ADD_OFFSET for band B8"):
        read(safe(tmp_path, baseline="05.09", offsets={i: -1000 for i in range(13) if i != 7}))


def test_local_processing_is_believed(tmp_path: Path) -> None:
    assert set(scaling(read(safe(tmp_path, baseline="99.99"))).values()) == {(1e-4, 0.0)}


def test_quantification_is_the_products_own(tmp_path: Path) -> None:
    source = read(safe(tmp_path, baseline="05.09", offsets=OFFSETS, quantification=5000))
    assert scaling(source) == dict.fromkeys(BANDS, (pytest.approx(2e-4), pytest.approx(-0.2)))


@pytest.mark.parametrize("form", ["folder", "metadata file", "zip"])
def test_a_safe_product_is_the_same_in_every_form(tmp_path: Path, form: str) -> None:
    root = safe(tmp_path, baseline="05.09", offsets=OFFSETS)
    path = {"folder": root, "metadata file": root / "MTD_MSIL2A.xml", "zip": zipped(root)}[form]
    source = read(path)
    assert source.name == root.stem
    assert source.collection == "sentinel-2-l2a"
    assert source.sensor == "sentinel-2b"
    assert source.acquired_at.isoformat() == "2023-07-15T05:56:39.024000+00:00"
    assert source.sun == (68.75, 129.5)
    assert (source.grid_tile, source.cloud_cover, source.baseline) == ("43SDA", 7.25, "05.09")
    assert source.quality is not None
    assert source.quality.name == "scl"
    assert len(source.expected) == len(source.members) == 9
    assert recognise(only(path)) == "sentinel-2-l2a"


@pytest.mark.parametrize(
    ("gone", "line"),
    [
        ("*_B08_10m.jp2", "B08_10m is missing"),
        ("*_SCL_20m.jp2", "SCL_20m is missing"),
        ("MTD_TL.xml", "MTD_TL.xml is missing"),
        ("MTD_MSIL2A.xml", "MTD_MSIL2A.xml is missing"),
    ],
)
def test_half_a_safe_product_is_refused(tmp_path: Path, gone: str, line: str) -> None:
    root = safe(tmp_path, baseline="05.09", offsets=OFFSETS)
    next(root.rglob(gone)).unlink()
    with pytest.raises(RasterError, match=line):
        read(root)


def test_xml_bombs_are_refused(tmp_path: Path) -> None:
    root = safe(tmp_path, baseline="05.09", offsets=OFFSETS)
    (root / "MTD_MSIL2A.xml").write_text('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    with pytest.raises(RasterError, match="damaged"):
        read(root)


def test_a_download_that_broke_off_is_no_archive(tmp_path: Path) -> None:
    path = zipped(safe(tmp_path, baseline="05.09", offsets=OFFSETS))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(RasterError, match="download is incomplete"):
        discover([path])


# Landsat


@pytest.mark.parametrize("notation", ["json", "xml", "txt"])
@pytest.mark.parametrize("packed", [False, True])
def test_landsat_takes_the_level_2_scale_in_every_notation(tmp_path: Path, notation: str, packed: bool) -> None:
    root = landsat(tmp_path, notation=notation, multiplier=2.8e-05, addend=-0.21)
    source = read(tarred(root) if packed else root)
    assert scaling(source) == dict.fromkeys(BANDS, (2.8e-05, -0.21))
    assert source.name == root.name
    assert source.acquired_at.isoformat() == "2023-07-15T05:37:12.345678+00:00"
    assert source.sun == (64.25, 121.5)
    assert (source.sensor, source.grid_tile, source.cloud_cover) == ("landsat-8", "149035", 12.34)
    assert source.quality is not None
    assert source.quality.name == "qa_pixel"


@pytest.mark.parametrize("sensor", ["LT05", "LE07"])
def test_thematic_mapper_counts_its_bands_differently(tmp_path: Path, sensor: str) -> None:
    source = read(landsat(tmp_path, sensor=sensor, numbers=(1, 2, 3, 4, 5, 7)))
    files = {layer.name: layer.member[-6:] for layer in source.bands}
    assert files == dict(zip(BANDS, ("B1.TIF", "B2.TIF", "B3.TIF", "B4.TIF", "B5.TIF", "B7.TIF"), strict=True))


def test_landsat_without_metadata_has_the_published_scale(tmp_path: Path) -> None:
    source = read(landsat(tmp_path, notation=None))
    assert scaling(source) == dict.fromkeys(BANDS, (2.75e-05, -0.2))
    assert source.sun is None
    assert source.acquired_precision == "day"
    assert source.notes


@pytest.mark.parametrize(
    ("gone", "line"), [("*_SR_B5.TIF", r"SR_B5 \(nir\) is missing"), ("*_QA_PIXEL.TIF", "QA_PIXEL")]
)
def test_half_a_landsat_product_is_refused(tmp_path: Path, gone: str, line: str) -> None:
    root = landsat(tmp_path)
    next(root.glob(gone)).unlink()
    with pytest.raises(RasterError, match=line):
        read(root)


def test_landsat_metadata_of_another_scene_is_refused(tmp_path: Path) -> None:
    root = landsat(tmp_path)
    metadata = next(root.glob("*_MTL.json"))
    metadata.write_text(metadata.read_text().replace("149035", "149036"))
    with pytest.raises(RasterError, match="is that of LC08_L2SP_149036"):
        read(root)


def test_real_collection_1_scenes_are_refused_with_what_to_get(shared_data: Path) -> None:
    folders = sorted((shared_data / "imagery/l8_newyork_2018/L8NY18").iterdir())
    assert len(folders) > 10
    for folder in folders:
        with pytest.raises(RasterError, match="not surface reflectance; get Collection 2 Level-2") as caught:
            read(folder)
        assert "Collection 1 Level-1 (L1TP)" in str(caught.value)


def test_sentinel_level_1c_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "S2B_MSIL1C_20230715T054639_N0509_R062_T43SDA_20230715T081234.SAFE"
    root.mkdir()
    (root / "MTD_MSIL1C.xml").write_text("<a/>")
    with pytest.raises(RasterError, match="top-of-atmosphere"):
        read(root)


# GeoTIFF


def test_integers_are_reflectance_times_10000(tmp_path: Path) -> None:
    source = read(write_stack(tmp_path / "a.tif", reflectances(), tags=DAY))
    assert scaling(source) == dict.fromkeys(BANDS, (1e-4, 0.0))


def test_floats_are_reflectance(tmp_path: Path) -> None:
    bands = {name: (values / 1e4).astype(np.float32) for name, values in reflectances().items()}
    assert scaling(read(write_stack(tmp_path / "a.tif", bands, tags=DAY))) == dict.fromkeys(BANDS, (1.0, 0.0))


def test_scale_and_offset_tags_say_it_all(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "a.tif", reflectances(), tags=DAY, scale=1e-4, offset=-0.1)
    assert scaling(read(path)) == dict.fromkeys(BANDS, (1e-4, -0.1))


def test_a_declared_offset_that_is_applied_is_not_applied_again(tmp_path: Path) -> None:
    tags = {**DAY, "PROCESSING_BASELINE": "05.09", "BOA_ADD_OFFSET_B2": "-1000", "boa_offset_applied": "true"}
    assert scaling(read(write_stack(tmp_path / "a.tif", reflectances(), tags=tags))) == dict.fromkeys(
        BANDS, (1e-4, 0.0)
    )


@pytest.mark.parametrize("tags", [{"BOA_ADD_OFFSET_B2": "-1000"}, {"earthsearch:boa_offset_applied": "False"}])
def test_an_offset_that_nobody_decided_is_refused(tmp_path: Path, tags: dict[str, str]) -> None:
    with pytest.raises(RasterError, match="boa_offset_applied=yes"):
        read(write_stack(tmp_path / "a.tif", reflectances(), tags={**DAY, **tags}))


def test_a_bare_jpeg_2000_band_is_refused(tmp_path: Path) -> None:
    root = safe(tmp_path, baseline="05.09", offsets=OFFSETS)
    files = sorted(root.rglob("*_10m.jp2"))
    with pytest.raises(RasterError, match=r"whole \.SAFE folder"):
        read(*files)


def test_band_numbers_are_sentinels(tmp_path: Path) -> None:
    names = ("B02", "B03", "B04", "B08", "B8A", "B11", "B12", "SCL")
    bands = dict(zip(names, [*reflectances().values(), *reflectances(seed=2).values()][:8], strict=True))
    source = read(write_stack(tmp_path / "a.tif", bands, tags=DAY))
    assert [(layer.name, layer.band) for layer in source.bands] == list(zip(BANDS, (1, 2, 3, 4, 6, 7), strict=True))
    assert source.quality is not None
    assert (source.quality.name, source.quality.band) == ("scl", 8)


def test_numbers_that_may_be_landsats_are_asked_for(tmp_path: Path) -> None:
    bands = dict(zip(("B1", "B2", "B3", "B4", "B5", "B7"), reflectances().values(), strict=True))
    path = write_stack(tmp_path / "a.tif", bands, tags=DAY)
    with pytest.raises(RasterError, match="--bands"):
        read(path)
    source = read(path, bands=BANDS)
    assert [layer.band for layer in source.bands] == [1, 2, 3, 4, 5, 6]


def test_bands_by_option_may_leave_some_out(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "a.tif", {f"x{i}": v for i, v in enumerate(reflectances().values())}, tags=DAY)
    with pytest.raises(RasterError, match="no band is named"):
        read(path)
    source = read(path, bands=("red", "-", "-", "green", "-", "B08"))
    assert [(layer.name, layer.band) for layer in source.bands] == [("green", 4), ("red", 1), ("nir", 6)]
    for bands, line in ((("red", "green"), "names 2"), (("red", "x", "-", "-", "-", "-"), "'x' is not a band")):
        with pytest.raises(RasterError, match=line):
            read(path, bands=bands)


def test_the_same_band_twice_is_refused(tmp_path: Path) -> None:
    first = reflectances()
    path = write_stack(tmp_path / "a.tif", {"red": first["red"], "B04": first["nir"], "nir": first["nir"]}, tags=DAY)
    with pytest.raises(RasterError, match="red is there twice"):
        read(path)


@pytest.mark.parametrize(
    ("name", "tags", "given", "expected", "precision"),
    [
        ("a.tif", {"TIFFTAG_DATETIME": "2023:07:15 05:46:39"}, None, "2023-07-15T05:46:39+00:00", "second"),
        ("a.tif", {"TIFFTAG_DATETIME": "2023:07:15 00:00:00"}, None, "2023-07-15T00:00:00+00:00", "day"),
        ("a_20230101.tif", {"acquired": "2023-07-15"}, None, "2023-07-15T00:00:00+00:00", "day"),
        ("a_20230715T054639_x.tif", {}, None, "2023-07-15T05:46:39+00:00", "second"),
        ("S2_20230715_20230801.tif", {}, None, "2023-07-15T00:00:00+00:00", "day"),
        ("a_20231399_20230715.tif", {}, None, "2023-07-15T00:00:00+00:00", "day"),
        ("a.tif", {}, "2023-07-15", "2023-07-15T00:00:00+00:00", "day"),
        ("a.tif", {"acquired": "2023-07-15T10:46:39+05:00"}, "20230715", "2023-07-15T05:46:39+00:00", "second"),
    ],
)
def test_dates(
    tmp_path: Path, name: str, tags: dict[str, str], given: str | None, expected: str, precision: str
) -> None:
    source = read(write_stack(tmp_path / name, reflectances(), tags=tags), date=option(given) if given else None)
    assert (source.acquired_at.isoformat(), source.acquired_precision) == (expected, precision)


@pytest.mark.parametrize(
    ("name", "tags", "given", "line"),
    [
        ("a.tif", {}, None, "--dates YYYY-MM-DD"),
        ("a_20230715.tif", {}, "2023-07-16", "correct the one that is wrong"),
        ("a.tif", {"acquired": "15 July"}, None, "is not a date"),
        ("a.tif", {"acquired": "2099-01-01"}, None, "in the future"),
        ("a.tif", {"acquired": "1901-01-01"}, None, "before 1972"),
    ],
)
def test_dates_that_cannot_be(tmp_path: Path, name: str, tags: dict[str, str], given: str | None, line: str) -> None:
    path = write_stack(tmp_path / name, reflectances(), tags=tags)
    with pytest.raises(RasterError, match=line):
        read(path, date=option(given) if given else None)


def test_hokkaido_files_become_two_scenes(shared_data: Path) -> None:
    root = shared_data / "imagery/s2_hokkaido_2018"
    found = discover([root / "pre-event", *sorted((root / "post-event").iterdir())])
    assert [len(bundle.members) for bundle in found] == [3, 3]
    for bundle, day in zip(found, ("2018-08-01", "2018-09-15"), strict=True):
        source = PRODUCTS[recognise(bundle)].read(bundle, Options(date=option(day)))
        assert [layer.name for layer in source.bands] == ["blue", "green", "red"]
        assert source.notes == ("without nir, swir1, swir2",)
        assert source.name == f"download_{day.replace('-', '')}"


def test_a_stack_is_not_taken_for_one_band_of_a_set(tmp_path: Path) -> None:
    first = write_stack(tmp_path / "scene_20230715_B02.tif", reflectances())
    second = write_stack(tmp_path / "other_20230715.tif", reflectances())
    assert len(discover([first, second])) == 2
    assert len(read(first).bands) == 6


def test_files_of_different_days_are_not_one_scene(tmp_path: Path) -> None:
    values = reflectances()
    first = write_stack(tmp_path / "a_B02.tif", {"": values["blue"]}, tags={"acquired": "2023-07-15"})
    second = write_stack(tmp_path / "a_B03.tif", {"": values["green"]}, tags={"acquired": "2023-07-16"})
    with pytest.raises(RasterError, match="different days"):
        read(first, second)


def test_eight_bits_are_a_picture(tmp_path: Path) -> None:
    bands = {name: (values // 40).astype(np.uint8) for name, values in reflectances().items()}
    with pytest.raises(RasterError, match="8-bit"):
        read(write_stack(tmp_path / "a.tif", bands, tags=DAY))


def test_netcdf_is_not_taken_for_a_scene(shared_data: Path) -> None:
    with pytest.raises(InputError, match="not recognised as imagery"):
        read(shared_data / "imagery/s2_romania_timeseries/sentinel2_subset.nc")


@pytest.mark.parametrize("path", ["no-such.tif", "empty"])
def test_nothing_there(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RasterError, match=r"no such file|no imagery"):
        discover([tmp_path / path])


def test_georeference_is_needed(tmp_path: Path) -> None:
    turned = (
        rasterio.Affine.translation(460000, 4030000) @ rasterio.Affine.rotation(10) @ rasterio.Affine.scale(10, -10)
    )
    cases = {
        "no CRS": {"crs": None},
        "rotated": {"transform": turned},
        "not north-up": {"transform": rasterio.Affine(10, 0, 460000, 0, 10, 4030000)},
        "no EPSG code": {"crs": "+proj=laea +lat_0=36 +lon_0=74.5 +a=6371000 +b=6371000"},
    }
    for line, options in cases.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            path = write_stack(tmp_path / "a.tif", reflectances(), tags=DAY, **options)
        with pytest.raises(RasterError, match=line):
            read(path)


def _robust() -> list[str]:
    root = Path(__file__).parents[3] / "shared/data/robust/raster"
    return sorted(
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.suffix != ".md"
    )


@pytest.mark.parametrize("name", _robust())
def test_every_broken_raster_gets_one_clear_line(shared_data: Path, tmp_path: Path, name: str) -> None:
    path = shared_data / "robust/raster" / name
    with pytest.raises(InputError) as caught:
        source = read(path, bands=None, date=None if path.name == "all-nodata.tif" else option("2023-07-15"))
        with opened(source.bands[0].href, path.name) as dataset:
            whole = crop(grid_of(dataset, path.name), None, path.name)
        write_bands(
            source.bands, whole, tmp_path / "r.tif", REFLECTANCE, tags={}, all_zero_is_nodata=False, label=path.name,
            progress=lambda *_: None,
        )  # fmt: skip
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
