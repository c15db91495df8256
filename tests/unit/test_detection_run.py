"""From files to changes: exact answers, whatever the blocks; refusals in one line; nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image
from pyproj import Transformer
from rasterio.transform import from_origin
from shapely.geometry import shape

from detection import choice, methods
from detection.output import replacing
from detection.pictures import PANEL_PX, before_after_png
from detection.run import detect_landslide, run_landslide
from detection.scheduling import Crew
from hazard_db.errors import DetectionError, HazardError, InputError, RasterError
from tests.detection_rasters import NORTH, UTM, WEST, Brightening, ground, stored, write_tif

SHAPE = (500, 620)
NAMES = ("blue", "green", "red", "nir", "swir1", "swir2")
SLIDES = {
    "a": (slice(30, 50), slice(40, 70)),
    "across a border": (slice(240, 275), slice(300, 330)),
    "long, across several": (slice(90, 480), slice(505, 520)),
    "at the edge": (slice(488, 500), slice(0, 20)),
}
UNSEEN = (slice(300, 400), slice(100, 250))


@pytest.fixture
def brightening(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detector of known answers in the place of the real ones."""
    for name in ("matched_filter", "pair"):
        monkeypatch.setitem(methods.DETECTORS, name, Brightening)


@pytest.fixture
def files(tmp_path: Path) -> tuple[list[Path], list[Path]]:
    """Two dates before, two after, with slides and a cloud that hides part both times after."""
    made = []
    for number, day in enumerate(("20220701", "20220801", "20230701", "20230801")):
        bands = {name: 0.05 * index + 1e-3 * number + ground(SHAPE) for index, name in enumerate(NAMES)}
        scl = np.full(SHAPE, 4)
        if number >= 2:
            for slide in SLIDES.values():
                for band in bands.values():
                    band[slide] += 0.2
            scl[UNSEEN] = 9
        numbers = {name: stored(band) for name, band in bands.items()}
        made.append(write_tif(tmp_path / f"x_{day}.tif", {**numbers, "scl": scl}))
    return made[:2], made[2:]


@pytest.mark.usefixtures("brightening")
def test_known_slides_are_found_where_they_are(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    out, mask, explain = tmp_path / "out.geojson", tmp_path / "mask.tif", tmp_path / "z.tif"
    told: list[tuple[str, float]] = []
    result = run_landslide(
        *files, out, mask=mask, explain=explain, block_px=200, progress=lambda text, share: told.append((text, share))
    )
    collection = json.loads(out.read_text(encoding="utf8"))
    assert collection == result.collection
    assert "crs" not in collection
    assert len(collection["features"]) == len(SLIDES)
    to_metres = Transformer.from_crs(4326, UTM, always_xy=True)
    found = [
        shapely.transform(shape(one["geometry"]), lambda xy: np.column_stack(to_metres.transform(*xy.T)))
        for one in collection["features"]
    ]
    for rows, cols in SLIDES.values():
        truth = shapely.box(
            WEST + 10 * cols.start, NORTH - 10 * rows.stop, WEST + 10 * cols.stop, NORTH - 10 * rows.start
        )
        best = max(found, key=lambda area: area.intersection(truth).area)
        assert best.intersection(truth).area / best.union(truth).area > 0.9
    for one in collection["features"]:
        properties = one["properties"]
        assert (properties["first_date"], properties["last_date"]) == ("2022-08-01", "2023-07-01")
        assert properties["mean_slope_deg"] is None
    hidden = (UNSEEN[0].stop - UNSEEN[0].start + 4) * (UNSEEN[1].stop - UNSEEN[1].start + 4)
    assert collection["observed_share"] == pytest.approx(1 - hidden / (SHAPE[0] * SHAPE[1]), abs=1e-4)
    assert any("no elevation model" in note for note in collection["notes"])
    assert [one["role"] for one in collection["inputs"]] == ["before", "before", "after", "after"]
    assert all(len(one["sha256"]) == 64 for one in collection["inputs"])
    with rasterio.open(mask) as raster:
        values = raster.read(1)
        assert (raster.dtypes[0], raster.shape, raster.crs) == ("uint8", SHAPE, rasterio.crs.CRS.from_string(UTM))
    assert set(np.unique(values)) == {0, 1, 255}
    assert (values[UNSEEN] == 255).all()
    assert (values == 255).sum() == hidden
    assert (values[SLIDES["a"]] == 1).mean() > 0.9
    with rasterio.open(explain) as raster:
        assert raster.descriptions == ("z", "before", "after", "difference")
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


@pytest.mark.usefixtures("brightening")
def test_blocks_do_not_show_in_the_result(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    results = []
    for block_px in (97, 256, 1024):
        mask = tmp_path / f"{block_px}.tif"
        result = run_landslide(*files, tmp_path / f"{block_px}.geojson", mask=mask, block_px=block_px)
        with rasterio.open(mask) as raster:
            results.append((result.features, raster.read(1)))
    for features, mask_values in results[1:]:
        assert features == results[0][0]
        np.testing.assert_array_equal(mask_values, results[0][1])


@pytest.mark.usefixtures("brightening")
def test_other_processes_give_the_same(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = run_landslide(*files, tmp_path / "there.geojson", block_px=300, crew=Crew(pool, 1))
    here = run_landslide(*files, tmp_path / "here.geojson")
    assert there.collection == here.collection


@pytest.mark.usefixtures("brightening")
def test_only_an_area(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    to_degrees = Transformer.from_crs(UTM, 4326, always_xy=True)
    west = shapely.box(WEST, NORTH - 5000, WEST + 2000, NORTH)
    area = shapely.transform(shapely.segmentize(west, 100), lambda xy: np.column_stack(to_degrees.transform(*xy.T)))
    found = detect_landslide(*files, tmp_path, area=area, block_px=128)
    assert len(found.features) == 2
    with rasterio.open(found.mask) as raster:
        values = raster.read(1)
    assert (values[:, 202:] == 255).all()
    assert (values[:290, :198] != 255).all()
    assert found.collection["stats"]["area_km2"] == pytest.approx(10, rel=0.02)
    with pytest.raises(DetectionError, match="does not reach"):
        detect_landslide(*files, tmp_path, area=shapely.box(10, 10, 11, 11))


@pytest.mark.usefixtures("brightening")
def test_grids_may_differ(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    """The dates after at 20 m, one of them in degrees' neighbour zone: the slides lie where they were."""
    before, after = files
    with rasterio.open(after[0]) as fine:
        bands = {name: fine.read(number + 1)[::2, ::2] for number, name in enumerate(fine.descriptions)}
    coarse = write_tif(tmp_path / "coarse_20230701.tif", bands, transform=from_origin(WEST, NORTH, 20, 20))
    result = run_landslide(before, [coarse], tmp_path / "out.geojson")
    assert 4 <= len(result.features) <= 6  # edges of the texture alias
    with rasterio.open(before[0]) as raster:
        assert result.stats["grid_px"] == list(raster.shape)


@pytest.mark.usefixtures("brightening")
def test_elevation_gives_slope(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    rows = np.arange(SHAPE[0], dtype=np.float64)[:, None] * np.ones(SHAPE[1])
    dem = write_tif(
        tmp_path / "dem.tif", {"z": 2000 + 10 * rows * np.tan(np.radians(35))}, dtype="float32", nodata=-9999
    )
    result = run_landslide(*files, tmp_path / "out.geojson", dem=dem)
    assert [one["properties"]["mean_slope_deg"] for one in result.features] == pytest.approx([35] * 4, abs=0.1)
    assert result.collection["inputs"][-1]["role"] == "dem"


@pytest.mark.usefixtures("brightening")
@pytest.mark.parametrize(
    "outputs",
    [
        lambda folder, files: {"out": files[0][0]},
        lambda folder, files: {"out": folder / "out.geojson", "mask": files[1][0]},
        lambda folder, files: {"out": folder / "out.geojson", "mask": folder / "out.geojson"},
        lambda folder, files: {"out": folder / "missing" / "out.geojson"},
        lambda folder, files: {"out": folder},
    ],
)
def test_results_never_overwrite_inputs(
    files: tuple[list[Path], list[Path]], tmp_path: Path, outputs: Callable[..., dict[str, Path]]
) -> None:
    contents = [path.read_bytes() for path in (*files[0], *files[1])]
    with pytest.raises(DetectionError) as caught:
        run_landslide(*files, **outputs(tmp_path, files))
    assert "\n" not in str(caught.value)
    assert [path.read_bytes() for path in (*files[0], *files[1])] == contents


def test_a_result_is_whole_or_absent(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(out) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]
    with replacing(out) as temporary:
        temporary.write_text("new")
    assert out.read_text() == "new"
    assert out.stat().st_mode & 0o044


@pytest.mark.usefixtures("brightening")
def test_nothing_seen_is_said(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    """Cloud over everything after: an error, not an empty result that looks like all is well."""
    for path in files[1]:
        with rasterio.open(path, "r+") as raster:
            raster.write(np.full(SHAPE, 9, np.uint16), 7)
    out = tmp_path / "out.geojson"
    with pytest.raises(DetectionError, match="hardly a pixel that is clear both before and after"):
        run_landslide(*files, out)
    assert not out.exists()


@pytest.mark.usefixtures("brightening")
def test_damage_inside_a_file_is_one_line(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    """A compressed raster whose middle has been overwritten opens, but cannot be read."""
    with rasterio.open(files[1][1]) as source:
        bands = {name: source.read(number + 1) for number, name in enumerate(source.descriptions)}
    bad = write_tif(tmp_path / "bad_20230901.tif", bands, compress="deflate", tiled=True, blockxsize=64, blockysize=64)
    content = bytearray(bad.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 20_000] = b"\xff" * 20_000
    bad.write_bytes(bytes(content))
    with pytest.raises(RasterError, match=r"bad_20230901\.tif.*damaged") as caught:
        run_landslide(files[0], [bad], tmp_path / "out.geojson")
    assert "\n" not in str(caught.value)


def test_unknown_method_and_bands_that_differ(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    with pytest.raises(DetectionError, match="there is no method 'magic'"):
        run_landslide(*files, tmp_path / "out.geojson", method="magic")
    infrared = write_tif(tmp_path / "y_20230901.tif", {name: stored(ground(SHAPE)) for name in ("swir1", "swir2")})
    visible = write_tif(tmp_path / "y_20220901.tif", {name: stored(ground(SHAPE)) for name in ("red", "green")})
    with pytest.raises(DetectionError, match="bands in common"):
        run_landslide([visible], [infrared], tmp_path / "out.geojson")


@pytest.mark.usefixtures("brightening")
def test_the_method_suits_the_dates(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    stack = run_landslide(*files, tmp_path / "a.geojson")
    single = run_landslide(files[0][:1], files[1][:1], tmp_path / "b.geojson")
    assert (stack.collection["method"], single.collection["method"]) == (choice.STACK, choice.PAIR)


def test_picture_of_a_change(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    rows, cols = SLIDES["across a border"]
    to_degrees = Transformer.from_crs(UTM, 4326, always_xy=True)
    box = shapely.box(WEST + 10 * cols.start, NORTH - 10 * rows.stop, WEST + 10 * cols.stop, NORTH - 10 * rows.start)
    area = shapely.transform(box, lambda xy: np.column_stack(to_degrees.transform(*xy.T)))
    out = before_after_png(*files, area, tmp_path / "change.png")
    values = np.moveaxis(np.asarray(Image.open(out)), -1, 0)
    height, width = values.shape[1:]
    assert (height, width) == pytest.approx((PANEL_PX + 48, 2 * PANEL_PX + 8), abs=10)
    panel = (width - 8) // 2
    before = values[:3, height // 2, panel // 2].astype(int)
    after = values[:3, height // 2, panel + 8 + panel // 2].astype(int)
    assert (after > before + 60).all()
    yellow = (values[0] == 255) & (values[1] == 208) & (values[2] == 0)
    assert yellow[:, :panel].any()
    assert yellow[:, panel + 8 :].any()
    with pytest.raises(DetectionError, match="does not show the place"):
        before_after_png(*files, shapely.box(10, 10, 11, 11), tmp_path / "no.png")
    assert not (tmp_path / "no.png").exists()


@pytest.mark.usefixtures("brightening")
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_every_odd_raster_works_or_says_why(
    shared_data: Path, files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    """As before, as after, with its bands named, and as elevation: a result or one line, never anything else."""
    folder = shared_data / "robust" / "raster"
    if not folder.is_dir():
        pytest.skip("the folder of odd rasters is absent")
    odd = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    assert len(odd) > 20
    outcomes: dict[str, set[str]] = {}
    for path in odd:
        tries: list[dict[str, Any]] = [
            {"before": [path], "after": files[1]},
            {"before": files[0], "after": [path], "dates": None},
            {"before": files[0], "after": files[1], "dem": path},
        ]
        for count in (1, 3):
            names = ["red", "green", "blue"][:count] if count == 3 else ["red"]
            tries.append(
                {
                    "before": [path],
                    "after": [path.parent / "rgb2.tif"],
                    "bands": names,
                    "dates": ["2022-07-01", "2023-07-01"],
                }
            )
        for number, options in enumerate(tries):
            out = tmp_path / f"{path.name}.{number}.geojson"
            try:
                run_landslide(options.pop("before"), options.pop("after"), out, **options)
            except (InputError, DetectionError) as error:
                assert "\n" not in str(error)
                assert len(str(error)) < 400
                outcomes.setdefault(path.name, set()).add("refused")
                assert not out.exists()
            else:
                outcomes.setdefault(path.name, set()).add("worked")
                json.loads(out.read_text(encoding="utf8"))
    assert set(outcomes) == {path.name for path in odd}
    assert issubclass(RasterError, HazardError)
