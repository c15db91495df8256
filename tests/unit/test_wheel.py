"""The wheel holds what the program needs: nothing that git keeps is left out, nothing of the tests comes along."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("hazard_db", "ingest", "detection", "alerts", "maps", "api")


def built(root: Path, target: str, folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what is in the wheel that is made of the source distribution, as `make wheel` makes both."""
    folder = tmp_path_factory.mktemp("wheel")
    built(ROOT, "sdist", folder)
    (source,) = folder.glob("*.tar.gz")
    subprocess.run(["tar", "xzf", str(source), "-C", str(folder)], check=True)
    built(folder / source.name.removesuffix(".tar.gz"), "wheel", folder)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_nothing_is_left_out_and_nothing_else_comes_along(unpacked: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    kept = {name for name in listed if name and (ROOT / name).exists()}
    assert kept
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert kept - files == set()
    assert {name for name in files - kept if not name.startswith(("kkh_hazard_watch-", "maps/assets/vendor/"))} == set()
    assert "maps/assets/vendor/leaflet.js" in files


def test_it_runs_from_there_alone(unpacked: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import api, sys; from api.cli import main; sys.argv = ['kkh', '--version']; print(api.__file__); main()"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(unpacked)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    where, version = done.stdout.splitlines()
    assert Path(where).is_relative_to(unpacked)
    assert version.startswith("kkh ")
