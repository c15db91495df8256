"""An elevation model is what it holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api import model_input as module
from api.model_input import model_input


def test_another_model_of_equal_name_and_size_is_another_input(tmp_path: Path) -> None:
    dem = tmp_path / "dem.tif"
    dem.write_bytes(b"one")
    first = model_input(dem)
    dem.write_bytes(b"two")
    os.utime(dem, ns=(1, 1))
    second = model_input(dem)
    assert first[0]["dem"] == second[0]["dem"] == "dem.tif"
    assert first != second
    moved = tmp_path / "elsewhere" / "dem.tif"
    moved.parent.mkdir()
    dem.rename(moved)
    assert model_input(moved) == second
    assert model_input(None) == []


def test_a_model_that_was_not_written_to_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dem = tmp_path / "dem.tif"
    dem.write_bytes(b"one")
    first = model_input(dem)
    monkeypatch.setattr(module, "sha256", lambda _: pytest.fail("read again"))
    assert model_input(dem) == first
