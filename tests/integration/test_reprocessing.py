"""An archive is worked through date by date, on whatever does the blocks, and goes on where it was ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api import archives as watching
from api import landslides
from detection.scheduling import Crew
from hazard_db import archives, connect, seed
from ingest.imagery.remote import ArchiveSettings
from tests.archive_scenes import day, sentinel2
from tests.archive_server import server, write_catalogue

pytestmark = pytest.mark.integration

DATES = 4


class Counting(ThreadPoolExecutor):
    """Threads that count what they are given."""

    given = 0

    def submit(self, work: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        """Count, and do it."""
        self.given += 1
        return super().submit(work, *args, **more)


@pytest.fixture
def catalogue(database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a catalogue with the dates of one place."""
    monkeypatch.setenv("HAZARD_ARCHIVE_ALLOWED_NETWORKS", '["127.0.0.0/8"]')
    monkeypatch.setenv("HAZARD_ARCHIVE_REQUESTS_PER_S", "1000")
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    folder = tmp_path / "archive"
    root = write_catalogue(folder, "sentinel-2-l2a", [sentinel2(folder, day(n), seed=n) for n in range(DATES)])
    made = server(folder)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    settings, url = ArchiveSettings(), f"http://127.0.0.1:{made.server_address[1]}/{root}"
    archive = watching.watch(database.app_engine, url, "sentinel-2-l2a", None, settings)
    watching.list_items(database.app_engine, archive, settings, lambda line, share: None, defer=False)
    with connect.transaction(database.app_engine) as conn:
        waiting = archives.waiting(conn, archive.id)
    for key, version in waiting:
        watching.take(
            database.app_engine, tmp_path, archive.id, key, version, settings=settings, actor_name="t",
            tell=lambda line, share: None, looks=False,
        )  # fmt: skip
    made.shutdown()
    made.server_close()
    return database


def test_a_year_is_worked_through_and_goes_on_where_it_stood(
    catalogue: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    really = landslides.run_landslide

    def looking(before: Any, after: Any, *args: Any, **more: Any) -> Any:
        if len(looked) == 2:
            looked.append("killed")
            raise KeyboardInterrupt
        looked.append(after[0].parent.name[10:18])
        return really(before, after, *args, **more)

    def detect(crew: Crew | None = None) -> landslides.DetectionReport:
        return landslides.detect_landslides(
            catalogue.app_engine, tmp_path, since=date(2023, 6, 2), actor_name="t", each=True, crew=crew
        )

    monkeypatch.setattr(landslides, "run_landslide", looking)
    with pytest.raises(KeyboardInterrupt):
        detect()
    with Counting(2) as pool:
        report = detect(Crew(pool, 2))
    assert (report.skipped, report.runs) == (2, 1)
    assert looked == ["20230606", "20230611", "killed", "20230616"]
    assert pool.given > 0
    assert detect().skipped == DATES - 1
    with connect.transaction(catalogue.engine) as conn:
        runs = conn.execute(text("SELECT inputs FROM detection_run ORDER BY id")).scalars().all()
    assert [[one["role"] for one in run].count("after") for run in runs] == [3, 2, 1]
    assert not list((tmp_path / "work").iterdir())
