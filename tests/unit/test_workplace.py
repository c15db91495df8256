"""A folder for work that goes on where a killed process stood."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.workplace import sweep, workplace


def test_what_a_killed_process_finished_is_found_again_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), workplace(tmp_path, "k") as folder:
        (folder / ".out.parts").mkdir()
        (folder / ".out.parts" / "1").write_text("done")
        (folder / "half.tif").write_text("half")
        raise KeyboardInterrupt
    with workplace(tmp_path, "k") as again:
        assert again == folder
        assert [path.name for path in again.iterdir()] == [".out.parts"]
    assert list((tmp_path / "work").iterdir()) == []


def test_two_at_the_same_work_do_not_meet(tmp_path: Path) -> None:
    with workplace(tmp_path, "k") as one:
        with workplace(tmp_path, "k") as other:
            assert one != other
        assert one.is_dir()
        assert not other.exists()


def test_what_nobody_went_on_with_is_removed_but_not_what_is_under_way(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), workplace(tmp_path, "old") as old:
        raise KeyboardInterrupt
    os.utime(old, (0, 0))
    with workplace(tmp_path, "busy") as busy:
        os.utime(busy, (0, 0))
        assert sweep(tmp_path) == ["old"]
        assert busy.is_dir()
    assert not old.exists()
    assert sweep(tmp_path / "nowhere") == []
