"""The folders of rasters under HAZARD_HOME, and how one comes to be there together with its row.

A scene is written in `.incoming/<key>/`, renamed to `<scene id>/` as the last thing before the
commit, and carries a mark until the commit is known to have happened. What a killed ingest leaves
behind therefore shows by its mark and is removed by the next one.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hazard_db import scenes
from hazard_db.connect import Connection, Engine, transaction
from hazard_db.scenes import SceneRecord

log = logging.getLogger(__name__)

RASTERS = "rasters"
INCOMING = ".incoming"
PENDING = ".pending"
"""File in a scene's folder until its row is committed; holds the identity of the catalogue."""


def clean(engine: Engine, home: Path) -> list[str]:
    """Return the folders removed that a killed ingest of this catalogue left behind."""
    rasters = home / RASTERS
    removed: list[str] = []
    if not rasters.is_dir():
        return removed
    with transaction(engine) as conn:
        scenes.lock(conn, scenes.PUBLISH_LOCK)
        own = scenes.identity(conn)
        for marker in sorted(rasters.glob(f"*/{PENDING}")):
            if _marked(marker) != own:
                continue
            if scenes.with_asset_folder(conn, f"{RASTERS}/{marker.parent.name}/"):
                marker.unlink()  # committed, and killed before the mark was taken off
            else:
                shutil.rmtree(marker.parent)
                removed.append(marker.parent.name)
        for marker in sorted(rasters.glob(f"{INCOMING}/*/{PENDING}")):
            # Whoever still writes there holds the lock of that name.
            if _marked(marker) == own and scenes.try_lock(conn, marker.parent.name):
                shutil.rmtree(marker.parent)
                removed.append(marker.parent.name)
    for name in removed:
        log.info("removed %s, left behind by an ingest that was killed", name)
    return removed


def prepare(folder: Path, identity: str) -> None:
    """Make an empty folder that says whose it is."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / PENDING).write_text(identity)


def complete(rasters: Path, scene: SceneRecord) -> bool:
    """Return whether every raster of a scene is on the disk."""
    return bool(scene.assets) and all(
        (rasters.parent / str(asset["href"])).is_file() for asset in scene.assets.values()
    )


def publish(
    conn: Connection, rasters: Path, folder: Path, record: SceneRecord, known: SceneRecord | None
) -> tuple[Path, SceneRecord, str | None]:
    """Return the folder, the scene as stored, and what it supersedes; the folder is renamed last."""
    scenes.lock(conn, scenes.PUBLISH_LOCK)
    name = known.id if known is not None else record.id
    if known is None and scenes.existing(conn, [name]):
        name = f"{name}-{str(record.properties['content_key'])[:8]}"
    final = _free_folder(rasters, name)
    assets = {
        asset: {**values, "href": f"{RASTERS}/{final.name}/{values['href']}"} for asset, values in record.assets.items()
    }
    stored = replace(record if known is None else known, id=name, assets=assets)
    supersedes = None
    if known is not None:
        scenes.replace_assets(conn, name, assets)
    else:
        stored, supersedes = _ranked(conn, stored)
        scenes.insert_scene(conn, stored)
        if supersedes is not None:
            scenes.supersede(conn, older=supersedes, newer=name)
    folder.rename(final)
    _sync(rasters)
    return final, stored, supersedes


def _marked(marker: Path) -> str:
    try:
        return marker.read_text()
    except OSError:
        return ""


def _ranked(conn: Connection, scene: SceneRecord) -> tuple[SceneRecord, str | None]:
    """Return the scene, and the current one of the same acquisition that it replaces; or marked as replaced itself."""
    same = scenes.with_property(conn, "acquisition", str(scene.properties["acquisition"]))
    current = next((one for one in same if one.superseded_by is None), None)
    if current is None:
        return scene, None
    if _rank(scene.properties) >= _rank(current.properties):
        return scene, current.id
    return replace(scene, properties={**scene.properties, "superseded_by": current.id}), None


def _rank(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Return what orders processings of one acquisition: when they were made, then by which version."""
    return str(properties.get("generated_at", "")), str(properties.get("processing_baseline", ""))


def _free_folder(rasters: Path, name: str) -> Path:
    """Return a folder name that nobody uses; another catalogue may keep its rasters under the same home."""
    candidate, number = rasters / name, 2
    while candidate.exists():
        candidate, number = rasters / f"{name}-{number}", number + 1
    return candidate


def _sync(folder: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
