"""Long runs: killed in the middle they go on where they stood, and a cluster gives what this machine gives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from detection import methods, scheduling
from detection.arrays import Block, Score
from detection.parts import Parts
from detection.run import run_landslide
from detection.scheduling import crew
from detection.simulate import simulate_landslide
from hazard_db.errors import DetectionError
from tests.detection_rasters import Brightening, ground, stored, write_block, write_tif

SHAPE = (400, 420)
BLOCK_PX = 128
BLOCKS = 16
ROOT = Path(__file__).parents[2]


class Slow(Brightening):
    """Leaves a mark in a file for every block it scores, and takes its time."""

    def score(self, block: Block, model: int) -> Score:
        """Return the score of Brightening, later."""
        if log := os.environ.get("SCORED"):
            with Path(log).open("a", encoding="utf8") as file:
                file.write(".")
        time.sleep(float(os.environ.get("PAUSE", "0")))
        return super().score(block, model)


SCRIPT = """
import signal
import sys
from pathlib import Path
from detection import methods
from detection.run import run_landslide
from tests.unit.test_detection_resuming import BLOCK_PX, Slow
methods.DETECTORS.update(matched_filter=Slow, pair=Slow)
folder = Path(sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born deaf to it
run_landslide(
    [folder / "x_20220701.tif"], [folder / "x_20230701.tif"], folder / "out.geojson", mask=folder / "mask.tif",
    explain=folder / "z.tif", block_px=BLOCK_PX,
)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A date before and one after, with slides inside blocks and across their borders."""
    for day, lift in (("20220701", 0.0), ("20230701", 0.2)):
        bands = {name: ground(SHAPE) + 0.02 * at for at, name in enumerate(("blue", "green", "red", "nir"))}
        for band in bands.values():
            band[40:60, 40:70] += lift
            band[110:150, 240:270] += lift
            band[300:390, 100:115] += lift
        write_tif(tmp_path / f"x_{day}.tif", {name: stored(band) for name, band in bands.items()})
    return tmp_path


def start(folder: Path, log: Path, pause: float) -> subprocess.Popen[bytes]:
    environment = os.environ | {"SCORED": str(log), "PAUSE": str(pause), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder)], env=environment, cwd=ROOT, stderr=subprocess.DEVNULL
    )


def outcome(folder: Path) -> tuple[Any, ...]:
    collection = json.loads((folder / "out.geojson").read_text(encoding="utf8"))
    with rasterio.open(folder / "mask.tif") as mask, rasterio.open(folder / "z.tif") as z:
        return collection, mask.read().tobytes(), z.read().tobytes()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_started_again_it_goes_on(how: signal.Signals, folder: Path, tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{name}.log" for name in ("first", "second", "third"))
    running = start(folder, first, 0.3)
    parts = folder / ".out.geojson.parts"
    deadline = time.monotonic() + 60
    while len(list(parts.glob("*/*.npz"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(how)
    assert running.wait(timeout=60) != 0
    kept = len(list(parts.glob("*/*.npz")))
    assert 4 <= kept < BLOCKS
    assert not (folder / "out.geojson").exists()
    assert start(folder, second, 0).wait() == 0
    resumed = outcome(folder)
    assert not parts.exists()
    assert start(folder, third, 0).wait() == 0
    assert outcome(folder) == resumed
    extra = len(third.read_text()) - BLOCKS  # objects on borders are looked at once more
    assert len(second.read_text()) == BLOCKS - kept + extra
    assert len(resumed[0]["features"]) == 3


def test_other_inputs_do_not_take_old_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(methods.DETECTORS, "pair", Brightening)
    before, after, out = folder / "x_20220701.tif", folder / "x_20230701.tif", folder / "out.geojson"
    monkeypatch.setattr("detection.run.shutil.rmtree", lambda *_, **__: None)
    found = run_landslide([before], [after], out, block_px=BLOCK_PX)
    (kept,) = (folder / ".out.geojson.parts").iterdir()
    write_tif(
        after,
        {name: stored(ground(SHAPE) + 0.001 + 0.02 * at) for at, name in enumerate(("blue", "green", "red", "nir"))},
    )
    monkeypatch.undo()
    monkeypatch.setitem(methods.DETECTORS, "pair", Brightening)
    assert len(found.features) == 3
    assert run_landslide([before], [after], out, block_px=BLOCK_PX).features == []
    assert not kept.exists()


def test_a_damaged_block_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(methods.DETECTORS, "pair", Brightening)
    before, after, out = folder / "x_20220701.tif", folder / "x_20230701.tif", folder / "out.geojson"
    with monkeypatch.context() as patch:
        patch.setattr("detection.run.shutil.rmtree", lambda *_, **__: None)
        whole = run_landslide([before], [after], out, block_px=BLOCK_PX).collection
    for number, path in enumerate(sorted((folder / ".out.geojson.parts").glob("*/*.npz"))):
        if number % 3 == 0:
            path.write_bytes(path.read_bytes()[: 100 * (number % 2)])
    monkeypatch.setattr(Parts, "save", lambda *_: pytest.fail("nothing is missing"))
    assert run_landslide([before], [after], out, block_px=BLOCK_PX).collection == whole


@pytest.mark.filterwarnings("default")  # Dask's own
def test_a_cluster_gives_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setitem(methods.DETECTORS, "pair", Brightening)
    files = [folder / "x_20220701.tif"], [folder / "x_20230701.tif"]
    here = run_landslide(*files, folder / "here.geojson", block_px=BLOCK_PX)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, protocol="tcp://", dashboard_address=None
        ) as cluster,
        crew(cluster.scheduler_address) as workers,
    ):
        assert workers.workers == 2
        there = run_landslide(*files, folder / "there.geojson", block_px=BLOCK_PX, crew=workers)
    assert there.collection == here.collection


@pytest.mark.filterwarnings("default")
def test_processes_of_a_cluster_give_the_same(tmp_path: Path) -> None:
    """The workers get nothing but a pickle, open the files themselves and send back what they found."""
    distributed = pytest.importorskip("distributed")
    scene = simulate_landslide(11, shape=(300, 300), slides=14, n_before=2, n_after=2)
    before, after, dem = write_block(tmp_path, scene.block)
    here, there = ((tmp_path / f"{name}.geojson", tmp_path / f"{name}.tif") for name in ("here", "there"))
    run_landslide(before, after, here[0], dem=dem, mask=here[1], block_px=160)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=True, protocol="tcp://", dashboard_address=None
        ) as cluster,
        crew(cluster.scheduler_address) as workers,
    ):
        run_landslide(before, after, there[0], dem=dem, mask=there[1], block_px=160, crew=workers)
    assert json.loads(here[0].read_text(encoding="utf8"))["features"]
    assert [path.read_bytes() for path in there] == [path.read_bytes() for path in here]


@pytest.mark.filterwarnings("default")
def test_nobody_at_the_address_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "PATIENCE_S", 1)
    with pytest.raises(DetectionError, match="no Dask scheduler answers"), crew("tcp://127.0.0.1:9"):
        pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DetectionError, match=r"kkh-hazard-watch\[cluster\]"), crew("tcp://127.0.0.1:9"):
        pass


def test_arrays_stay_what_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(methods.DETECTORS, "pair", Brightening)
    looks = []
    save = Parts.save
    monkeypatch.setattr(Parts, "save", lambda self, look: (looks.append((look, self)), save(self, look))[0])
    with monkeypatch.context() as patch:
        patch.setattr("detection.run.shutil.rmtree", lambda *_, **__: None)
        run_landslide(
            [folder / "x_20220701.tif"], [folder / "x_20230701.tif"], folder / "out.geojson",
            explain=folder / "z.tif", block_px=BLOCK_PX,
        )  # fmt: skip
    assert len(looks) == BLOCKS
    for look, parts in looks:
        again = parts.load(look.tile)
        assert again is not None
        assert np.array_equal(again.observed, look.observed)
        assert all(np.array_equal(again.scores[name], look.scores[name], equal_nan=True) for name in look.scores)
        assert again.cut == look.cut
        assert [(a.first, a.last, a.found.features) for a in again.whole] == [
            (b.first, b.last, b.found.features) for b in look.whole
        ]
