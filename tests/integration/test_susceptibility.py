from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin
from sqlalchemy import text
from typer.testing import CliRunner

from api.cli import app
from detection.factors import TERRAIN, open_factors, terrain_factors
from detection.methods.susceptibility import PLAIN, cross_validate, spatial_folds
from detection.susceptibility import draw, learn, load_model, read_inventory, save_model
from hazard_db import connect, corridor, seed
from hazard_db.errors import InputError


def write(path: Path, bands: np.ndarray, nodata: float = -9999.0) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", height=bands.shape[1], width=bands.shape[2], count=bands.shape[0], dtype="float32",
        nodata=nodata, crs="EPSG:32643", transform=from_origin(500_000, 4_000_000, 30, 30),
    ) as file:  # fmt: skip
        file.write(bands.astype(np.float32))
    return path


def make_map(inventory: Path, layers: list[Path], out: Path, *, label: str, repeats: int = 1) -> dict[str, Any]:
    factors = open_factors(layers, None)
    return draw(learn(read_inventory(inventory, factors.grid, label), factors, repeats=repeats), factors, out)


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


def test_a_kept_model_draws_the_same_map_and_other_ground(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    here, there = rng.uniform(0, 1, (2, 1, 60, 60))
    layer, other = write(tmp_path / "here.tif", here), write(tmp_path / "there.tif", there + 0.5)
    for path in (layer, other):
        with rasterio.open(path, "r+") as file:
            file.descriptions = ("wetness",)
    rows, cols = rng.integers(0, 60, (2, 300))
    lines = ["x,y,failed"] + [
        f"{500_015 + 30 * col},{3_999_985 - 30 * row},{rng.random() < law(6 * here[0, row, col] - 3)}"
        for row, col in zip(rows, cols, strict=True)
    ]
    (tmp_path / "places.csv").write_text("\n".join(lines))
    factors = open_factors([layer], None)
    model = learn(read_inventory(tmp_path / "places.csv", factors.grid, "failed"), factors, repeats=1)
    draw(model, factors, tmp_path / "first.tif")
    save_model(model, tmp_path / "first.npz")
    again = load_model(tmp_path / "first.npz")
    draw(again, factors, tmp_path / "again.tif")
    with rasterio.open(tmp_path / "first.tif") as a, rasterio.open(tmp_path / "again.tif") as b:
        assert (a.read(1) == b.read(1)).all()
    card = draw(again, open_factors([other], None), tmp_path / "there.map.tif")
    taught = model.features[:, 0]
    beyond = (there[0].astype(np.float32) + 0.5 > taught.max()).mean() + (there[0] + 0.5 < taught.min()).mean()
    assert card["outside_share"] == pytest.approx(beyond, abs=1e-3)
    assert card["inventory"] == "places.csv"
    with pytest.raises(InputError, match=r"missing: wetness; not wanted: .*slope_deg"):
        draw(again, open_factors([], write(tmp_path / "slope_deg.tif", here)), tmp_path / "no.tif")
    (tmp_path / "bad.npz").write_bytes(b"PK no model")
    with pytest.raises(InputError, match="is no model"):
        load_model(tmp_path / "bad.npz")


def test_distances_are_those_to_the_nearest_place_of_any_line(tmp_path: Path) -> None:
    lonlat = Transformer.from_crs(32643, 4326, always_xy=True)
    ends = [
        [(500_000, 3_999_000), (503_000, 3_999_900)],
        [(501_500, 3_990_000), (501_500, 3_998_500), (503_500, 3_998_000)],
    ]
    features = [{"type": "Feature", "properties": {}, "geometry": {
        "type": "LineString", "coordinates": [list(lonlat.transform(*place)) for place in line]}} for line in ends]  # fmt: skip
    path = tmp_path / "rivers.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    dem = write(tmp_path / "dem.tif", np.zeros((1, 700, 120)))
    factors = open_factors([], dem, {"river": path})
    assert factors.names == (*TERRAIN, "distance_river_m")
    found = np.full((700, 120), np.nan)
    for (rows, cols), block in factors.blocks():
        found[rows, cols] = block[-1]
    row, col = np.mgrid[0:700, 0:120]
    x, y = 500_015 + 30 * col, 3_999_985 - 30 * row
    truth = np.full(x.shape, np.inf)
    for line in ends:
        for (x0, y0), (x1, y1) in pairwise(line):
            along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
            truth = np.minimum(truth, np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)))
    assert found == pytest.approx(np.minimum(truth, 20_000), abs=0.05)
    path.write_text(json.dumps({"type": "Point", "coordinates": [75, 36]}))
    with pytest.raises(InputError, match="distances are computed to lines"):
        list(open_factors([], dem, {"river": path}).blocks())


def test_the_catalogue_teaches_what_is_placed_well_near_the_road(
    database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        line = np.array(corridor.segments(conn, 655, 656)[0].lonlat)
        x, y = Transformer.from_crs(4326, 32643, always_xy=True).transform(*line[0])
        places = [(x + dx, y + dy) for dx, dy in rng.uniform(-1500, 1500, (40, 2))]
        lonlat = Transformer.from_crs(32643, 4326, always_xy=True)
        for number, place in enumerate(places):
            lon, lat = lonlat.transform(*place)
            conn.execute(
                text("""INSERT INTO event (kind, name, occurred_on, accuracy_m, source, source_id, content_sha256, fatalities, geom)
                        VALUES ('landslide', :n, '2016-12-01', :accuracy, 'test', :n, :n, 0,
                                ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))"""),
                {"n": f"slide {number}", "accuracy": 5_000 if number < 5 else 50, "lon": lon, "lat": lat},
            )
    path = tmp_path / "wet.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=200, width=200, count=1, dtype="float32", crs="EPSG:32643",
        transform=from_origin(x - 3000, y + 3000, 30, 30),
    ) as file:  # fmt: skip
        file.write(rng.uniform(0, 1, (1, 200, 200)).astype(np.float32))
    monkeypatch.setenv("HAZARD_DATABASE_URL", database.url)
    monkeypatch.setenv("HAZARD_DATABASE_APP_URL", database.app_url)
    asked = [
        "susceptibility",
        "train",
        "--catalogue",
        "--layer",
        str(path),
        "--out",
        str(tmp_path / "map.tif"),
        "--repeats",
        "1",
    ]
    told = CliRunner().invoke(app, [*asked, "--kind", "landslide", "--apart", "100", "--json"])
    assert told.exit_code == 0, told.output
    card = json.loads(told.stdout)
    assert card["records"]["event"] == 35, "five are placed too badly"
    assert card["failed"] * 2 == card["places"]
    assert "assumed" in card["stable_places"]
    model = load_model(tmp_path / "map.npz")
    assert model.failed.sum() == card["failed"]
    drawn = CliRunner().invoke(
        app,
        [
            "risk",
            "susceptibility",
            "apply",
            str(tmp_path / "map.npz"),
            "--layer",
            str(path),
            "--out",
            str(tmp_path / "again.tif"),
        ],
    )
    assert drawn.exit_code == 0, drawn.output
    few = CliRunner().invoke(app, [*asked, "--kind", "glacier", "--json"])
    assert few.exit_code == 1
    assert "20 are needed" in str(few.exception)
