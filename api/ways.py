"""The ways down to the road on an elevation model, for lakes and glaciers that have none yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detection.cascades import Source, ways
from detection.rasterfiles import sha256
from hazard_db import cascades
from hazard_db.cascades import Kind
from hazard_db.connect import Connection


@dataclass(frozen=True)
class WaysReport:
    """What looking for ways brought."""

    looked: int
    """Lakes and glaciers near the road that had no way on this elevation model."""
    found: int
    """Those of them that lie on the model."""
    meeting: int
    """Those of them whose way comes to the road."""


def update_ways(
    conn: Connection, dem: Path, kinds: Sequence[Kind] = ("lake", "glacier"), ids: Sequence[int] | None = None
) -> WaysReport:
    """Return what was found, in the caller's transaction.

    Parameters
    ----------
    ids
        Of the one kind that is asked for; None = all of the catalogue.

    Raises
    ------
    RasterError
        The elevation model cannot be read.
    """
    checksum = sha256(str(dem)) or str(dem)
    looked = found = meeting = 0
    for kind in kinds:
        origins = cascades.origins(conn, kind, ids, without=checksum)
        paths = [
            cascades.Path(kind, way.key, way.line, way.pixel_m)
            for way in ways(dem, [Source(one.id, one.area) for one in origins])
        ]
        looked, found = looked + len(origins), found + len(paths)
        meeting += cascades.store(conn, paths, dem=dem.name, dem_sha256=checksum)
    return WaysReport(looked, found, meeting)
