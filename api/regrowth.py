"""Known landslides beside the scenes of one season of all years: which of them are overgrown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import shapely

from api.passes import run_key
from detection.methods import regrowth as method
from detection.regrowth import find_regrown
from hazard_db.changes import RunRecord
from hazard_db.connect import Engine, actor, transaction
from hazard_db.regrowth import KIND, Overgrown, bare_slides, store_overgrown
from hazard_db.scenes import SceneRecord

PARAMETERS = {"vegetated": method.VEGETATED, "least_loss": method.LEAST_LOSS, "back": method.BACK}


def note_overgrown(
    engine: Engine, new: Sequence[SceneRecord], season: Sequence[SceneRecord], paths: Sequence[Path], actor_name: str
) -> tuple[int, ...]:
    """Return the changes that new scenes, and those of their season in other years, show overgrown, after noting it.

    No alert is made of it, and a landslide is noted once until it moves again.

    Parameters
    ----------
    paths
        Raster files of the season.

    Raises
    ------
    RasterError, DetectionError
        A file cannot be used.
    """
    started = datetime.now(UTC)
    footprint = shapely.union_all([scene.footprint for scene in new])
    with transaction(engine) as conn:
        slides = bare_slides(conn, footprint)
    if not slides:
        return ()
    told = {
        number: Overgrown(
            one.share,
            one.seen_on,
            {"ndvi_before": one.ndvi_before, "ndvi_bare": one.ndvi_bare, "ndvi_now": one.ndvi_now},
        )
        for number, one in find_regrown(paths, slides).items()
    }
    inputs = [{"scene": scene.id, "role": "series", "sha256": scene.checksum} for scene in season]
    key = run_key(inputs)
    run = RunRecord(
        kind=KIND,
        method="regrowth",
        method_version=key.code_version,
        parameters=PARAMETERS,
        inputs=inputs,
        inputs_sha256=key.sha256,
        code_version=key.code_version,
        started_at=started,
        finished_at=datetime.now(UTC),
        observed_share=None,
        stats={"looked_at": len(slides), "overgrown": len(told)},
        footprint_wkb=shapely.to_wkb(footprint),
    )
    with transaction(engine) as conn:
        actor(conn, actor_name)
        return store_overgrown(conn, run, told)
