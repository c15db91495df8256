"""HDF5 that its library cannot come to an end with is one line, and the next file is read as ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import h5py
import numpy as np
import pytest

from hazard_db.errors import CorridorError, InputError
from hazard_db.vector_file import read_shapes
from ingest.displacement import hdf, mintpy, registry
from ingest.displacement.probing import Prober
from ingest.triggers import rain
from tests.displacement_files import write_mintpy

NEVER_ENDS = Path(__file__).parents[1] / "data" / "displacement" / "never_ends.h5"
"""A series of MintPy of which some addresses were changed: reading it never ends."""
DAYS = [date(2023, 1, 5), date(2023, 1, 17), date(2023, 1, 29)]


@pytest.fixture
def prober() -> Iterator[Prober]:
    made = Prober(limit_s=3)
    yield made
    made._end()


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    write_mintpy(tmp_path / "sound.h5", np.arange(12.0).reshape(3, 2, 2), DAYS)
    return tmp_path / "sound.h5"


def test_a_file_that_never_ends_is_refused_and_a_sound_one_read_after_it(prober: Prober, sound: Path) -> None:
    with pytest.raises(InputError, match=r"never_ends\.h5: is damaged \(its reading does not end within 3 s\); fetch"):
        prober(NEVER_ENDS)
    assert prober._process is None, "the process that does not end is left running"
    prober.limit_s = 60
    prober(sound)
    first = prober._process
    prober(sound)
    assert first is not None and prober._process is first, "a process is begun for every file"


def test_a_file_that_ends_the_library_is_refused(prober: Prober) -> None:
    prober.limit_s = 60
    process = prober._running()
    ended = threading.Timer(0.5, process.kill)
    ended.start()
    with pytest.raises(InputError, match=r"is damaged \(its reading ended HDF5's library\); fetch it again"):
        prober(NEVER_ENDS)
    ended.join()


def test_a_process_whose_owner_was_killed_ends_by_itself() -> None:
    command = [sys.executable, "-m", "ingest.displacement.probing", "1"]
    left = subprocess.run(command, input=os.fsencode(NEVER_ENDS) + b"\0", capture_output=True, timeout=60, check=False)
    assert left.returncode == -signal.SIGALRM


@pytest.mark.parametrize("room", [registry, rain])
def test_every_way_in_goes_through_it_first(room: object, monkeypatch: pytest.MonkeyPatch, sound: Path) -> None:
    def refuse(path: Path) -> None:
        raise InputError(f"{path.name}: probed")

    monkeypatch.setattr(room, "probe", refuse)
    ways = {
        registry: lambda: registry.open_displacement(sound),
        rain: lambda: rain._read(sound, np.zeros((1, 2), np.int16)),
    }
    with pytest.raises(InputError, match=r"sound\.h5: probed"):
        ways[room]()


def test_each_file_of_a_folder_goes_through_it(monkeypatch: pytest.MonkeyPatch, sound: Path) -> None:
    (sound.parent / "other.h5").write_bytes(sound.read_bytes())
    (sound.parent / "notes.txt").write_text("no HDF5")
    probed: list[str] = []
    monkeypatch.setattr(registry, "probe", lambda path: probed.append(path.name))
    with pytest.raises(InputError):
        registry.open_displacement(sound.parent)
    assert probed == ["other.h5", "sound.h5"]


def test_damage_that_is_told_is_left_to_the_reader(prober: Prober, sound: Path) -> None:
    prober.limit_s = 60
    sound.write_bytes(sound.read_bytes()[:3000])
    prober(sound)
    assert hdf.names(sound) == set() and not mintpy.recognise(sound)


def test_larger_sets_are_not_read_whole(prober: Prober, tmp_path: Path) -> None:
    prober.limit_s = 60
    with h5py.File(tmp_path / "vast.h5", "w") as file:  # 8 EB, were they read
        file.create_dataset("timeseries", shape=(10**6, 10**6, 10**6), chunks=(1, 64, 64), dtype="f8")
    prober(tmp_path / "vast.h5")


def test_a_line_of_one_vertex_is_told_by_file_and_feature() -> None:
    whole = bytes.fromhex("010100000000000000000052400000000000004240")  # POINT (72 36)
    single = bytes.fromhex("01020000000100000000000000000052400000000000004240")
    assert [shape and shape.wkt for shape in read_shapes(Path("a.gpkg"), [whole, None, b""])] == [
        "POINT (72 36)",
        None,
        None,
    ]
    with pytest.raises(CorridorError, match=r"a\.gpkg, feature 2: its geometry is broken"):
        read_shapes(Path("a.gpkg"), [whole, single], CorridorError)
    with pytest.raises(InputError, match=r"a\.gpkg, a feature: its geometry is broken"):
        read_shapes(Path("a.gpkg"), [single], first=None)
