"""Files as they come: each is stored whole, or refused in one line with exit code 1, and nothing of it is left behind."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.errors import RasterioError
from sqlalchemy import text

from api import cli, opening
from hazard_db import cluster as private_cluster
from hazard_db import connect
from hazard_db.connect import Engine
from tests.imagery_products import reflectances, write_stack

pytestmark = pytest.mark.acceptance

COUNTS = """SELECT (SELECT count(*) FROM scene) + (SELECT count(*) FROM observation) + (SELECT count(*) FROM event)
    + (SELECT count(*) FROM site) + (SELECT count(*) FROM source_file)"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def refused(self) -> bool:
        """Whether it refused the file as it should: exit 1 and one line, the last, that is no bug of ours."""
        errors = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return (
            self.code == 1 and len(errors) == 1 and self.err.rstrip().endswith(errors[0])
            and "this is a bug" not in self.err and "Traceback" not in self.out + self.err
        )  # fmt: skip

    @property
    def done(self) -> bool:
        """Whether it did its work without a word of distress."""
        return self.code == 0 and "error" not in self.err and "Traceback" not in self.out + self.err


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield an installation of its own with its road."""
    folder = tmp_path_factory.mktemp("installation") / "kkh"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HAZARD_HOME", str(folder))
        patch.delenv("HAZARD_DATABASE_URL", raising=False)
        with opening.opened(road=True):
            pass
    yield folder
    private_cluster.down(folder)


@pytest.fixture(scope="module")
def catalogue(home: Path) -> Iterator[Engine]:
    """Yield an engine of the installation, to look behind the command line."""
    source = connect.engine(private_cluster.url(home, "admin"))
    yield source
    source.dispose()


@pytest.fixture
def kkh(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return the command line, run in this process: a process for each of 200 files would take minutes."""
    monkeypatch.setenv("HAZARD_HOME", str(home))
    monkeypatch.delenv("HAZARD_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    for check in ("ensure_running", "ensure_schema", "ensure_road"):  # done once; 0.3 s of each of 300 commands
        monkeypatch.setattr(opening, check, lambda settings: None)

    def run(*args: object) -> Ended:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["kkh", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else int(code is not None), told.out, told.err)

    return run


def stored(catalogue: Engine) -> int:
    """Return how many records and files the catalogue holds."""
    with connect.transaction(catalogue) as conn:
        return int(conn.scalar(text(COUNTS)) or 0)


def leftovers(home: Path) -> list[Path]:
    """Return what an ingest left half done on the disk."""
    rasters = home / "rasters"
    return [*rasters.glob(".incoming/*"), *rasters.glob("*/.pending")] if rasters.exists() else []


def files(folder: Path, *but: str) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in {"PROVENANCE.md", *but})
    assert found
    return found


def band_count(path: Path) -> int:
    try:
        with rasterio.open(path) as dataset:
            return int(dataset.count)
    except RasterioError:
        return 1


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rasters_as_scenes(kkh: Run, home: Path, catalogue: Engine, shared_data: Path) -> None:
    wrong, taken, refused = {}, set(), set()
    names = ["blue", "green", "red", "nir"]
    for path in files(shared_data / "robust"):
        count = band_count(path)
        bands = ",".join([*names[:count], *(["-"] * (count - 4))])
        for extra in ([], ["--dates", "2020-06-01", "--bands", bands, "--whole"]):
            before = stored(catalogue)
            ended = kkh("ingest", "scene", path, *extra)
            grew = stored(catalogue) - before
            if not ((ended.refused and grew == 0) or (ended.done and grew <= 1)) or leftovers(home):
                wrong[path.name, len(extra)] = ended.err or ended.out
            (taken if ended.done else refused).add(path.name)
    assert wrong == {}
    assert {"corrupt.tif", "rotated.tif", "float.tif"} <= refused - taken
    assert "RGBA.uint16.tif" in taken


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rasters_for_detection(kkh: Run, shared_data: Path, tmp_path: Path, tmp_path_factory: Any) -> None:
    wrong = {}
    later = tmp_path_factory.mktemp("later")
    for path in files(shared_data / "robust"):
        after = shutil.copy(path, later)
        bands = ",".join(["blue", "green", "red", "nir", *["-"] * 20][: band_count(path)])
        for extra in ([], ["--dates", "2020-05-01,2020-06-01", "--bands", bands]):
            out, mask = tmp_path / "changes.geojson", tmp_path / "mask.tif"
            ended = kkh("detect", "landslide", "--before", path, "--after", after, "--out", out, "--mask", mask, *extra)
            left = [one.name for one in tmp_path.iterdir()]
            if ended.done:
                json.loads(out.read_text())
            if not ((ended.refused and left == []) or (ended.done and sorted(left) == ["changes.geojson", "mask.tif"])):
                wrong[path.name, len(extra)] = (ended.err or ended.out, left)
            for one in tmp_path.iterdir():
                one.unlink()
    assert wrong == {}


def test_field_files_as_surveys(kkh: Run, catalogue: Engine, shared_data: Path) -> None:
    wrong, taken = {}, set()
    for path in files(shared_data / "field"):
        before = stored(catalogue)
        ended = kkh("ingest", "survey", path, "--kind", "landslide", "--rejects", "rejects.csv")
        grew = stored(catalogue) - before
        if not ((ended.refused and grew == 0) or ended.done):
            wrong[str(path.relative_to(shared_data))] = ended.err or ended.out
        if ended.done:
            taken.add(path.name)
    assert wrong == {}
    assert taken & {"point.kml", "wpt.gpx"}


def test_anything_as_an_inventory(kkh: Run, catalogue: Engine, shared_data: Path) -> None:
    wrong = {}
    folders = ("field/odk_javarosa", "field/photos_exif/invalid", "robust")
    for path in [path for folder in folders for path in files(shared_data / folder)]:
        before = stored(catalogue)
        ended = kkh("ingest", "inventory", path)
        if not ((ended.refused and stored(catalogue) == before) or ended.done):
            wrong[str(path.relative_to(shared_data))] = ended.err or ended.out
    assert wrong == {}


@pytest.mark.parametrize("command", [("ingest", "scene"), ("ingest", "survey"), ("ingest", "inventory")])
@pytest.mark.parametrize("content", [b"", b"\x00" * 4096, bytes(range(256)) * 20, b"PK\x03\x04" + b"\xff" * 300])
def test_bytes_that_mean_nothing(kkh: Run, tmp_path: Path, command: tuple[str, ...], content: bytes) -> None:
    for name in ("a.tif", "a.zip", "a.csv", "a.geojson", "a.kml", "a.gpx", "a.xlsx", "a.gpkg", "a"):
        path = tmp_path / name
        path.write_bytes(content)
        ended = kkh(*command, path)
        assert ended.refused, (name, ended)
        assert name in ended.err


def spoil(path: Path, how: str) -> Path:
    """Return the good raster spoilt in one way."""
    if how == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    elif how == "overwritten":
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 2000] = bytes(range(250)) * 8
        path.write_bytes(content)
    elif how != "no CRS":
        with rasterio.open(path, "r+") as dataset:
            if how == "rotated":
                dataset.transform = dataset.transform @ Affine.rotation(30)
            elif how == "GCP only":
                corners = [(0, 0, 460000, 4030000), (0, 60, 461200, 4030000), (60, 0, 460000, 4028800)]
                points = [GroundControlPoint(row, col, x, y) for row, col, x, y in corners]
                dataset.transform, dataset.gcps = Affine.identity(), (points, dataset.crs)
            elif how == "nothing but NaN":
                dataset.write(np.full(dataset.shape, np.nan, np.float32), 1)
    return path


MAY_PASS = ("overwritten", "nothing but NaN")
"""Numbers are numbers: without compression or checksum nothing tells that they are not what the satellite saw."""
HOW = ("cut", "overwritten", "no CRS", "rotated", "GCP only", "nothing but NaN")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("how", HOW)
def test_a_good_raster_spoilt(kkh: Run, home: Path, catalogue: Engine, tmp_path: Path, how: str) -> None:
    numbers = {name: band.astype(np.float32) / 10_000 for name, band in reflectances().items()}
    good = write_stack(tmp_path / "a_20230701.tif", numbers)
    crs = None if how == "no CRS" else "EPSG:32643"
    bad = spoil(write_stack(tmp_path / "b_20230715.tif", numbers, crs=crs), how)
    before = stored(catalogue)
    ended = kkh("ingest", "scene", bad, "--whole")
    assert ended.refused or (how in MAY_PASS and ended.done), ended
    assert "b_20230715" in ended.err + ended.out
    assert stored(catalogue) - before == int(ended.done)
    assert leftovers(home) == []
    found = kkh("detect", "landslide", "--before", good, "--after", bad, "--out", "changes.geojson")
    assert found.refused or (how in MAY_PASS and found.done), found
    assert (tmp_path / "changes.geojson").exists() == found.done
