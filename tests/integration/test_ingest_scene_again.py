"""Scenes that come twice, damaged, at once, or whose ingest is killed: each is there whole and once, or not at all."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import rasterio

from hazard_db import scenes
from hazard_db.connect import transaction
from hazard_db.errors import InputError, RasterError
from ingest.imagery.load import SceneBatchError
from ingest.imagery.shelf import clean
from tests.imagery_products import (
    reflectances,
    write_manifest,
    write_stack,
    zipped,
)
from tests.scene_catalogue import DAY, OFFSETS, assert_nothing_stored, ingest, rows, sentinel

pytestmark = pytest.mark.integration


def test_the_same_files_are_stored_once(database: Any, tmp_path: Path) -> None:
    root, home = sentinel(tmp_path, baseline="05.09", offsets=OFFSETS), tmp_path / "home"
    assert [ingest(database, home, path)[0].status for path in (root, root, zipped(root))] == [
        "new", "unchanged", "unchanged",
    ]  # fmt: skip
    assert len(rows(database)) == 1
    assert len(list((home / "rasters").glob("*/reflectance.tif"))) == 1


def test_a_changed_file_of_the_same_name_replaces_the_former_and_both_stay(database: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (first,) = ingest(database, home, write_stack(tmp_path / "a.tif", reflectances(seed=1), tags=DAY))
    (second,) = ingest(database, home, write_stack(tmp_path / "a.tif", reflectances(seed=2), tags=DAY))
    assert second.supersedes == first.id
    assert second.id != first.id
    with transaction(database.engine) as conn:
        assert [scene.id for scene in scenes.find(conn)] == [second.id]
        assert scenes.get(conn, first.id).superseded_by == second.id
    assert len(list((home / "rasters").glob("*/reflectance.tif"))) == 2


def test_files_of_the_same_name_and_day_elsewhere_do_not_replace_one_another(database: Any, tmp_path: Path) -> None:
    (tmp_path / "east").mkdir()
    west = write_stack(tmp_path / "a.tif", reflectances(seed=1), tags=DAY)
    east = write_stack(
        tmp_path / "east/a.tif",
        reflectances(seed=2),
        tags=DAY,
        transform=rasterio.Affine(10, 0, 461000, 0, -10, 4030000),
    )
    reports = ingest(database, tmp_path / "home", west, east)
    assert [report.supersedes for report in reports] == [None, None]
    with transaction(database.engine) as conn:
        assert len(scenes.find(conn)) == 2


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_newer_processing_of_the_same_acquisition_is_the_current_one(
    database: Any, tmp_path: Path, newest_first: bool
) -> None:
    old = sentinel(tmp_path, baseline="02.14", day="20200715", generated="20200715T081234")
    new = sentinel(tmp_path, baseline="05.00", day="20200715", generated="20230501T081234", offsets=OFFSETS)
    for path in (new, old) if newest_first else (old, new):
        (report,) = ingest(database, tmp_path / "home", path)
    assert (report.superseded_by, report.supersedes) == ((new.stem, None) if newest_first else (None, old.stem))
    with transaction(database.engine) as conn:
        assert [scene.id for scene in scenes.find(conn)] == [new.stem]
        assert scenes.get(conn, old.stem).superseded_by == new.stem


def test_lost_rasters_are_made_again(database: Any, tmp_path: Path) -> None:
    path, home = write_stack(tmp_path / "a.tif", reflectances(), tags=DAY), tmp_path / "home"
    (report,) = ingest(database, home, path)
    for file in report.files:
        file.unlink()
    (again,) = ingest(database, home, path)
    assert (again.status, again.id) == ("restored", report.id)
    (scene,) = rows(database)
    assert (home / scene.assets["reflectance"]["href"]).is_file()


def test_damage_is_found_and_nothing_is_stored(database: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    root = sentinel(tmp_path, baseline="05.09", offsets=OFFSETS, manifest=False)
    band = next(root.rglob("*_B04_10m.jp2"))
    content = band.read_bytes()
    band.write_bytes(content[:-40])
    with pytest.raises(RasterError, match=r"B04_10m\.jp2 is incomplete"):
        ingest(database, home, root)
    band.write_bytes(content[:-1])
    with pytest.raises(RasterError, match=r"B04_10m\.jp2 is incomplete"):
        ingest(database, home, root)
    band.write_bytes(content)
    write_manifest(root)
    spoilt = bytearray(content)
    spoilt[-20] ^= 0xFF
    band.write_bytes(bytes(spoilt))
    with pytest.raises(RasterError, match=r"B04_10m\.jp2 is damaged .*manifest\.safe"):
        ingest(database, home, root)
    tif = write_stack(tmp_path / "a.tif", reflectances(size=300), tags=DAY)
    tif.write_bytes(tif.read_bytes()[: tif.stat().st_size // 2])
    with pytest.raises(RasterError, match=r"a\.tif.*damaged or incomplete"):
        ingest(database, home, tif)
    assert_nothing_stored(database, home)


def test_a_bad_scene_among_good_ones_spoils_none_of_them(database: Any, tmp_path: Path) -> None:
    good = write_stack(tmp_path / "good.tif", reflectances(), tags=DAY)
    bad = write_stack(tmp_path / "bad.tif", reflectances())
    with pytest.raises(SceneBatchError, match=r"1 of 2 scenes were not stored: bad\.tif") as caught:
        ingest(database, tmp_path / "home", bad, good)
    assert [report.id for report in caught.value.reports] == ["good_20230715"]
    assert [scene.id for scene in rows(database)] == ["good_20230715"]
    with pytest.raises(InputError, match="2 dates for 1 scenes"):
        ingest(database, tmp_path / "home", bad, dates=["2023-07-15", "2023-07-16"])


def test_two_at_once_store_one(database: Any, tmp_path: Path) -> None:
    path, home = write_stack(tmp_path / "a.tif", reflectances(size=600), tags=DAY), tmp_path / "home"
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: ingest(database, home, path)[0].status, range(2)))
    assert sorted(reports) == ["new", "unchanged"]
    assert len(rows(database)) == 1
    assert sorted(item.name for item in (home / "rasters").glob("*") if item.name != ".incoming") == ["a_20230715"]


KILLED = """
import os, sys
from pathlib import Path
from shapely.geometry import box
from hazard_db.connect import engine
from ingest.imagery import cog, load, shelf
path, home, url, moment = sys.argv[1:]
def die(*args, **kwargs):
    os.kill(os.getpid(), 9)
module, name = {"copy": (cog, "copy"), "publish": (shelf, "publish"), "renamed": (shelf, "_sync")}[moment]
setattr(module, name, die)
load.ingest_scene(engine(url), [Path(path)], home=Path(home), corridor=box(74.5, 36.3, 74.6, 36.45), actor="x")
"""


@pytest.mark.parametrize("moment", ["copy", "publish", "renamed"])
def test_a_killed_ingest_leaves_nothing_and_the_next_completes_it(database: Any, tmp_path: Path, moment: str) -> None:
    path, home = write_stack(tmp_path / "a.tif", reflectances(), tags=DAY), tmp_path / "home"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(home), database.app_url, moment], check=False, capture_output=True
    )
    assert ended.returncode == -9, ended.stderr.decode()
    assert rows(database) == []
    assert [item for item in home.rglob("*.tif")]
    assert eventually(lambda: clean(database.app_engine, home))
    assert_nothing_stored(database, home)
    (report,) = ingest(database, home, path)
    assert report.status == "new"
    assert len(list((home / "rasters").glob("*/reflectance.tif"))) == 1


def test_killed_after_the_commit_it_is_all_there(database: Any, tmp_path: Path) -> None:
    path, home = write_stack(tmp_path / "a.tif", reflectances(), tags=DAY), tmp_path / "home"
    ingest(database, home, path)
    with transaction(database.engine) as conn:
        (home / "rasters/a_20230715/.pending").write_text(scenes.identity(conn))
    assert clean(database.app_engine, home) == []
    assert not (home / "rasters/a_20230715/.pending").exists()
    assert ingest(database, home, path)[0].status == "unchanged"


def test_what_another_catalogue_left_is_not_touched(database: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for folder in ("rasters/theirs", "rasters/.incoming/0123"):
        (home / folder).mkdir(parents=True)
        (home / folder / ".pending").write_text("another-catalogue")
        (home / folder / "reflectance.tif").touch()
    (home / "rasters/a_20230715").mkdir()
    ingest(database, home, write_stack(tmp_path / "a.tif", reflectances(), tags=DAY))
    assert (home / "rasters/theirs/reflectance.tif").exists()
    assert (home / "rasters/.incoming/0123/reflectance.tif").exists()
    (scene,) = rows(database)
    assert scene.assets["reflectance"]["href"] == "rasters/a_20230715-2/reflectance.tif"


def eventually(question: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return the first true answer; the server takes a moment to notice that a client died."""
    end = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer
