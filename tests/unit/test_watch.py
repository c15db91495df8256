"""Watching a folder: what has stopped growing is taken once, what is bad is reported once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from hazard_db.errors import ClusterError, DatabaseUnavailableError, InputError, RasterError
from ingest.watch import FolderSource, watch


class Handler:
    """Remembers what it was handed; fails for names that contain `bad`."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, paths: Sequence[Path]) -> list[str]:
        names = [path.name for path in paths]
        self.calls.append(names)
        if any("bad" in name for name in names):
            raise RasterError(f"{names[0]}: damaged")
        return [names[0].rpartition(".")[0]]


def drop(folder: Path, name: str, content: bytes = b"x", age_s: float = 60.0) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def test_each_scene_is_taken_once_and_bands_go_together(tmp_path: Path) -> None:
    for name in ("stack.tif", "pre/download.B2.tif", "pre/download.B3.tif", "product.zip", "notes.txt", ".hidden.tif"):
        drop(tmp_path, name)
    drop(tmp_path, "half.tif.part")
    source, handle = FolderSource(tmp_path), Handler()
    first = watch(source, handle, once=True, settle_s=0.05)
    assert sorted(handle.calls) == [["download.B2.tif", "download.B3.tif"], ["product.zip"], ["stack.tif"]]
    assert sorted(first.taken) == ["download.B2", "product", "stack"]
    assert watch(source, handle, once=True, settle_s=0.05).taken == []
    assert len(handle.calls) == 3


def test_a_growing_file_waits_until_it_is_whole(tmp_path: Path) -> None:
    path = drop(tmp_path, "slow.tif", age_s=0)
    source, handle, done = FolderSource(tmp_path), Handler(), threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not done.wait(0.02):
                file.write(b"x" * 10)
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        report = watch(source, handle, once=True, settle_s=0.2)
        assert (report.taken, report.growing) == ([], 1)
        assert handle.calls == []
    finally:
        done.set()
        writer.join()
    assert watch(source, handle, once=True, settle_s=0.2).taken == ["slow"]


def test_a_fresh_file_that_has_stopped_is_taken_in_the_same_pass(tmp_path: Path) -> None:
    drop(tmp_path, "new.tif", age_s=0)
    assert watch(FolderSource(tmp_path), Handler(), once=True, settle_s=0.1).taken == ["new"]


def test_a_clock_that_is_behind_does_not_hold_a_file_back(tmp_path: Path) -> None:
    drop(tmp_path, "future.tif", age_s=-3600)
    assert watch(FolderSource(tmp_path), Handler(), once=True, settle_s=0.05).taken == ["future"]


def test_half_a_safe_folder_is_one_scene_not_loose_bands(tmp_path: Path) -> None:
    name = "S2B_MSIL2A_20230715T054639_N0509_R062_T43SDA_20230715T081234.SAFE"
    drop(tmp_path, f"{name}/GRANULE/L2A/IMG_DATA/R10m/T43SDA_20230715T054639_B02_10m.jp2")
    handle = Handler()
    watch(FolderSource(tmp_path), handle, once=True, settle_s=0.05)
    assert handle.calls == [[name]]


def test_a_growing_safe_folder_waits_though_some_of_its_files_are_old(tmp_path: Path) -> None:
    name = "S2B_MSIL2A_20230715T054639_N0509_R062_T43SDA_20230715T081234.SAFE"
    drop(tmp_path, f"{name}/MTD_MSIL2A.xml")
    late = tmp_path / name / "late.jp2"
    handle = Handler()

    def copy_on() -> None:
        time.sleep(0.1)
        late.write_bytes(b"y")

    drop(tmp_path, f"{name}/early.jp2", age_s=0)
    writer = threading.Thread(target=copy_on)
    writer.start()
    report = watch(FolderSource(tmp_path), handle, once=True, settle_s=0.4)
    writer.join()
    assert (handle.calls, report.growing) == ([], 1)


def test_a_bad_file_is_reported_once_until_it_changes_also_over_a_restart(tmp_path: Path) -> None:
    folder, state = tmp_path / "in", tmp_path / "state" / "watch.json"
    drop(folder, "bad.tif")
    told: list[str] = []
    for _ in range(3):
        watch(FolderSource(folder, state=state), Handler(), once=True, settle_s=0.05, tell=told.append)
    assert told == ["bad.tif: damaged"]
    drop(folder, "bad.tif", b"longer")
    assert watch(FolderSource(folder, state=state), Handler(), once=True, settle_s=0.05).failed == ["bad.tif: damaged"]


def test_failures_are_forgotten_when_the_road_changes(tmp_path: Path) -> None:
    folder, state = tmp_path / "in", tmp_path / "watch.json"
    drop(folder, "bad.tif")
    for context, failures in (("v1", 1), ("v1", 0), ("v2", 1)):
        report = watch(FolderSource(folder, state=state, context=context), Handler(), once=True, settle_s=0.05)
        assert len(report.failed) == failures


def test_a_scene_that_the_catalogue_lost_is_handed_on_again(tmp_path: Path) -> None:
    folder, state = tmp_path / "in", tmp_path / "watch.json"
    drop(folder, "scene.tif")
    catalogue = {"scene"}
    handle = Handler()
    for _ in range(2):
        watch(FolderSource(folder, state=state, known=catalogue.intersection), handle, once=True, settle_s=0.05)
    assert len(handle.calls) == 1
    catalogue.clear()
    watch(FolderSource(folder, state=state, known=catalogue.intersection), handle, once=True, settle_s=0.05)
    assert len(handle.calls) == 2


def test_a_broken_state_file_loses_no_scene(tmp_path: Path) -> None:
    folder, state = tmp_path / "in", tmp_path / "watch.json"
    drop(folder, "scene.tif")
    state.write_text('{"context": "", "done": 3')
    assert watch(FolderSource(folder, state=state), Handler(), once=True, settle_s=0.05).taken == ["scene"]


@pytest.mark.parametrize("error", [ClusterError("busy"), RuntimeError("a fault")])
def test_what_is_not_the_files_fault_is_tried_again(tmp_path: Path, error: Exception) -> None:
    drop(tmp_path, "a.tif")
    drop(tmp_path, "b.tif")
    failing = [True]

    def handle(paths: Sequence[Path]) -> list[str]:
        if failing[0] and paths[0].name == "a.tif":
            raise error
        return [paths[0].stem]

    source = FolderSource(tmp_path)
    assert watch(source, handle, once=True, settle_s=0.05).taken == ["b"]
    failing[0] = False
    assert watch(source, handle, once=True, settle_s=0.05).taken == ["a"]


def test_a_database_that_is_down_blames_no_file(tmp_path: Path) -> None:
    drop(tmp_path, "a.tif")
    source, down = FolderSource(tmp_path), [True]

    def handle(paths: Sequence[Path]) -> list[str]:
        if down.pop() if down else False:
            raise DatabaseUnavailableError
        return [paths[0].stem]

    with pytest.raises(DatabaseUnavailableError):
        watch(source, handle, once=True, settle_s=0.05)
    assert watch(source, handle, once=True, settle_s=0.05).taken == ["a"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_watch_after_the_scene_at_hand(tmp_path: Path, number: signal.Signals) -> None:
    drop(tmp_path, "a.tif")
    drop(tmp_path, "b.tif")
    before = signal.getsignal(number)

    def handle(paths: Sequence[Path]) -> list[str]:
        os.kill(os.getpid(), number)
        return [paths[0].stem]

    report = watch(FolderSource(tmp_path), handle, once=False, interval_s=60, settle_s=0.05)
    assert report.taken == ["a"]
    assert signal.getsignal(number) is before


def test_the_loop_finds_what_appears_later(tmp_path: Path) -> None:
    stop, taken = threading.Event(), threading.Event()

    def handle(paths: Sequence[Path]) -> list[str]:
        taken.set()
        return [paths[0].stem]

    def later() -> None:
        time.sleep(0.1)
        drop(tmp_path, "late.tif")
        taken.wait(5)
        stop.set()

    thread = threading.Thread(target=later)
    thread.start()
    report = watch(FolderSource(tmp_path), handle, once=False, interval_s=0.05, settle_s=0.05, stop=stop)
    thread.join()
    assert report.taken == ["late"]
    assert report.passes > 1


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        FolderSource(drop(tmp_path, "a.tif"))
