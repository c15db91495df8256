from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from detection.methods.susceptibility import PLAIN, cross_validate, spatial_folds
from detection.susceptibility import TERRAIN, make_map, terrain_factors
from hazard_db.errors import InputError


def write(path: Path, bands: np.ndarray, nodata: float = -9999.0) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", height=bands.shape[1], width=bands.shape[2], count=bands.shape[0], dtype="float32",
        nodata=nodata, crs="EPSG:32643", transform=from_origin(500_000, 4_000_000, 30, 30),
    ) as file:  # fmt: skip
        file.write(bands.astype(np.float32))
    return path


def law(factor: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-3 * np.clip(factor, -10, 10)))


def test_terrain_factors_of_a_plane_and_a_bowl() -> None:
    rows, cols = np.mgrid[0:9, 0:9].astype(np.float32)
    plane = terrain_factors(100 + 10 * cols, (10.0, 10.0))  # rises to the east: faces west
    assert plane.shape == (len(TERRAIN), 7, 7)
    assert plane[0] == pytest.approx(np.full((7, 7), 45.0), abs=1e-3)
    assert plane[1] == pytest.approx(np.zeros((7, 7)), abs=1e-5)
    assert plane[2] == pytest.approx(np.full((7, 7), -1.0), abs=1e-5)
    assert plane[3] == pytest.approx(np.zeros((7, 7)), abs=1e-4)
    assert plane[4] == pytest.approx(np.full((7, 7), 10 * np.sqrt(2 / 3)), rel=1e-3)
    bowl = ((rows - 4) ** 2 + (cols - 4) ** 2) * 100
    assert terrain_factors(bowl, (10.0, 10.0))[3] == pytest.approx(np.full((7, 7), 4.0), rel=1e-4)
    holed = bowl.copy()
    holed[4, 4] = np.nan
    unknown = np.isnan(terrain_factors(holed, (10.0, 10.0)))
    assert unknown[:, 2:5, 2:5].all()
    assert not unknown[:, 0].any()


def test_a_known_law_is_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    xy = rng.uniform(0, 20_000, (600, 2))
    features = rng.standard_normal((600, 3))
    chance = law(features[:, 0])
    failed = (rng.random(600) < chance).astype(np.int64)
    score = cross_validate(features, failed, xy, repeats=1)[PLAIN]
    true_auc = np.mean(chance[failed == 1][:, None] > chance[failed == 0][None, :])
    assert score.auc == pytest.approx(true_auc, abs=0.03)
    assert score.calibration_slope == pytest.approx(1.0, abs=0.25)
    nothing = cross_validate(features, rng.permutation(failed), xy, repeats=1)
    assert all(abs(one.auc - 0.5) < 0.1 for one in nothing.values())
    folds = spatial_folds(xy)
    assert set(folds) == set(range(5))
    near = np.hypot(*(xy[:, None] - xy[None, :]).transpose(2, 0, 1)) < 300
    assert (folds[:, None] == folds[None, :])[near].mean() > 0.9, "neighbours stay together"


def test_the_map_follows_the_law_and_keeps_unknown_ground_unknown(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    factor = np.repeat(np.repeat(rng.standard_normal((20, 20)), 10, axis=0), 10, axis=1)
    factor[:10, :10] = -9999.0
    layer = write(tmp_path / "factor.tif", factor[None])
    rows, cols = rng.integers(0, 200, (2, 500))
    lines = ["x,y,failed"]
    for row, col in zip(rows, cols, strict=True):
        lines.append(f"{500_015 + 30 * col},{3_999_985 - 30 * row},{rng.random() < law(factor[row, col])}")
    inventory = tmp_path / "places.csv"
    inventory.write_text("\n".join(lines))
    card = make_map(inventory, [layer], tmp_path / "map.tif", label="failed", repeats=1)
    with rasterio.open(tmp_path / "map.tif") as file:
        values = file.read(1)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    known = factor != -9999.0
    assert (values[~known] == -1).all()
    assert ((values[known] >= 0) & (values[known] <= 1)).all()
    assert np.corrcoef(values[known], law(factor[known]))[0, 1] > 0.95
    assert card["scores"][card["model"]]["auc"] >= card["scores"][PLAIN]["auc"]
    assert card["places_off_the_layers"] == int((~known[rows, cols]).sum())
    inventory.write_text("x,y,failed\n1,2,perhaps\n")
    with pytest.raises(InputError, match="line 2, failed"):
        make_map(inventory, [layer], tmp_path / "map.tif", label="failed")


def test_ecuador_with_spatial_cross_validation(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "inventories" / "ecuador_landslides"
    if not folder.is_dir():
        pytest.skip("the inventory of Ecuador is not here")
    card = make_map(
        folder / "lsl.csv", [folder / "inst" / "raster" / "ta.tif"], tmp_path / "map.tif", label="lslpts", repeats=1
    )
    assert (card["places"], card["failed"]) == (350, 175)
    assert card["factors"] == ["slope", "cplan", "cprof", "elev", "log10_carea"]
    assert 0.7 < card["scores"][PLAIN]["auc"] < 0.85
    assert card["scores"][card["model"]]["auc"] >= card["scores"][PLAIN]["auc"]
