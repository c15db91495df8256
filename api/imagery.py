"""What follows when a scene has come in: the jobs that look at it, the urgent ones first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shapely.geometry import mapping

from api.ice import detect_ice
from api.landslides import detect_landslides
from api.scenegroups import is_radar
from hazard_db import queue, scenes
from hazard_db.connect import Connection, Engine, transaction
from hazard_db.progress import Progress
from hazard_db.scenes import SceneRecord

ICE = ("lake", "glacier")
"""Of which radar shows the first only."""


def defer_looks(conn: Connection, scene: SceneRecord) -> list[int]:
    """Return the jobs put into the queue to look at a scene, one a kind; those of one place are done in turn.

    Ice is measured in whole series: scenes of one place that come in while others wait are looked at together, and after
    what comes in faster.
    """
    urgency = queue.urgency(conn, mapping(scene.footprint))
    made = [
        queue.defer(
            conn, "look", {"kind": "landslide", "scenes": [scene.id], "subject": f"landslide {scene.id}"},
            key=f"look landslide {scene.id}", lock=f"landslide {place(scene)}", priority=urgency,
        )
    ]  # fmt: skip
    for kind in ICE if not is_radar(scene) else ICE[:1]:
        made.append(
            queue.gather(
                conn, "look", {"kind": kind, "scenes": [scene.id], "subject": f"{kind} {place(scene)}"}, into="scenes",
                lock=f"{kind} {place(scene)}", priority=urgency or queue.LATER,
            )
        )  # fmt: skip
    return [number for number in made if number is not None]


def place(scene: SceneRecord) -> str:
    """Return what scenes of one place have in common: the tile, else where the footprint lies to a tenth of a degree."""
    centre = scene.footprint.centroid
    return scene.grid_tile or f"{centre.x:.1f} {centre.y:.1f}"


def look(
    engine: Engine,
    home: Path,
    kind: str,
    names: Sequence[str],
    *,
    actor_name: str,
    progress: Progress,
) -> tuple[str, ...]:
    """Return what could not be looked at in scenes of one place, after storing what was found; safe to repeat."""
    with transaction(engine) as conn:
        found = [one for one in scenes.find(conn, ids=names) if one.superseded_by is None]
    if not found:
        return ()
    if kind != "landslide":
        only, since = {one.id for one in found}, found[0].acquired_at.date()
        return detect_ice(engine, home, kind, since=since, actor_name=actor_name, only=only, progress=progress).messages
    messages: list[str] = []
    for one in found:
        since = one.acquired_at.date()
        messages += detect_landslides(
            engine, home, since=since, actor_name=actor_name, only=one.id, progress=progress
        ).messages
    return tuple(messages)
