"""What follows when a scene has come in: the jobs that look at it, the urgent ones first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shapely.geometry import mapping

from api.ice import detect_ice
from api.pipeline import detect_landslides, is_radar
from hazard_db import queue, scenes
from hazard_db.connect import Connection, Engine, transaction
from hazard_db.scenes import SceneRecord

KINDS = ("landslide", "lake", "glacier")


def defer_looks(conn: Connection, scene: SceneRecord) -> list[int]:
    """Return the jobs put into the queue to look at a scene, one a kind; those of one place are done in turn."""
    urgency = queue.urgency(conn, mapping(scene.footprint))
    made = [
        queue.defer(
            conn,
            "look",
            {"kind": kind, "scene": scene.id, "subject": f"{kind} {scene.id}"},
            key=f"look {kind} {scene.id}",
            lock=f"{kind} {place(scene)}",
            priority=urgency,
        )
        for kind in KINDS
        if not (kind == "glacier" and is_radar(scene))
    ]
    return [number for number in made if number is not None]


def place(scene: SceneRecord) -> str:
    """Return what scenes of one place have in common: the tile, else where the footprint lies to a tenth of a degree."""
    centre = scene.footprint.centroid
    return scene.grid_tile or f"{centre.x:.1f} {centre.y:.1f}"


def look(
    engine: Engine, home: Path, kind: str, scene_id: str, *, actor_name: str, progress: Callable[[str, float], None]
) -> tuple[str, ...]:
    """Return what could not be looked at in a scene, after storing what was found; safe to repeat."""
    with transaction(engine) as conn:
        scene = scenes.get(conn, scene_id)
    if scene.superseded_by is not None:
        return ()
    since = scene.acquired_at.date()
    if kind == "landslide":
        return detect_landslides(
            engine, home, since=since, actor_name=actor_name, only=scene_id, progress=progress
        ).messages
    return detect_ice(engine, home, kind, since=since, actor_name=actor_name, only=scene_id, progress=progress).messages
