"""Truth and result out of files of any kind, and patches of published layouts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pyogrio
import pytest
import shapely
from typer.testing import CliRunner

from api.cli import app
from detection.comparison import evaluate_files
from detection.evaluation import Rule
from detection.patches import evaluate_patches
from detection.simulate import simulate_landslide
from hazard_db.errors import InputError
from tests.detection_rasters import NORTH, UTM, WEST, write_tif

SHAPE = (60, 80)


def box(top: int, left: int, rows: int, cols: int) -> shapely.Polygon:
    """Return a box of pixels of 10 m in the CRS of the test rasters."""
    west, north = WEST + 10 * left, NORTH - 10 * top
    return shapely.box(west, north - 10 * rows, west + 10 * cols, north)


def write_polygons(path: Path, shapes: list[Any], crs: str = UTM, **fields: Any) -> Path:
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array(shapes, dtype=object)), [np.array(values) for values in fields.values()],
        np.array(list(fields)), geometry_type="Polygon", crs=crs,
    )  # fmt: skip
    return path


def write_mask(path: Path, *placed: tuple[int, int, int, int], unseen: tuple[slice, slice] | None = None) -> Path:
    values = np.zeros(SHAPE, dtype=np.uint8)
    for top, left, rows, cols in placed:
        values[top : top + rows, left : left + cols] = 1
    if unseen is not None:
        values[unseen] = 255
    return write_tif(path, {"change": values}, dtype="uint8", nodata=None)


def test_polygons_in_another_crs_beside_a_mask(tmp_path: Path) -> None:
    truth = write_polygons(
        tmp_path / "truth.gpkg", [box(5, 5, 10, 6), box(30, 30, 8, 8)], event_date=["2023-07-10"] * 2
    )
    mask = write_mask(tmp_path / "mask.tif", (5, 5, 10, 6), unseen=(slice(28, 60), slice(28, 80)))
    figures = evaluate_files(truth, mask)
    assert figures["object"] | {"truth": 1, "found": 1, "result": 1, "right": 1} == figures["object"]
    assert figures["object"]["truth_not_observed"] == 1
    assert figures["pixel"]["f1"] == 1.0
    assert figures["observed_share"] == round(1 - 32 * 52 / 4800, 4)


def test_polygons_beside_polygons_with_confidence_and_dates(tmp_path: Path) -> None:
    truth = write_polygons(
        tmp_path / "truth.shp", [box(5, 5, 10, 6), box(30, 30, 8, 8)], date=["2023/07/10", "2023/07/10"]
    )
    found = write_polygons(
        tmp_path / "found.geojson", _degrees([box(5, 5, 10, 6), box(50, 60, 5, 5)]), "EPSG:4326",
        confidence=[0.95, 0.6], first_date=["2023-07-01"] * 2, last_date=["2023-07-15"] * 2,
    )  # fmt: skip
    figures = evaluate_files(truth, found)
    assert (figures["object"]["precision"], figures["object"]["recall"]) == (0.5, 0.5)
    assert figures["dates"] == {"compared": 1, "hit_rate": 1.0}
    assert figures["observed_share"] is None
    assert figures["calibration"]["objects"] == 2
    assert figures["pixel"]["truth_px"] == 60 + 64


def _degrees(shapes: list[Any]) -> list[Any]:
    from pyproj import Transformer

    mover = Transformer.from_crs(UTM, 4326, always_xy=True)
    return [shapely.transform(one, lambda xy: np.column_stack(mover.transform(xy[:, 0], xy[:, 1]))) for one in shapes]


def test_a_minimum_area_replaces_pixels(tmp_path: Path) -> None:
    truth = write_polygons(tmp_path / "truth.gpkg", [box(5, 5, 10, 6), box(30, 30, 3, 3)])
    mask = write_mask(tmp_path / "mask.tif", (5, 5, 10, 6))
    assert evaluate_files(truth, mask)["object"]["truth"] == 1
    assert evaluate_files(truth, mask, min_area_m2=500)["object"]["truth"] == 2


@pytest.mark.parametrize("kind", ["points", "float raster", "nothing", "no such file"])
def test_what_cannot_be_compared_is_refused_in_a_line(tmp_path: Path, kind: str) -> None:
    mask = write_mask(tmp_path / "mask.tif", (5, 5, 10, 6))
    path = tmp_path / "other.geojson"
    if kind == "points":
        path.write_text('{"type": "Point", "coordinates": [74.9, 36.3]}')
    elif kind == "float raster":
        path = write_tif(tmp_path / "float.tif", {"z": np.zeros(SHAPE)}, dtype="float32", nodata=None)
    elif kind == "nothing":
        path.write_text("not a vector file")
    with pytest.raises(InputError) as caught:
        evaluate_files(path, mask)
    assert path.name in str(caught.value)


def test_the_command_tells_the_rule(tmp_path: Path) -> None:
    truth, made = write_mask(tmp_path / "truth.tif", (5, 5, 10, 6)), write_mask(tmp_path / "made.tif", (5, 5, 10, 6))
    arguments = ["evaluate", "landslide", "--truth", str(truth), "--result", str(made)]
    told = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(told.stdout)["object"]["f1"] == 1.0
    plain = CliRunner().invoke(app, arguments)
    assert "rule:" in plain.stdout
    assert CliRunner().invoke(app, ["evaluate", "landslide", "--truth", str(truth)]).exit_code == 2


def write_landslide4sense(folder: Path, count: int) -> npt.NDArray[np.bool_]:
    """Write patches whose one bare tongue on a green slope is the truth; return the mask."""
    rng = np.random.default_rng(3)
    mask = np.zeros((128, 128), dtype=bool)
    mask[40:80, 50:60] = True
    (folder / "img").mkdir(parents=True)
    (folder / "mask").mkdir()
    for number in range(1, count + 1):
        image = 1 + 0.05 * rng.standard_normal((128, 128, 14))
        image[mask, 3] += 0.8
        image[mask, 7] -= 0.5
        with h5py.File(folder / "img" / f"image_{number}.h5", "w") as file:
            file["img"] = image
        with h5py.File(folder / "mask" / f"mask_{number}.h5", "w") as file:
            file["mask"] = mask.astype(np.uint8)
    return mask


def test_landslide4sense(tmp_path: Path) -> None:
    mask = write_landslide4sense(tmp_path, 2)
    figures = evaluate_patches("landslide4sense", tmp_path)
    assert (figures["patches"], figures["object"]["truth"]) == (2, 2)
    assert figures["pixel"]["f1"] > 0.9
    assert "baseline" in figures["notes"][0]
    made = tmp_path / "made"
    made.mkdir()
    for number in (1, 2):
        with h5py.File(made / f"mask_{number}.h5", "w") as file:
            file["mask"] = (mask if number == 1 else ~mask).astype(np.uint8)
    figures = evaluate_patches("landslide4sense", tmp_path, made)
    assert figures["pixel"]["recall"] == 0.5
    assert figures["object"] | {"truth": 2, "found": 1, "result": 2, "right": 1} == figures["object"]


def test_a_damaged_patch_is_told_of(tmp_path: Path) -> None:
    write_landslide4sense(tmp_path, 2)
    (tmp_path / "img" / "image_2.h5").write_bytes(b"broken")
    figures = evaluate_patches("landslide4sense", tmp_path)
    assert figures["object"]["truth"] == 1
    assert any("image_2.h5" in note for note in figures["notes"])


@pytest.mark.parametrize(
    ("layout", "says"), [("landslide4sense", "mask_*.h5"), ("sen12landslides", "_s2_"), ("x", "layout")]
)
def test_an_empty_folder_says_what_belongs_there(tmp_path: Path, layout: str, says: str) -> None:
    with pytest.raises(InputError, match=says.replace("*", r"\*")):
        evaluate_patches(layout, tmp_path)


def write_series(path: Path, seed: int, event: str) -> None:
    """Write a simulated scene in the layout of Sen12Landslides: (time, y, x) and attributes as xarray writes them."""
    scene = simulate_landslide(seed, shape=(128, 128), slides=6, n_before=3, n_after=3)
    dates = (*scene.block.before, *scene.block.after)
    start = datetime(2022, 1, 1, tzinfo=dates[0].acquired_at.tzinfo)
    relief = scene.block.terrain
    assert relief is not None
    cubes: dict[str, npt.NDArray[Any]] = {
        name: np.stack([np.nan_to_num(one.reflectance[at], nan=0.5) * 10_000 for one in dates]).astype(np.int16)
        for at, name in enumerate(("B02", "B03", "B04", "B08", "B11", "B12"))
    }
    cubes["SCL"] = np.stack([np.where(one.usable, 4, 9) for one in dates]).astype(np.int16)
    cubes["MASK"] = np.repeat((scene.labels > 0).astype(np.uint8)[None], len(dates), axis=0)
    cubes["DEM"] = np.repeat(relief.elevation_m.astype(np.int16)[None], len(dates), axis=0)
    days = np.array([(one.acquired_at - start) // timedelta(days=1) for one in dates], dtype=np.int64)
    axes = {"time": days, "y": NORTH - 5 - 10.0 * np.arange(128), "x": WEST + 5 + 10.0 * np.arange(128)}
    _write_netcdf(path, axes, cubes, {"event_date": event, "satellite": "s2", "annotated": "True"})


def _write_netcdf(path: Path, axes: Mapping[str, Any], cubes: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
    from pyproj import CRS

    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        for name, values in axes.items():
            file[name] = values
            file[name].make_scale(name)
        file["time"].attrs.update({"units": "days since 2022-01-01 00:00:00", "calendar": "proleptic_gregorian"})
        file["spatial_ref"] = 0
        file["spatial_ref"].attrs.update({"crs_wkt": CRS(UTM).to_wkt(), "GeoTransform": f"{WEST} 10 0 {NORTH} 0 -10"})
        for name, values in cubes.items():
            file[name] = values
            file[name].attrs["grid_mapping"] = "spatial_ref"
            for at, axis in enumerate(("time", "y", "x")):
                file[name].dims[at].attach_scale(file[axis])


def test_sen12landslides(tmp_path: Path) -> None:
    write_series(tmp_path / "hunza_s2_1.nc", 12, "2023-01-15")
    write_series(tmp_path / "hunza_s2_2.nc", 13, "2023-01-15,2023-03-01")
    figures = evaluate_patches("sen12landslides", tmp_path, rule=Rule(smallest_px=10))
    assert figures["object"]["truth"] >= 3
    assert figures["object"]["recall"] >= 0.5
    assert figures["dates"]["hit_rate"] == 1.0
    assert any("2 event dates" in note for note in figures["notes"])
