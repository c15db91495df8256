"""Retention: rasters that have served their time are removed, their records stay; safe to kill at any moment."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from hazard_db import connect, retention, scenes
from hazard_db.connect import Engine
from hazard_db.retention import Candidate, Policy
from hazard_db.settings import Settings
from ingest.imagery import shelf

Days = Annotated[int, Field(ge=1)] | None


class KeepSettings(Settings):
    """How long rasters are kept; prefix HAZARD_KEEP_."""

    model_config = SettingsConfigDict(env_prefix="HAZARD_KEEP_")

    scenes_days: Days = None
    superseded_days: Days = None
    evidence_days: Days = None
    newest: Annotated[int, Field(ge=1)] = 6

    def policy(self) -> Policy:
        """Return what is asked."""
        return Policy(**self.model_dump())


@dataclass(frozen=True)
class Removal:
    """What became of one candidate."""

    kind: str
    id: str
    reason: str
    held_by: str | None
    bytes: int


@dataclass(frozen=True)
class KeepReport:
    """What a policy brought, or would bring."""

    removed: tuple[Removal, ...]
    held: tuple[Removal, ...]
    dry_run: bool

    @property
    def freed_bytes(self) -> int:
        """Room that was made."""
        return sum(one.bytes for one in self.removed)


def apply(engine: Engine, home: Path, policy: Policy, *, actor_name: str, dry_run: bool = False) -> KeepReport:
    """Return what was removed and what was held back."""
    if not dry_run:
        shelf.clean(engine, home)
    with connect.transaction(engine) as conn:
        found = retention.candidates(conn, policy)
    removed, held = [], []
    for one in found:
        size = sum(path.stat().st_size for path in _files(home, one))
        if one.held_by is None and (dry_run or _remove(engine, home, policy, one, actor_name=actor_name, size=size)):
            removed.append(Removal(one.kind, one.id, one.reason, None, size))
        elif one.held_by is not None:
            held.append(Removal(one.kind, one.id, one.reason, one.held_by, size))
    return KeepReport(tuple(removed), tuple(held), dry_run)


def _remove(engine: Engine, home: Path, policy: Policy, one: Candidate, *, actor_name: str, size: int) -> bool:
    """Return whether it was removed: something may have come to rest on it since."""
    files = _files(home, one)
    with connect.transaction(engine) as conn:
        connect.actor(conn, actor_name)
        scenes.lock(conn, scenes.PUBLISH_LOCK)
        if not any(still.id == one.id and still.held_by is None for still in retention.candidates(conn, policy)):
            return False
        if one.kind == "evidence":
            retention.forget_result(conn, one.id)
        else:
            for folder in {path.parent for path in files}:  # a kill after the commit leaves a mark for `shelf.clean`
                (folder / shelf.PENDING).write_text(scenes.identity(conn))
            retention.forget_scene(conn, one.id, {"reason": one.reason, "bytes": size})
    for path in files:
        if one.kind == "scene" and path.parent.parent == home / shelf.RASTERS:
            shutil.rmtree(path.parent, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return True


def _files(home: Path, one: Candidate) -> list[Path]:
    """Return the files below the home; what lies elsewhere is not ours to remove."""
    hrefs = [str(asset["href"]) for asset in one.assets.values()]
    return [home / href for href in hrefs if not Path(href).is_absolute() and (home / href).is_file()]
