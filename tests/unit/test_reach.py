"""How far rockfall reaches: cones and planes exactly, hills against slow loops, files block by block."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from typer.testing import CliRunner

from api.commands.risk import app
from detection.exposure import expose
from detection.methods.reach import reach
from detection.reaching import Question, make_reach
from hazard_db.errors import InputError, RasterError

SEEDS = st.integers(0, 10_000)
BRIEF = settings(max_examples=12, deadline=None)


def fall(ground: np.ndarray, sources: list[tuple[int, int]], angle: float, size: tuple[float, float] = (10.0, 10.0),
         values: list[float] | None = None) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return energy height and value, energy -inf where nothing reaches."""
    line, value = reach(
        ground.astype(float), np.array(sources), np.array(values or [1.0] * len(sources)),
        np.tile(size, (len(sources), 1)), angle,
    )  # fmt: skip
    return line - ground, value


def hills(seed: int, side: int = 13) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (side, side)).cumsum(axis=0)[::-1] * 12


def away(shape: tuple[int, int], row: int, col: int, size: tuple[float, float]) -> np.ndarray:
    rows, cols = np.indices(shape)
    return np.hypot((rows - row) * size[0], (cols - col) * size[1])


@pytest.mark.parametrize("size", [(10.0, 10.0), (30.0, 19.0)])
@pytest.mark.parametrize("angle", [20.0, 33.0, 50.0])
def test_from_a_tower_on_level_ground_all_and_only_cells_within_height_over_tangent(
    angle: float, size: tuple[float, float]
) -> None:
    ground = np.zeros((81, 91))
    ground[40, 45] = 137.3
    energy, value = fall(ground, [(40, 45)], angle, size)
    distance = away(ground.shape, 40, 45, size)
    assert ((value > 0) == (distance <= 137.3 / math.tan(math.radians(angle)))).all()
    beside = (value > 0) & (distance > 0)
    assert np.allclose(energy[beside], 137.3 - distance[beside] * math.tan(math.radians(angle)))
    assert energy[40, 45] == 0


@pytest.mark.parametrize("aspect", [0, 31, 90, 200])
def test_on_a_plane_what_lies_below_the_line_and_nothing_uphill(aspect: float) -> None:
    rows, cols = np.indices((101, 101)) * 10.0
    north, east = math.cos(math.radians(aspect)), math.sin(math.radians(aspect))
    ground = 2000 - math.tan(math.radians(45)) * (east * cols - north * rows)
    _, value = fall(ground, [(50, 50)], 33.1)
    line = ground[50, 50] - away(ground.shape, 50, 50, (10, 10)) * math.tan(math.radians(33.1))
    line[50, 50] = ground[50, 50]
    clear = np.abs(line - ground) > 1e-6
    assert ((value > 0) == (line >= ground))[clear].all()
    assert (ground[value > 0] <= ground[50, 50]).all()
    _, gentle = fall(2000 + (ground - 2000) * 0.5, [(50, 50)], 33.1)  # 26.6 degrees: nothing goes on
    assert gentle.sum() == 1


def test_a_ridge_stops_lines_below_its_crest_only() -> None:
    ground = np.zeros((41, 61))
    ground[20, 5] = 200.0
    ground[:, 20] = 120.0  # the line is 97 m lower at 150 m: 200 - 150 tan 33 = 102.6
    energy, value = fall(ground, [(20, 5)], 33)
    assert (value[:, 20:] == 0).all()
    assert value[20, 19] == 1
    ground[:, 20] = 100.0
    _, over = fall(ground, [(20, 5)], 33)
    assert over[20, 20] == over[20, 30] == 1
    assert energy[20, 19] == pytest.approx(200 - 140 * math.tan(math.radians(33)))


def test_the_highest_source_counts_not_the_nearest() -> None:
    ground = np.zeros((5, 40))
    ground[2, 0], ground[2, 10] = 150.0, 30.0
    energy, value = fall(ground, [(2, 10), (2, 0)], 33, values=[0.9, 0.4])
    assert value[2, 12] == 0.9  # 20 m from the low one
    assert value[2, 22] == 0.4  # only the high one reaches as far
    assert energy[2, 12] == pytest.approx(150 - 120 * math.tan(math.radians(33)))


@BRIEF
@given(SEEDS, st.floats(15, 60))
def test_hills_as_single_lines_walked_one_by_one(seed: int, angle: float) -> None:
    ground = hills(seed)
    sources = [(3, 6), (5, 2), (9, 11)]
    energy, _ = fall(ground, sources, angle)
    assert np.allclose(energy, walked(ground, sources, math.tan(math.radians(angle))) - ground)


def walked(ground: np.ndarray, sources: list[tuple[int, int]], tangent: float) -> np.ndarray:
    """Return the highest line over each cell, by a walk down every beam of every source, one after the other."""
    found = np.full(ground.shape, -np.inf)
    around = np.pad(ground, 1, mode="edge")

    def height(row: int, col: int) -> float:
        inside = -1 <= row <= ground.shape[0] and -1 <= col <= ground.shape[1]
        return float(around[row + 1, col + 1]) if inside else 1e12

    def walk(start: tuple[int, int], turn: int, ring: int, low: Fraction, high: Fraction, open_: list[bool]) -> None:
        def cell(aside: int) -> tuple[int, int]:
            down, right = ((ring, aside), (-aside, ring), (-ring, -aside), (aside, -ring))[turn]
            return start[0] + down, start[1] + right

        if ring > 4 and (ring - 1) * (high - low) == 1:
            middle, open_ = (low + high) / 2, list(open_)
            walk(start, turn, ring, low, middle, [open_[0], True])
            walk(start, turn, ring, middle, high, [True, open_[1]])
            return
        still = []
        for edge, goes in zip((low, high), open_, strict=True):
            aside = math.floor(edge * ring)
            part = float(edge * ring - aside)
            below = height(*cell(aside)) * (1 - part) + (height(*cell(aside + 1)) * part if part else 0)
            still.append(goes and ground[start] - 10 * tangent * math.hypot(ring, edge * ring) >= below)
        if not any(still):
            return
        for edge in (low, high):
            aside = math.floor(edge * ring + Fraction(1, 2))
            at, line = cell(aside), ground[start] - 10 * tangent * math.hypot(ring, aside)
            if all(0 <= one < end for one, end in zip(at, ground.shape, strict=True)) and line >= ground[at]:
                found[at] = max(found[at], line)
        walk(start, turn, ring + 1, low, high, still)

    for start in sources:
        found[start] = max(found[start], ground[start])
        for turn in range(4):
            for number in range(-4, 4):
                walk(start, turn, 1, Fraction(number, 4), Fraction(number + 1, 4), [True, True])
    return found


@BRIEF
@given(SEEDS, st.floats(15, 60))
def test_what_is_reached_lies_in_the_cone_and_what_has_clear_ground_is_reached(seed: int, angle: float) -> None:
    ground, tangent = hills(seed), math.tan(math.radians(angle))
    _, value = fall(ground, [(3, 6)], angle)
    line = ground[3, 6] - away(ground.shape, 3, 6, (10, 10)) * tangent
    for at in np.ndindex(ground.shape):
        if at != (3, 6):
            assert value[at] == 0 or line[at] >= ground[at]
            assert value[at] == 1 or not clear(ground, line, (3, 6), at)


def clear(ground: np.ndarray, line: np.ndarray, start: tuple[int, int], end: tuple[int, int]) -> bool:
    """Return whether every cell within 1.5 cells of the straight way lies below the line."""
    way = np.subtract(end, start)
    length = int(np.abs(way).max())
    axis = int(np.abs(way).argmax())
    for step in range(1, length + 1):
        middle = np.add(start, way * step / length)
        for aside in range(math.ceil(middle[1 - axis] - 1.5), math.floor(middle[1 - axis] + 1.5) + 1):
            cell = [0, 0]
            cell[axis], cell[1 - axis] = round(middle[axis]), aside
            if step == length:
                cell = list(end)
            if not 0 <= aside < ground.shape[1 - axis] or line[*cell] < ground[*cell]:
                return False
    return True


@BRIEF
@given(SEEDS, st.floats(15, 50), st.floats(0, 20))
def test_a_steeper_line_reaches_no_further_and_more_sources_no_less(seed: int, angle: float, more: float) -> None:
    ground = hills(seed, 25)
    energy, value = fall(ground, [(4, 9), (8, 3)], angle)
    steeper, fewer = fall(ground, [(4, 9), (8, 3)], angle + more)
    alone, _ = fall(ground, [(4, 9)], angle)
    assert (fewer <= value).all()
    assert (steeper <= energy + 1e-9).all()
    assert (alone <= energy).all()
    assert (ground[value > 0] <= max(ground[4, 9], ground[8, 3])).all()


def dem(path: Path, values: Any, *, epsg: int = 32643, pixel: float = 10.0, dtype: str = "float32") -> Path:
    data = np.asarray(values, dtype=dtype)
    corner = (500_000, 4_000_000) if epsg == 32643 else (75.0, 60.0)
    with rasterio.open(
        path, "w", driver="GTiff", height=data.shape[0], width=data.shape[1], count=1, dtype=dtype, nodata=-9999,
        crs=f"EPSG:{epsg}", transform=from_origin(*corner, pixel, pixel),
    ) as file:  # fmt: skip
        file.write(data, 1)
    return path


def valley(rows: int = 90, cols: int = 70) -> np.ndarray:
    row, col = np.indices((rows, cols))
    return 1500 + 9 * np.abs(col - cols / 2) + 40 * np.sin(row / 7) * np.cos(col / 5) + 2 * row


@pytest.mark.parametrize(("epsg", "pixel"), [(32643, 10.0), (4326, 0.0001)])
def test_blocks_together_are_the_whole(tmp_path: Path, epsg: int, pixel: float) -> None:
    ground = valley()
    ground[30:33, 20:24] = -9999
    path = dem(tmp_path / "dem.tif", ground, epsg=epsg, pixel=pixel)
    maps = []
    for block in (512, 16, 7):
        card = make_reach(Question(path, None, 45, 0, 30), tmp_path / f"{block}.tif", block=block)
        with rasterio.open(tmp_path / f"{block}.tif") as file:
            maps.append((card, file.read()))
            assert file.descriptions == ("reach", "energy_height_m")
            assert file.nodata == -1
    assert all(card == maps[0][0] and (layers == maps[0][1]).all() for card, layers in maps)
    card, (best, energy) = maps[0]
    assert ((best == -1) == (ground == -9999)).all()
    assert card["source_cells"] < card["reached_cells"] == (best == 1).sum() < card["known_cells"] == (ground > 0).sum()
    assert (energy[best == 1] >= 0).all()
    assert (energy[best == 0] == 0).all()


def test_metres_count_where_cells_are_degrees(tmp_path: Path) -> None:
    ground = np.zeros((61, 121))
    ground[30, 60] = 100.0
    sources = np.zeros(ground.shape)
    sources[30, 60] = 0.6
    path = dem(tmp_path / "dem.tif", ground, epsg=4326, pixel=0.0001)  # 60 N: 11.1 m by 5.6 m
    make_reach(
        Question(path, dem(tmp_path / "s.tif", sources, epsg=4326, pixel=0.0001), None, 0, 33), tmp_path / "r.tif"
    )
    with rasterio.open(tmp_path / "r.tif") as file:
        best = file.read(1)
    far_m = 100 / math.tan(math.radians(33))
    assert abs((best[30, 60:] > 0).sum() - 1 - far_m / 5.58) <= 1
    assert abs((best[30:, 60] > 0).sum() - 1 - far_m / 11.14) <= 1
    assert best.max() == np.float32(0.6)


def test_a_void_hides_no_road_behind_it(tmp_path: Path) -> None:
    ground = np.zeros((21, 41))
    ground[10, 5], ground[:, 12] = 150.0, -9999
    sources = (ground == 150) * 0.8
    make_reach(
        Question(dem(tmp_path / "d.tif", ground), dem(tmp_path / "s.tif", sources), None, 0.5, 33), tmp_path / "r.tif"
    )
    lines = [(n, shapely.LineString([(x, 3_999_800), (x, 3_999_990)])) for n, x in enumerate((500_205, 500_355))]
    near, far = expose(tmp_path / "r.tif", lines, "EPSG:32643", buffer_m=6)
    assert near.maximum == pytest.approx(0.8)  # 150 m off, behind the void
    assert (far.maximum, far.reached_share, far.covered_share) == (0, 0, 1)  # 300 m: not reached, which is known


def test_the_command_writes_map_and_card(tmp_path: Path) -> None:
    path = dem(tmp_path / "dem.tif", valley())
    done = CliRunner().invoke(app, ["reach", "--dem", str(path), "--min-slope", "44", "--out", str(tmp_path / "r.tif")])
    assert done.exit_code == 0, done.output
    card = json.loads((tmp_path / "r.json").read_text())
    assert (card["angle_deg"], card["min_slope_deg"], card["sources"]) == (33, 44, None)
    assert f"{card['reached_cells']:,}" in done.output


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"angle_deg": 3}, "10 to 80"),
        ({"angle_deg": math.nan}, "10 to 80"),
        ({"min_slope_deg": 90}, "--min-slope 90"),
        ({"least": 1.5}, "--least 1.5"),
        ({"min_slope_deg": 89}, "no cell is a source"),
        ({"sources": "other.tif"}, "another grid"),
        ({"sources": "beyond.tif"}, "beyond 0 to 1"),
        ({"sources": "missing.tif"}, "no such file"),
        ({"dem": "void.tif"}, "no elevation"),
        ({"dem": "picture.tif"}, "not elevation"),
        ({"dem": "fine.tif", "min_slope_deg": 80.0, "angle_deg": 10}, "coarser cells"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    ground = valley(20, 20)
    dem(tmp_path / "dem.tif", ground)
    dem(tmp_path / "other.tif", ground[:-1] * 0)
    dem(tmp_path / "beyond.tif", ground)
    dem(tmp_path / "void.tif", ground * 0 - 9999)
    with rasterio.open(tmp_path / "picture.tif", "w", driver="GTiff", height=20, width=20, count=1, dtype="uint8",
                       crs="EPSG:32643", transform=from_origin(500_000, 4_000_000, 10, 10)) as file:  # fmt: skip
        file.write(np.full((20, 20), 90, np.uint8), 1)
    dem(tmp_path / "fine.tif", np.where(np.arange(20) < 10, 8000, 0) * np.ones((20, 1)), pixel=1)
    asked: dict[str, Any] = {"dem": "dem.tif", "sources": None, "min_slope_deg": None, "least": 0.0, "angle_deg": 33.0}
    asked |= changes
    for key in ("dem", "sources"):
        asked[key] = asked[key] and tmp_path / asked[key]
    with pytest.raises((InputError, RasterError), match=told) as raised:
        make_reach(Question(**asked), tmp_path / "r.tif")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "r.tif").exists()
