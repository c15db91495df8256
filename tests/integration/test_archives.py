"""Archives over HTTP, with all that goes wrong there: every scene once in effect, nothing lost, nobody harassed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate
from sqlalchemy import text

from api import archives as watching
from api import jobs, triggering, worker
from hazard_db import archives, connect, queue, scenes, seed
from hazard_db.alerts import list_alerts
from hazard_db.errors import SourceError
from hazard_db.triggers import sources
from ingest.imagery import signing
from ingest.imagery.archives import recognise
from ingest.imagery.polite import Manners, Polite
from ingest.imagery.remote import ArchiveSettings, Fetcher
from tests.archive_scenes import day, multihash, sentinel2
from tests.archive_server import Faults, server, write_catalogue
from tests.phones import settings_of

pytestmark = pytest.mark.integration

LOCAL = ArchiveSettings(allowed_networks=["127.0.0.0/8"]).allowed_networks
Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a function that serves the folder `archive` and returns its address."""
    running = []

    def start(**faults: Any) -> str:
        made = server(tmp_path / "archive", Faults(**faults))
        threading.Thread(target=made.serve_forever, daemon=True).start()
        running.append(made)
        return f"http://127.0.0.1:{made.server_address[1]}"

    yield start
    for one in running:
        one.shutdown()
        one.server_close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask without pauses."""
    monkeypatch.setattr(
        ArchiveSettings, "manners",
        lambda self: Manners(10_000.0, attempts=12, first_pause_s=0.001, allowed_networks=self.allowed_networks),
    )  # fmt: skip
    monkeypatch.setenv("HAZARD_ARCHIVE_ALLOWED_NETWORKS", '["127.0.0.0/8"]')


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often each scene was looked at for landslides, by a worker that only counts."""
    seen: Counter[str] = Counter()

    def look(tools: jobs.Tools, *, kind: str, scenes: list[str]) -> None:
        del tools
        seen.update(scenes if kind == "landslide" else [])

    monkeypatch.setattr(worker, "TASKS", {**jobs.TASKS, "look": look})
    monkeypatch.setattr(worker, "JOBS", {})
    return seen


def work(database: Any, home: Path) -> None:
    worker.run(settings_of(database, home), threading.Event(), concurrency=2, wait=False)


def ask(database: Any, url: str) -> archives.Archive:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    archive = watching.watch(database.app_engine, url, "sentinel-2-l2a", None, ArchiveSettings())
    with connect.transaction(database.app_engine) as conn:
        watching.defer_ask(conn, archive)
    return archive


@pytest.mark.usefixtures("hurried")
def test_every_scene_is_taken_once_in_effect_whatever_goes_wrong(
    database: Any, tmp_path: Path, serve: Serve, looks: Counter[str]
) -> None:
    folder, home = tmp_path / "archive", tmp_path / "home"
    first = [sentinel2(folder, day(n), seed=n, checksums=n % 2 == 0) for n in range(6)]
    newer = [
        sentinel2(folder, day(n), seed=n, made=day(n) + timedelta(days=300), baseline="05.10", checksums=n % 2 == 0)
        for n in (1, 2)
    ]
    items = [first[4], newer[0], first[0], first[5], first[4], first[1], first[3], first[2], first[0]]
    root = write_catalogue(folder, "sentinel-2-l2a", items)
    url = f"{serve(error=0.1, cut=0.1, slow=0.1, slow_s=0.002, wrong=0.1)}/{root}"
    archive = ask(database, url)
    work(database, home)
    write_catalogue(folder, "sentinel-2-l2a", [*items, newer[1]])  # processed again after it was taken
    with connect.transaction(database.app_engine) as conn:
        watching.defer_ask(conn, archive)
    for _ in range(3):  # what fell is put off, and due at once here
        with connect.transaction(database.engine) as conn:
            conn.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"))
        work(database, home)
    with connect.transaction(database.app_engine) as conn:
        current, every = scenes.find(conn), scenes.find(conn, superseded=True)
        assert archives.tally(conn, archive.id) == {"done": 8}
        assert queue.backlog(conn).failed == queue.backlog(conn).waiting == 0
    assert len(every) == 8
    assert len({one.properties["acquisition"] for one in every}) == len(current) == 6
    assert {one.id for one in current} >= {newer[0]["id"], newer[1]["id"]}
    assert {one.superseded_by for one in every} == {None, newer[0]["id"], newer[1]["id"]}
    assert set(looks) >= {one.id for one in current}
    assert sorted(path.name for path in (home / "rasters").iterdir() if not path.name.startswith(".")) == sorted(
        one.id for one in every
    )
    assert not list((home / "downloads").iterdir())
    for one in every:
        number = next(n for n in range(6) if day(n) == one.acquired_at)
        check(home, folder, one, number)


def check(home: Path, folder: Path, scene: scenes.SceneRecord, number: int) -> None:
    """Hold what was stored against what the archive has, offset and all."""
    path = home / scene.assets["reflectance"]["href"]
    assert cog_validate(path)[0]
    with rasterio.open(path) as stored, rasterio.open(folder / "data" / scene.id / "red.tif") as red:
        kept = stored.read(3).astype(int)
        window = stored.window(*red.bounds)
        assert (window.col_off, window.row_off) == (0, 0)
        wanted = red.read(1).astype(int) - 1000
        assert stored.shape == wanted.shape
        assert (kept == wanted)[kept != stored.nodata].all()
        assert (kept != stored.nodata).mean() > 0.9
    assert scene.grid_tile == "43SDA"
    assert number >= 0


@pytest.mark.usefixtures("hurried")
def test_only_the_part_along_the_road_comes_over_the_wire(
    database: Any, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.imagery.remote.BUFFER_M", 500.0)
    folder = tmp_path / "archive"
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    side = 1500
    values = {
        name: np.random.default_rng(1).integers(1300, 3000, (side * 10 // pixel,) * 2).astype(np.uint16)
        for name, pixel in {"blue": 10, "green": 10, "red": 10, "nir": 10, "swir16": 20, "swir22": 20}.items()
    } | {"scl": np.full((side // 2, side // 2), 4, np.uint8)}
    made = sentinel2(
        folder, day(0), checksums=False, values=values, west=486_000.0 - 14_000, north=4_022_000.0 + 14_000
    )
    root = write_catalogue(folder, "sentinel-2-l2a", [made])
    polite = Polite(ArchiveSettings().manners())
    archive = watching.watch(database.app_engine, f"{serve()}/{root}", "sentinel-2-l2a", None, ArchiveSettings())
    with closing(polite), connect.transaction(database.app_engine) as conn:
        (item,) = watching.SOURCES[archive.kind].items(
            polite, archive.url, archive.collection, watching.corridor.buffer(conn, 10_000), None
        )
    from ingest.imagery.remote import ingest_item

    before = polite.traffic.bytes
    with closing(Polite(ArchiveSettings().manners())) as fresh:
        report = ingest_item(
            database.app_engine, item, home=tmp_path / "home", polite=fresh, settings=ArchiveSettings(), actor="t",
            progress=lambda text, share: None,
        )  # fmt: skip
        got = fresh.traffic.bytes
    whole = sum(path.stat().st_size for path in (folder / "data").rglob("*.tif"))
    assert before < got < 0.7 * whole
    assert "no checksum was compared" in " ".join(report.notes)


def test_what_broke_off_goes_on_where_it_stood_and_a_wrong_checksum_is_found(tmp_path: Path, serve: Serve) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.bin").write_bytes(np.random.default_rng(1).bytes(3_000_000))
    manners = Manners(10_000.0, attempts=30, first_pause_s=0.0, allowed_networks=LOCAL)
    with closing(Polite(manners)) as polite:
        url = f"{serve(cut=0.8)}/a.bin"
        polite.download(url, tmp_path / "a.bin", multihash=multihash(folder / "a.bin"))
        assert (tmp_path / "a.bin").read_bytes() == (folder / "a.bin").read_bytes()
        assert polite.traffic.bytes < 2 * 3_000_000
        with pytest.raises(SourceError, match="checksum"):
            polite.download(f"{serve()}/a.bin", tmp_path / "b.bin", multihash="1220" + "0" * 64)
    assert not (tmp_path / "b.bin").exists()


def test_private_addresses_are_not_asked_without_permission(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "archive").mkdir()
    with closing(Polite(Manners(attempts=1))) as polite:
        with pytest.raises(SourceError, match="not a public address"):
            recognise(polite, f"{serve()}/catalog.json")
        with pytest.raises(SourceError, match="only http"):
            polite.fetch("file:///etc/passwd")


@pytest.mark.usefixtures("hurried", "looks")
def test_an_archive_that_does_not_answer_is_told_and_asked_again(database: Any, tmp_path: Path, serve: Serve) -> None:
    folder = tmp_path / "archive"
    root = write_catalogue(folder, "sentinel-2-l2a", [sentinel2(folder, day(0))])
    archive = ask(database, f"{serve()}/{root}")
    (folder / root).unlink()
    work(database, tmp_path / "home")
    with connect.transaction(database.app_engine) as conn:
        state = next(one for one in sources.states(conn) if one.name == archive.name)
        (job,) = queue.jobs(conn)
    assert "404" in (state.error or "")
    assert (job.status, job.attempts) == ("todo", 1)


@pytest.mark.usefixtures("hurried", "looks")
def test_a_damaged_item_is_told_and_keeps_no_other_from_being_taken(
    database: Any, tmp_path: Path, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "archive"
    good = [sentinel2(folder, day(n), seed=n) for n in range(2)]
    damaged = [{**good[0], "id": "no-place", "geometry": None}, {**good[0], "id": "no-time", "properties": {}}]
    root = write_catalogue(folder, "sentinel-2-l2a", [damaged[0], good[0], damaged[1], good[1]])
    archive = ask(database, f"{serve()}/{root}")
    work(database, tmp_path / "home")
    with connect.transaction(database.app_engine) as conn:
        assert archives.tally(conn, archive.id) == {"done": 2}
    told = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert [line.rpartition("refused: ")[2].partition(":")[0] for line in told] == ["no-place", "no-time"]


@pytest.mark.usefixtures("hurried", "looks")
def test_an_archive_that_brings_nothing_new_for_too_long_raises_an_alert(
    database: Any, tmp_path: Path, serve: Serve
) -> None:
    folder = tmp_path / "archive"
    root = write_catalogue(folder, "sentinel-2-l2a", [sentinel2(folder, day(0))])
    archive = ask(database, f"{serve()}/{root}")
    work(database, tmp_path / "home")

    def alerts_after(hours: int) -> list[str]:
        with connect.transaction(database.engine) as conn:
            conn.execute(text("UPDATE source SET answered_at = now() - make_interval(hours => :h)"), {"h": hours})
        with connect.transaction(database.app_engine) as conn:
            watching.defer_ask(conn, archive)
        work(database, tmp_path / "home")  # it answers, with what is known already
        with connect.transaction(database.app_engine) as conn:
            triggering.listen(conn, "t")
            return [one.headline["en"] for one in list_alerts(conn) if "silent" in one.kind]

    assert alerts_after(100) == []
    (headline,) = alerts_after(130)
    assert archive.name in headline or "silent" in headline.lower()


def test_signed_addresses_and_mirrors_are_used_and_secrets_not_told(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "archive"
    made = sentinel2(folder, day(0), checksums=False)
    address, asked = serve(), Counter[str]()

    def sign(polite: Polite, href: str) -> str:
        asked.update([href.rpartition("/")[2]])
        return href.replace("https://locked.example", address) + "?token=secret"

    monkeypatch.setattr(signing, "SIGNS", {"https://locked.example": sign})
    there = f"data/{made['id']}"
    asset = {
        "href": f"{address}/gone/red.tif",
        "alternate": {
            "dead": {"href": "http://127.0.0.1:9/red.tif"},
            "locked": {"href": f"https://locked.example/{there}/red.tif"},
        },
    }
    with closing(Polite(Manners(10_000.0, attempts=2, first_pause_s=0.0, allowed_networks=LOCAL))) as polite:
        layer = Fetcher(polite, tmp_path / "d", 0.0, "x")("red", asset)
        assert layer.opener is not None
        wanted = (folder / there / "red.tif").read_bytes()
        assert layer.opener(layer.href).read() == wanted
        whole = asset | {"file:checksum": multihash(folder / there / "red.tif"), "file:size": len(wanted)}
        stored = Fetcher(polite, tmp_path / "d", 1e9, "x")("red", whole)
        assert Path(stored.href).read_bytes() == wanted
        del asset["alternate"]["locked"]
        with pytest.raises(SourceError) as told:
            Fetcher(polite, tmp_path / "e", 1e9, "x")("red", whole | {"file:checksum": "1220" + "0" * 64})
    assert asked["red.tif"] >= 2
    assert "secret" not in str(told.value)


def test_from_the_command_line(database: Any, tmp_path: Path, serve: Serve) -> None:
    folder = tmp_path / "archive"
    root = write_catalogue(folder, "sentinel-2-l2a", [sentinel2(folder, day(n), seed=n) for n in range(3)])
    url = f"{serve()}/{root}"

    def kkh(*command: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ, "HAZARD_HOME": str(tmp_path / "home"), "HAZARD_DATABASE_URL": database.url,
            "HAZARD_DATABASE_APP_URL": database.app_url, "HAZARD_DATABASE_PUBLIC_URL": database.public_url,
            "HAZARD_ARCHIVE_ALLOWED_NETWORKS": '["127.0.0.0/8"]', "HAZARD_ARCHIVE_REQUESTS_PER_S": "1000",
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "api.cli", *command], env=environment, capture_output=True, text=True, check=False
        )

    late = kkh("ingest", "stac", url, "--collection", "sentinel-2-l2a", "--since", "2023-06-05")
    assert "2 of 2 items were new: 2 scenes stored" in late.stdout, late.stderr
