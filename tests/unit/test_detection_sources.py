"""Files -> dates of imagery."""

from __future__ import annotations

import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from detection.sources import open_dates, open_sources
from hazard_db.errors import DetectionError, RasterError
from tests.detection_rasters import NORTH, UTM, WEST, ground, stored, write_tif

SHAPE = (60, 80)
NAMES = ("blue", "green", "red", "nir", "swir1", "swir2")


def picture(path: Path, names: tuple[str, ...] = NAMES, **options: object) -> Path:
    number = zlib.crc32(f"{path.parent.name}/{path.name}".encode())  # no two pictures are alike
    bands = {name: stored(ground(SHAPE, number + band)) for band, name in enumerate(names)}
    return write_tif(path, bands, **options)  # type: ignore[arg-type]


def test_dates_are_sorted_and_the_first_file_gives_the_grid(tmp_path: Path) -> None:
    late = picture(tmp_path / "x_20220801.tif", transform=from_origin(WEST + 100, NORTH, 10, 10))
    early = picture(tmp_path / "x_20220701.tif")
    after = picture(tmp_path / "x_20230701.tif")
    sources = open_sources([late, early], [after])
    assert [scene.label for scene in sources.before] == ["x_20220701.tif", "x_20220801.tif"]
    assert sources.grid.transform.c == WEST + 100
    assert sources.before[0].bands == NAMES
    assert "10:30" in sources.before[0].sun.basis


def test_one_band_files_of_a_date_are_one_date(tmp_path: Path) -> None:
    """The same names in two folders, no dates in them: as downloads come."""
    files = {
        role: [picture(tmp_path / role / f"download.B{n}.tif", (f"band{n}",), described=False) for n in (2, 3, 4)]
        for role in ("pre", "post")
    }
    for dates in (["2018-04-20", "2018-09-25"], ["2018-04-20"] * 3 + ["2018-09-25"] * 3):
        sources = open_sources(files["pre"], files["post"], dates=dates)
        assert sources.before[0].bands == ("blue", "green", "red")
        assert len(sources.before) == len(sources.after) == 1
        assert sources.after[0].label == "post/download.B2.tif (+2)"
    with pytest.raises(RasterError, match=r"pre/download\.B2\.tif.*--dates"):
        open_sources(files["pre"], files["post"])
    with pytest.raises(DetectionError, match="3 dates for 2 dates"):
        open_sources(files["pre"], files["post"], dates=["2018-04-20"] * 3)


def test_a_quality_file_beside_the_reflectance_joins_its_own_scene(tmp_path: Path) -> None:
    """Two scenes of one moment side by side, each with its scl in another file, in the worst order."""
    east = from_origin(WEST + 700, NORTH, 10, 10)
    tags = {"acquired": "2022-07-01T05:46:39Z"}
    west_file = picture(tmp_path / "w.tif", tags=tags)
    east_file = picture(tmp_path / "e.tif", tags=tags, transform=east)
    scl_east = picture(tmp_path / "e_scl.tif", ("scl",), tags=tags, transform=east, dtype="uint8")
    scl_west = picture(tmp_path / "w_scl.tif", ("scl",), tags=tags, dtype="uint8")
    after = picture(tmp_path / "x_20230701.tif")
    sources = open_sources([west_file, east_file, scl_east, scl_west], [after])
    assert len(sources.before) == 2
    pairs = {scene.label.split()[0]: scene.quality for scene in sources.before}
    assert pairs["w.tif"] is not None
    assert pairs["w.tif"].label == "w_scl.tif"
    assert pairs["e.tif"] is not None
    assert pairs["e.tif"].label == "e_scl.tif"


def test_bands_can_be_named(tmp_path: Path) -> None:
    before = picture(tmp_path / "a_20220701.tif", described=False)
    after = picture(tmp_path / "b_20230701.tif", described=False)
    with pytest.raises(RasterError, match=r"a_20220701\.tif: no band is named"):
        open_sources([before], [after])
    sources = open_sources([before], [after], bands=["red", "-", "nir", "-", "-", "scl"])
    assert sources.before[0].bands == ("red", "nir")
    assert sources.before[0].quality is not None
    with pytest.raises(RasterError, match="has 6 bands, --bands names 3"):
        open_sources([before], [after], bands=["red", "nir", "blue"])


def test_named_one_band_files_take_turns(tmp_path: Path) -> None:
    files = [picture(tmp_path / day / f"{n}.tif", ("x",), described=False) for day in ("a", "b") for n in (1, 2)]
    sources = open_sources(files[:2], files[2:], bands=["nir", "red"], dates=["2022-07-01", "2023-07-01"])
    assert sources.before[0].bands == ("red", "nir")
    assert sources.before[0].layers[1].label == "a/1.tif"
    with pytest.raises(RasterError, match="--bands names 2 bands"):
        open_sources(files[:2], files[2:3], bands=["nir", "red"], dates=["2022-07-01", "2023-07-01"])


def test_before_must_be_before(tmp_path: Path) -> None:
    early, late = picture(tmp_path / "x_20220701.tif"), picture(tmp_path / "x_20230701.tif")
    with pytest.raises(DetectionError, match=r"x_20230701\.tif \(2023-07-01\) is given --before"):
        open_sources([late], [early])
    same = picture(tmp_path / "y_20220701.tif")
    with pytest.raises(DetectionError, match="exchange them"):
        open_sources([early], [same])
    with pytest.raises(DetectionError, match="given twice"):
        open_sources([early], [tmp_path / "." / "x_20220701.tif"])
    with pytest.raises(DetectionError, match="at least one"):
        open_sources([early], [])


def test_hours_decide_on_one_day(tmp_path: Path) -> None:
    morning = picture(tmp_path / "m.tif", tags={"acquired": "2022-07-01T05:00:00Z"})
    noon = picture(tmp_path / "n.tif", tags={"acquired": "2022-07-01T06:00:00Z"})
    assert open_sources([morning], [noon]).after[0].label == "n.tif"
    with pytest.raises(DetectionError):
        open_sources([noon], [morning])


def test_contradicting_dates_are_refused(tmp_path: Path) -> None:
    before, after = picture(tmp_path / "x_20220701.tif"), picture(tmp_path / "y.tif")
    with pytest.raises(RasterError, match="--dates says 2022-07-02"):
        open_sources([before], [after], dates=["2022-07-02", "2023-07-01"])
    assert open_sources([before], [after], dates=["2022-07-01", "2023-07-01"]).after[0].acquired.at.year == 2023


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crs": None}, "has no CRS"),
        ({"dtype": "uint8"}, "8-bit"),
        ({"names": ("red",)}, "only band red is named"),
        ({"names": ("x", "y")}, "no band is named"),
        ({"scale": 1e-8}, "cannot be"),
        ({"scale": 0.01}, "cannot be"),
        ({"tags": {"sun_elevation": "-5", "sun_azimuth": "100"}}, "lights no picture"),
        ({"tags": {"acquired": "soon"}}, "is not a date"),
    ],
)
def test_unusable_files_are_named_in_one_line(tmp_path: Path, change: dict[str, object], message: str) -> None:
    bad = picture(tmp_path / "bad_20220701.tif", **change)  # type: ignore[arg-type]
    good = picture(tmp_path / "x_20230701.tif")
    with pytest.raises(RasterError, match=message) as caught:
        open_sources([bad], [good])
    assert str(caught.value).startswith("bad_20220701.tif")
    assert "\n" not in str(caught.value)


def test_reflectance_that_has_been_scaled_already_is_refused(tmp_path: Path) -> None:
    """Floats 0-10000, or a scale applied twice."""
    bands = {name: 10_000 * ground(SHAPE) for name in NAMES}
    bad = write_tif(tmp_path / "bad_20220701.tif", bands, dtype="float32", nodata=None)
    with pytest.raises(RasterError, match="median reflectance"):
        open_sources([bad], [picture(tmp_path / "x_20230701.tif")])


def test_nothing_but_nodata(tmp_path: Path) -> None:
    bad = write_tif(tmp_path / "bad_20220701.tif", {name: np.zeros(SHAPE) for name in NAMES})
    with pytest.raises(RasterError, match="holds no data at all"):
        open_sources([bad], [picture(tmp_path / "x_20230701.tif")])


@pytest.mark.parametrize("name", ["LC08_L1TP_013032_20180131_20180207_01_T1_B4.tif", "S2A_MSIL1C_20220701.tif"])
def test_level_1_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RasterError, match="Level-1"):
        open_dates([picture(tmp_path / name)])


def test_missing_folder_text_and_half_a_file(tmp_path: Path) -> None:
    good = picture(tmp_path / "x_20230701.tif")
    text = tmp_path / "text.tif"
    text.write_text("not a raster")
    half = tmp_path / "half_20220701.tif"
    half.write_bytes(good.read_bytes()[:3000])
    empty = tmp_path / "empty.tif"
    empty.touch()
    for bad in (tmp_path / "missing.tif", tmp_path, text, half, empty):
        with pytest.raises(RasterError) as caught:
            open_sources([bad], [good])
        assert bad.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_time_of_processing_is_not_taken_for_night(tmp_path: Path) -> None:
    night = picture(tmp_path / "n.tif", tags={"TIFFTAG_DATETIME": "2022:07:01 20:00:00"})
    (scene,) = open_dates([night])
    assert scene.sun.elevation_deg > 50
    assert any("night" in note for note in scene.notes)


@pytest.mark.parametrize(("side", "message"), [(200_000, "more than can be looked at"), (7000, "holds no data at all")])
def test_huge_and_empty_rasters_are_refused_at_once(tmp_path: Path, side: int, message: str) -> None:
    """A sparse file of a few kilobytes that claims a whole country."""
    path = tmp_path / "huge_20220701.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=2, dtype="uint16", nodata=0, crs=UTM,
        transform=from_origin(WEST, NORTH, 1, 1), tiled=True, sparse_ok=True, bigtiff="yes",
        blockxsize=2048, blockysize=2048,
    ) as raster:  # fmt: skip
        raster.descriptions = ("red", "nir")
    started = time.monotonic()
    with pytest.raises(RasterError, match=message):
        open_dates([path])
    assert time.monotonic() - started < 10


def test_one_picture_under_two_names_is_refused(tmp_path: Path) -> None:
    before = picture(tmp_path / "x_20220701.tif")
    copy = tmp_path / "x_20230701.tif"
    copy.write_bytes(before.read_bytes())
    with pytest.raises(DetectionError, match="are the same picture"):
        open_sources([before], [copy])
