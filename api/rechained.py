"""What follows when the road has another line: rasters beside it and ratings."""

from __future__ import annotations

from dataclasses import dataclass

from api.exposing import renew_layers
from hazard_db import risk
from hazard_db.connect import Connection


@dataclass(frozen=True)
class Followed:
    """What was renewed."""

    layers: int
    missing: tuple[str, ...]
    """Names of rasters whose file is not there."""
    ratings: int
    """How many differ from the ones before."""


def follow(conn: Connection) -> Followed:
    """Return what was renewed for the present alignment, in the caller's transaction."""
    layers, missing = renew_layers(conn)
    return Followed(layers, tuple(missing), risk.update(conn).changed)
