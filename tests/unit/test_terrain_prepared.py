"""Terrain prepared tile by tile: seams, reruns, and runs that are cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import box

from detection import elevation, terrain
from detection.grids import shifted
from hazard_db.errors import RasterError

CELL = 1 / 120
AREA = box(73.95, 35.5, 74.05, 35.55)


def _write(folder: Path, lat: int, lon: int, seed: int = 1) -> Path:
    """A tile with the name and the layout of Copernicus, of coarser cells."""
    rows, cols = np.mgrid[0:120, 0:120]
    east, north = lon + cols * CELL, lat + 1 - rows * CELL
    ground = 3000 + 900 * np.sin(40 * east + seed) * np.cos(35 * north)
    path = folder / f"Copernicus_DSM_COG_10_N{lat:02d}_00_E{lon:03d}_00_DEM.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=120, height=120, count=1, dtype="float32", crs="EPSG:4326",
        transform=Affine(CELL, 0, lon, 0, -CELL, lat + 1),
    ) as raster:  # fmt: skip
        raster.write(ground.astype(np.float32), 1)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = tmp_path / "dem"
    model.mkdir()
    for lon in (73, 74):
        _write(model, 35, lon)
    whole = terrain.Tile.grid.fget

    def small(tile: terrain.Tile) -> terrain.Grid:
        """A strip of the degree that reaches over the seam: a whole one takes minutes."""
        grid = whole(tile)  # type: ignore[misc]
        col = grid.shape[1] - 90 if tile.lon == 73 else 0
        moved = shifted(grid, 1500, col)
        return terrain.Grid(moved.wkt, moved.transform, (60, 150))

    monkeypatch.setattr(terrain.Tile, "grid", property(small))
    return model


def test_blocks_are_the_same_as_the_whole(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = terrain.Tile(35, 73).grid
    whole = _computed(grid, folder, tmp_path / "whole")
    monkeypatch.setattr(terrain, "BLOCK_PX", 64)
    _check_same(whole, _computed(grid, folder, tmp_path / "blocks"))


def test_a_tile_is_the_same_as_that_part_of_a_larger_one(folder: Path, tmp_path: Path) -> None:
    grid = terrain.Tile(35, 73).grid
    shift = shifted(grid, 20, 40)
    part = terrain.Grid(shift.wkt, shift.transform, (40, 110))
    whole = [layers[:, 20:60, 40:150] for layers in _computed(grid, folder, tmp_path / "whole")]
    _check_same(whole, _computed(part, folder, tmp_path / "part"))


def _check_same(whole: list[np.ndarray], part: list[np.ndarray]) -> None:
    """But for what warping rounds, less than a millimetre of height."""
    (relief, sky), (own, own_sky) = whole, part
    np.testing.assert_allclose(own[0], relief[0], atol=0.001, rtol=0)
    np.testing.assert_allclose(own[1], relief[1], atol=0.01, rtol=0)
    turned = np.abs((own[2] - relief[2] + 180) % 360 - 180)
    assert turned[relief[1] > 1].max() < 0.1
    assert np.abs(own_sky[:16].astype(int) - sky[:16]).max() <= 1
    assert (own_sky == sky).mean() > 0.995


def _computed(grid: terrain.Grid, folder: Path, out: Path) -> list[np.ndarray]:
    out.mkdir()
    terrain.compute(grid, elevation.sheets(folder), out)
    read = []
    for file in (terrain.RELIEF, terrain.SKY):
        assert cog_validate(out / file, quiet=True)[0]
        with rasterio.open(out / file) as raster:
            read.append(raster.read())
    return read


def test_a_second_run_changes_nothing_and_new_inputs_make_the_tile_again(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert [one.changed for one in terrain.prepare(folder, AREA, out)] == [True, True]
    with rasterio.open(out / terrain.MOSAIC) as joined:
        assert joined.crs.to_epsg() == 32643 and joined.res == (30.0, 30.0)
        with rasterio.open(out / "N35E073" / terrain.RELIEF) as tile:
            row, col = joined.index(*tile.xy(30, 30))
            assert joined.read(1)[row, col] == tile.read(1)[30, 30]
    before = (out / terrain.MOSAIC).stat().st_mtime_ns
    assert [one.changed for one in terrain.prepare(folder, AREA, out)] == [False, False]
    assert (out / terrain.MOSAIC).stat().st_mtime_ns == before
    _write(folder, 35, 74, seed=2)
    assert [one.changed for one in terrain.prepare(folder, AREA, out)] == [True, True]


def test_a_run_that_ended_within_a_tile_goes_on_with_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, calls, whole = tmp_path / "out", [], terrain.publish_raster

    def dies(source: Path, path: Path, *, overviews: str) -> None:
        calls.append(path)
        if len(calls) == 4:
            raise KeyboardInterrupt
        whole(source, path, overviews=overviews)

    monkeypatch.setattr(terrain, "publish_raster", dies)
    with pytest.raises(KeyboardInterrupt):
        terrain.prepare(folder, AREA, out)
    assert (out / "N35E073" / terrain.CARD).exists() and not (out / "N35E074").exists()
    assert [one.changed for one in terrain.prepare(folder, AREA, out)] == [False, True]
    assert sorted(one.name for one in out.iterdir()) == ["N35E073", "N35E074", terrain.MOSAIC]


def test_gaps_overlaps_and_other_grids_are_told(folder: Path) -> None:
    found = elevation.sheets(folder)
    assert elevation.remarks(found) == [] and terrain.gaps(found, AREA) == []
    assert terrain.gaps(found, box(74.5, 35.5, 75.5, 35.6)) == [
        "N35E075: 100.0% of the corridor in it has no elevation"
    ]
    path = _write(folder, 35, 74)
    (folder / "again.tif").write_bytes(path.read_bytes())
    assert "overlap" in elevation.remarks(elevation.sheets(folder))[0]
    for cell, lon in ((0.01, 74.0), (CELL, 74 + CELL / 2)):
        with rasterio.open(folder / "again.tif", "r+") as raster:
            raster.transform = Affine(cell, 0, lon, 0, -cell, 36)
        with pytest.raises(RasterError, match="another CRS or pixel size"):
            elevation.sheets(folder)
