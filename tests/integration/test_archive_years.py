"""Years of scenes out of archives where everything goes wrong, each once in effect; `benchmarks/archive_years.py` is the long form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hazard_db import connect, seed
from tests import archive_years
from tests.archive_scenes import day
from tests.archive_server import Faults
from tests.phones import settings_of

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("kind", ["static", "post", "get"])
def test_every_scene_is_there_once_however_the_archive_is_laid_out(
    database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("HAZARD_ARCHIVE_ALLOWED_NETWORKS", '["127.0.0.0/8"]')
    monkeypatch.setattr("ingest.imagery.archives.api.PAGE", 4)
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    where = archive_years.places(database.app_engine, 3)
    years = archive_years.simulate(tmp_path / "archive", where, [day(0, year) for year in (2020, 2021, 2022)], seed=3)
    home = tmp_path / "home"
    told = archive_years.run(
        database.engine, database.app_engine, settings_of(database, home), years, kind, Faults(**archive_years.FAULTS)
    )
    assert told["items_listed"] > told["items_distinct"] > told["acquisitions"] == 12
    assert told["items_by_state"] == {"done": told["items_distinct"]}
    assert (told["scenes"], told["current_scenes"]) == (told["items_distinct"], told["acquisitions"])
    assert told["folders"] == told["scenes"]
    assert told["valid_cogs"] == told["rasters"] > 0
    for none in ("lost", "too_many"):
        assert told[none] == []
    for nought in (
        "acquisitions_doubled", "not_looked_at", "looked_at_twice", "other_pixels", "left_behind", "jobs_failed", "jobs_waiting",
    ):  # fmt: skip
        assert told[nought] == 0, nought
