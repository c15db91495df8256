"""Metadata of products as archives and people leave it: what can be read is, and what would give wrong numbers is refused."""

from __future__ import annotations

import io
import shutil
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hazard_db.errors import RasterError
from ingest.imagery import landsat as landsat_module
from ingest.imagery import sentinel2
from ingest.imagery.bundle import Bundle
from ingest.imagery.encoding import DECIBEL_SCALE, REFLECTANCE, encoding_of
from ingest.imagery.jp2 import defect
from ingest.imagery.registry import PRODUCTS, discover, recognise
from ingest.imagery.source import Options, Radar, SceneSource
from tests.imagery_products import PHYSICAL, TILE, landsat_product, safe_product, write_manifest

OFFSETS = dict.fromkeys(range(13), -1000)
MAIN, TILE_XML = "MTD_MSIL2A.xml", "MTD_TL.xml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("safe")
    numbers = {
        band: np.full((32, 32) if band[1] == "0" else (16, 16), 2000, np.uint16)
        for band in ("B02", "B03", "B04", "B08", "B11", "B12")
    }
    safe_product(folder, numbers, np.full((16, 16), 5, np.uint8), offsets=OFFSETS)
    landsat_product(folder, [np.full((4, 4), 10_000, np.uint16)] * 6, np.full((4, 4), 21824, np.uint16), notation="txt")
    return folder


@pytest.fixture
def safe(made: Path, tmp_path: Path) -> Path:
    (source,) = made.glob("*.SAFE")
    return Path(shutil.copytree(source, tmp_path / source.name))


@pytest.fixture
def landsat(made: Path, tmp_path: Path) -> Path:
    (source,) = made.glob("LC08*")
    return Path(shutil.copytree(source, tmp_path / source.name))


def only(path: Path) -> Bundle:
    (bundle,) = discover([path])
    return bundle


def read(path: Path, **options: Any) -> SceneSource:
    bundle = only(path)
    return PRODUCTS[recognise(bundle)].read(bundle, Options(**options))


def edit(root: Path, name: str, old: str, new: str) -> Path:
    (path,) = root.rglob(name)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return root


# Sentinel-2


@pytest.mark.parametrize(("name", "old", "new", "line"), [
    (MAIN, "<PROCESSING_BASELINE>05.09", "<PROCESSING_BASELINE>5-9", "processing baseline '5-9' is not understood"),
    (MAIN, "<PROCESSING_BASELINE>05.09</PROCESSING_BASELINE>", "", "has no PROCESSING_BASELINE"),
    (MAIN, '"none">10000', '"none">0', "BOA_QUANTIFICATION_VALUE is 0.0"),
    (MAIN, '"none">10000', '"none">-1', "BOA_QUANTIFICATION_VALUE is -1.0"),
    (MAIN, '"none">10000', '"none">many', "BOA_QUANTIFICATION_VALUE = 'many', which is no number"),
    (MAIN, '<BOA_ADD_OFFSET band_id="3">-1000', '<BOA_ADD_OFFSET band_id="3">', "BOA_ADD_OFFSET = '', which is no number"),
    (TILE_XML, "21.25", "high", "ZENITH_ANGLE = 'high', which is no number"),
    (TILE_XML, "</n1:Level-2A_Tile_ID>", "", "MTD_TL.xml is damaged"),
])  # fmt: skip
def test_metadata_that_would_give_wrong_numbers_is_refused(
    safe: Path, name: str, old: str, new: str, line: str
) -> None:
    with pytest.raises(RasterError, match=line):
        read(edit(safe, name, old, new))


def test_files_that_are_missing_or_too_many_are_told(safe: Path) -> None:
    (granule,) = (safe / "GRANULE").iterdir()
    shutil.copytree(granule, granule.with_name("L2A_T43SDB_A1_20230715T055400"))
    with pytest.raises(RasterError, match="holds 2 tiles; split it into one product a tile"):
        read(safe)
    shutil.rmtree(granule.with_name("L2A_T43SDB_A1_20230715T055400"))
    (granule / TILE_XML).unlink()
    with pytest.raises(RasterError, match=r"MTD_TL.xml is missing"):
        read(safe)
    (safe / MAIN).unlink()
    with pytest.raises(RasterError, match=r"MTD_MSIL2A.xml is missing"):
        read(safe)


def test_two_products_in_one_folder_are_refused(safe: Path) -> None:
    bundle = Bundle(safe.parent, (f"a.SAFE/{MAIN}", f"b.SAFE/{MAIN}"))
    with pytest.raises(RasterError, match="holds 2 Sentinel-2 products"):
        sentinel2.read(bundle, Options())


def test_the_day_that_the_user_gives_must_be_the_products(safe: Path) -> None:
    with pytest.raises(RasterError, match="--dates says 2023-07-16, the product 2023-07-15"):
        read(safe, date=datetime(2023, 7, 16, tzinfo=UTC))
    assert read(safe, date=datetime(2023, 7, 15, tzinfo=UTC)).acquired_at == datetime(
        2023, 7, 15, 5, 56, 39, 24000, UTC
    )


def test_offsets_go_by_the_list_of_bands_and_by_the_published_one_where_there_is_none(safe: Path) -> None:
    for number in range(13):
        edit(
            safe,
            MAIN,
            f'<BOA_ADD_OFFSET band_id="{number}">-1000',
            f'<BOA_ADD_OFFSET band_id="{number}">-{1000 + number}',
        )
    spectral = "".join(f'<Spectral_Information bandId="{i}" physicalBand="{b}"/>' for i, b in enumerate(PHYSICAL))
    for root in (safe, edit(safe, MAIN, spectral, "")):
        offsets = {layer.name: round(layer.offset * 10_000) for layer in read(root).bands}
        assert offsets == {"blue": -1001, "green": -1002, "red": -1003, "nir": -1007, "swir1": -1011, "swir2": -1012}


@pytest.mark.parametrize(("old", "new"), [
    ("<Mean_Sun_Angle>", "<Other>"), ('<ZENITH_ANGLE unit="deg">21.25</ZENITH_ANGLE>', ""), ("129.5", " "),
])  # fmt: skip
def test_a_sun_that_is_told_in_part_is_not_told(safe: Path, old: str, new: str) -> None:
    assert read(safe).sun == (68.75, 129.5)
    edit(safe, TILE_XML, old, new)
    if new == "<Other>":
        edit(safe, TILE_XML, "</Mean_Sun_Angle>", "</Other>")
    assert read(safe).sun is None


def test_cloud_that_is_no_number_is_not_told(safe: Path) -> None:
    assert read(safe).cloud_cover == 7.25
    assert read(edit(safe, MAIN, ">7.25<", ">n/a<")).cloud_cover is None


def test_only_checksums_that_are_understood_count(safe: Path) -> None:
    (safe / "manifest.safe").unlink()
    assert read(safe).expected == {}
    write_manifest(safe)
    source = read(safe)
    assert set(source.expected) == set(source.members)
    assert {algorithm for algorithm, _ in source.expected.values()} == {"sha3_256"}
    manifest = safe / "manifest.safe"
    first = next(name for name in source.members if name.endswith("MTD_TL.xml"))  # the only one of its content
    plain = manifest.read_text()
    manifest.write_text(plain.replace("SHA3-256", "CRC-32"))
    assert read(safe).expected == {}
    for nothing in ("", " "):
        manifest.write_text(plain.replace(source.expected[first][1], nothing))
        assert set(read(safe).expected) == set(source.members) - {first}
    manifest.write_text(plain.replace(f'href="./{first}"', 'href="./elsewhere"'))
    assert set(read(safe).expected) == set(source.members) - {first}


def test_an_image_that_breaks_off_is_named(safe: Path) -> None:
    bundle, source = only(safe), read(safe)
    sentinel2.verify(bundle, source)
    path = safe / source.bands[2].member
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(RasterError, match=rf"T{TILE}.*_B04_10m.jp2 is incomplete \(it breaks off\); fetch it again"):
        sentinel2.verify(bundle, source)


def test_a_tile_without_a_name_is_no_tile() -> None:
    assert sentinel2._grid_tile("a/T43SDA_20230715T054639_B02_10m.jp2", "x") == "43SDA"
    assert sentinel2._grid_tile("a/B02.jp2", "S2B_MSIL2A_20230715T054639_N0509_R062_T43SDB_20230715T081234") == "43SDB"
    assert sentinel2._grid_tile("a/B02.jp2", "product") == ""


# Landsat


@pytest.mark.parametrize(("old", "new", "line"), [
    ('REFLECTANCE_MULT_BAND_4 = "2.75e-05"', 'REFLECTANCE_MULT_BAND_4 = "0.5"', r"= number \* 0.5 \+ -0.2 cannot be for band 4"),
    ('REFLECTANCE_ADD_BAND_4 = "-0.2"', 'REFLECTANCE_ADD_BAND_4 = "-2"', r"\+ -2.0 cannot be for band 4"),
    ('REFLECTANCE_MULT_BAND_4 = "2.75e-05"', "", "has no REFLECTANCE_MULT_BAND_4 in LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"),
    ('CLOUD_COVER = "12.34"', 'CLOUD_COVER = "some"', "CLOUD_COVER = 'some', which is no number"),
])  # fmt: skip
def test_landsat_scales_that_cannot_be_are_refused(landsat: Path, old: str, new: str, line: str) -> None:
    with pytest.raises(RasterError, match=line):
        read(edit(landsat, "*_MTL.txt", old, new))


def test_landsat_values_that_are_flagged_unknown_are_not_told(landsat: Path) -> None:
    whole = read(landsat)
    assert (whole.cloud_cover, whole.sun, whole.acquired_precision) == (12.34, (64.25, 121.5), "second")
    edit(landsat, "*_MTL.txt", 'CLOUD_COVER = "12.34"', 'CLOUD_COVER = "-1"')
    edit(landsat, "*_MTL.txt", 'SUN_ELEVATION = "64.25"', 'SUN_ELEVATION = "-9999"')
    edit(landsat, "*_MTL.txt", 'SCENE_CENTER_TIME = "05:37:12.3456789Z"', "A line that says nothing")
    source = read(landsat)
    assert (source.cloud_cover, source.sun, source.acquired_precision) == (None, None, "day")
    assert source.acquired_at == datetime(2023, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize(("content", "line"), [
    ("nothing = of the kind", "it has no groups"), ("", "it has no groups"), ("END_GROUP = A\nKEY = 1\n", "it has no groups"),
])  # fmt: skip
def test_landsat_text_without_groups_is_damaged(landsat: Path, content: str, line: str) -> None:
    (path,) = landsat.glob("*_MTL.txt")
    path.write_text(content)
    with pytest.raises(RasterError, match=f"MTL.txt is damaged .*{line}"):
        read(landsat)


@pytest.mark.parametrize("content", ["[]", '{"LANDSAT_METADATA_FILE": []}', '{"other": {}}', "{"])
def test_landsat_json_of_another_shape_is_damaged(landsat: Path, content: str) -> None:
    (path,) = landsat.glob("*_MTL.txt")
    path.unlink()
    path.with_suffix(".json").write_text(content)
    with pytest.raises(RasterError, match=r"MTL.json is damaged"):
        read(landsat)


def renamed(root: Path, old: str, new: str) -> Path:
    for path in root.iterdir():
        path.rename(path.with_name(path.name.replace(old, new)))
    return root.rename(root.with_name(root.name.replace(old, new)))


def test_landsat_collections_and_sensors_without_such_bands_are_refused(landsat: Path) -> None:
    (landsat / f"{landsat.name}_MTL.txt").unlink()
    first = renamed(landsat, "_02_T1", "_03_T1")
    with pytest.raises(RasterError, match="Landsat Collection 03 is not Collection 2"):
        read(first)
    with pytest.raises(RasterError, match="Landsat sensor LM08 has no Level-2 bands"):
        read(renamed(renamed(first, "_03_T1", "_02_T1"), "LC08", "LM08"))


def test_landsat_files_of_two_products_and_strangers_among_them(landsat: Path) -> None:
    strangers = Bundle(landsat, ("README.txt", f"{landsat.name}_SR_B2.TIF", f"{landsat.name}_thumb.jpg"))
    assert landsat_module._files(strangers, landsat.name) == {"2": f"{landsat.name}_SR_B2.TIF"}
    names = tuple(f"{landsat.name.replace('0715', day)}_SR_B2.TIF" for day in ("0715", "0731"))
    with pytest.raises(RasterError, match="holds files of 2 Landsat products"):
        PRODUCTS["landsat-c2-l2"].read(Bundle(landsat, names), Options())


def test_the_day_of_a_landsat_scene_must_be_the_users(landsat: Path) -> None:
    with pytest.raises(RasterError, match="--dates says 2023-07-14, the product 2023-07-15"):
        read(landsat, date=datetime(2023, 7, 14, tzinfo=UTC))


def test_uncalibrated_radar_is_refused_with_what_to_get(tmp_path: Path) -> None:
    path = tmp_path / "S1A_IW_GRDH_1SDV_20230715T130000_20230715T130025_049500_05F3B2_1234.SAFE"
    (path / "measurement").mkdir(parents=True)
    (path / "measurement" / "s1a-iw-grd-vv-20230715t130000-20230715t130025-049500-05f3b2-001.tiff").write_bytes(
        b"II*\0"
    )
    with pytest.raises(RasterError, match="neither calibrated nor corrected for terrain; get the RTC product"):
        read(path)


# How numbers are stored


@pytest.mark.parametrize(("unit", "given"), [("power", 0.01), ("amplitude", 0.1), ("decibel", -20.0)])
def test_backscatter_of_every_unit_is_the_same_decibels(unit: Any, given: float) -> None:
    radar = encoding_of(Radar(unit, "ascending", 27, 38.0, 80.0))
    assert (radar.name, radar.scale, radar.zero_is_nothing) == ("backscatter", DECIBEL_SCALE, True)
    told = radar.value(np.array([given, 0.0]))
    assert told[0] == pytest.approx(-20.0)
    assert np.isnan(told[1])
    if unit != "decibel":
        assert np.isnan(radar.value(np.array([-1.0]))[0])


def test_reflectance_is_stored_as_it_is() -> None:
    assert encoding_of(None) is REFLECTANCE
    assert encoding_of(None).value(np.array([0.25]))[0] == 0.25


# JPEG 2000, marker by marker


def marker(kind: int, body: bytes = b"") -> bytes:
    return struct.pack(">HH", kind, 2 + len(body)) + body


def codestream(
    *, tile_px: int = 64, parts: tuple[tuple[int, int], ...] = ((0, 14),), end: bytes = b"\xff\xd9"
) -> bytes:
    size = struct.pack(">H8I", 0, 64, 64, 0, 0, tile_px, tile_px, 0, 0)
    tiles = b"".join(marker(0xFF90, struct.pack(">HIBB", tile, length, 0, 1)) + b"\xff\x93" for tile, length in parts)
    return b"\xff\x4f" + marker(0xFF51, size) + tiles + end


@pytest.mark.parametrize(("content", "wrong"), [
    (codestream(), None),
    (codestream(parts=((0, 0),)), None),
    (codestream(parts=((0, 0),), end=b"\0\0"), "it breaks off"),
    (codestream(tile_px=32), "only 1 of its 4 tiles are there"),
    (codestream(tile_px=0), "only 1 of its 0 tiles are there"),
    (codestream(parts=((0, 14), (0, 14))), None),
    (codestream(end=marker(0xFF64, b"comment") + b"\xff\xd9"), "its tiles do not follow one another"),
    (struct.pack(">I4s", 8, b"jp2c") + b"\0\0", "its codestream has no start"),
    (struct.pack(">I4s", 7, b"jP  ") + b"\0" * 20, "it holds no JPEG 2000 codestream"),
])  # fmt: skip
def test_codestreams_marker_by_marker(content: bytes, wrong: str | None) -> None:
    assert defect(io.BytesIO(content)) == wrong
