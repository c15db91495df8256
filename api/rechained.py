"""What follows when the road has another line: what was seen of it, rasters beside it, ratings."""

from __future__ import annotations

from dataclasses import dataclass

from api.exposing import renew_layers
from hazard_db import rechaining, risk
from hazard_db.connect import Connection


@dataclass(frozen=True)
class Followed:
    """What was renewed."""

    looks: int
    """Of satellites at the former line, kept for segments of this one."""
    layers: int
    missing: tuple[str, ...]
    """Names of rasters whose file is not there."""
    ratings: int
    """How many differ from the ones before."""


def follow(conn: Connection) -> Followed:
    """Return what was renewed for the present alignment, in the caller's transaction."""
    looks = rechaining.carry_looks(conn)
    layers, missing = renew_layers(conn)
    return Followed(looks, layers, tuple(missing), risk.update(conn).changed)
