"""What every pass over the catalogue shares: its settings, what makes a run the same as one before, and what follows it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hazard_db import changes, risk, scenes
from hazard_db.connect import Connection, Engine, actor, transaction
from hazard_db.scenes import SceneRecord
from hazard_db.settings import Settings

PACKAGE = "kkh-hazard-watch"


class DetectionSettings(Settings):
    """How detection on the catalogue's scenes is done; prefix HAZARD_."""

    dem: Path | None = None
    """Elevation raster of the corridor; without it slopes are unknown and confidence is lower."""
    before_days: int = 400
    """How far back the dates before may lie."""
    season_days: int = 60
    """Dates before are taken from the same season, this many days around the day of the year, where there are any."""
    most_before: int = 6
    most_after: int = 4
    """Dates of one place, and of radar of one orbit, that are compared at most."""


def settings_with(dem: Path | None) -> DetectionSettings:
    """Return the installation's settings, with another elevation model where one is given."""
    return DetectionSettings() if dem is None else DetectionSettings(dem=dem)


@dataclass(frozen=True)
class RunKey:
    """What makes a run the same as one before: all that went in, and the code that looked."""

    sha256: str
    """Of the inputs."""
    code_version: str

    def is_stored(self, conn: Connection) -> bool:
        """Return whether the catalogue has this very run."""
        return changes.find_run(conn, self.sha256, self.code_version) is not None

    def stored_meanwhile(self, conn: Connection) -> bool:
        """Return whether another process has stored this very run; none does any more until this transaction ends."""
        scenes.lock(conn, f"run {self.sha256}")
        return self.is_stored(conn)


def run_key(inputs: Any) -> RunKey:
    """Return the key of a run of today's code on inputs that JSON can hold."""
    return RunKey(hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest(), version(PACKAGE))


def raster_paths(home: Path, part: Iterable[SceneRecord]) -> list[Path]:
    """Return the raster files of the scenes; an href is relative to the home unless it is absolute."""
    return [home / str(asset["href"]) for scene in part for asset in scene.assets.values()]


def rate_anew(engine: Engine, actor_name: str) -> None:
    """Bring the risk of all segments up to date with what a pass has stored."""
    with transaction(engine) as conn:
        actor(conn, actor_name)
        risk.update(conn)


def plain(value: Any) -> Any:
    """Return only what JSON can hold."""
    return json.loads(json.dumps(value, default=str))
