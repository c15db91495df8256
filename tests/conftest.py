"""Fixtures of every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.postgis import cluster, database, empty_database

__all__ = ["cluster", "database", "empty_database", "shared_data"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data; skips where it is absent (set HAZARD_TEST_DATA to point elsewhere)."""
    folder = Path(os.environ.get("HAZARD_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data is not on this machine ({folder} is absent; set HAZARD_TEST_DATA)")
    return folder
