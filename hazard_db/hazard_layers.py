"""Rasters that the road is compared with, and what the strip beside each segment holds of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import InputError, NotFoundError

LAYERS = ("susceptibility", "run_out")


@dataclass(frozen=True)
class LayerRecord:
    """A raster of 0 to 1."""

    name: str
    layer: str
    """Out of LAYERS."""
    hazard: str
    href: str
    sha256: str
    made_on: date
    buffer_m: float
    bounds: tuple[float, float, float, float]
    """West, south, east, north, EPSG:4326."""
    card: Mapping[str, Any]
    """How it was made and how well it does."""


@dataclass(frozen=True)
class SegmentValue:
    """What the strip beside a segment holds of a raster."""

    segment_id: int
    maximum: float
    mean: float
    reached_share: float
    covered_share: float


def store(conn: Connection, record: LayerRecord, values: Sequence[SegmentValue]) -> int:
    """Return the number of a layer that now stands under its name; one of that name before is kept as superseded.

    Raises
    ------
    InputError
        It is no layer that is known, or holds values beyond 0 to 1.
    """
    if record.layer not in LAYERS:
        raise InputError(f"{record.name}: {record.layer} is no layer; known are {', '.join(LAYERS)}")
    beyond = [value.maximum for value in values if not 0 <= value.maximum <= 1]
    if beyond:
        raise InputError(f"{record.name}: holds {beyond[0]:g} beside the road; a layer holds 0 to 1, scale it first")
    conn.execute(
        text("UPDATE hazard_layer SET superseded_at = now() WHERE name = :name AND superseded_at IS NULL"),
        {"name": record.name},
    )
    west, south, east, north = record.bounds
    layer: int = conn.execute(
        text("""INSERT INTO hazard_layer (name, layer, hazard, href, sha256, made_on, card, buffer_m, geom)
                VALUES (:name, :layer, :hazard, :href, :sha256, :made_on, CAST(:card AS jsonb), :buffer_m,
                        ST_MakeEnvelope(:west, :south, :east, :north, 4326)) RETURNING id"""),
        {
            **vars(record),
            "card": json.dumps(dict(record.card)),
            "west": west,
            "south": south,
            "east": east,
            "north": north,
        },
    ).scalar_one()
    set_values(conn, layer, values)
    return layer


def set_values(conn: Connection, layer: int, values: Sequence[SegmentValue]) -> None:
    """Make these the values of a layer along the current alignment."""
    conn.execute(
        text("""DELETE FROM segment_layer WHERE layer_id = :layer
                AND segment_id IN (SELECT id FROM segment WHERE alignment_id = current_alignment())"""),
        {"layer": layer},
    )
    if values:
        conn.execute(
            text("""INSERT INTO segment_layer (layer_id, segment_id, maximum, mean, reached_share, covered_share)
                    VALUES (:layer, :segment_id, :maximum, :mean, :reached_share, :covered_share)"""),
            [{"layer": layer, **vars(value)} for value in values],
        )


def list_layers(conn: Connection) -> list[dict[str, Any]]:
    """Return the layers that stand, with the number of segments each speaks of."""
    rows = conn.execute(
        text("""SELECT y.id, y.name, y.layer, y.hazard, y.href, y.sha256, y.made_on, y.buffer_m, y.card, y.created_at, y.created_by,
                       (SELECT count(*) FROM segment_layer AS v JOIN segment AS s ON s.id = v.segment_id
                        WHERE v.layer_id = y.id AND s.alignment_id = current_alignment()) AS segments
                FROM hazard_layer AS y WHERE y.superseded_at IS NULL ORDER BY y.name""")
    )
    return [dict(row._mapping) for row in rows]


def along(conn: Connection, km_from: float, km_to: float) -> list[dict[str, Any]]:
    """Return what the layers that stand hold beside the segments of a stretch."""
    rows = conn.execute(
        text("""SELECT s.id AS segment_id, s.km_from, s.km_to, y.name, y.layer, y.hazard, y.made_on, v.maximum, v.mean,
                       v.reached_share, v.covered_share, y.buffer_m
                FROM segment AS s JOIN segment_layer AS v ON v.segment_id = s.id JOIN hazard_layer AS y ON y.id = v.layer_id
                WHERE s.alignment_id = current_alignment() AND y.superseded_at IS NULL
                  AND s.km_to > :km_from AND s.km_from < :km_to ORDER BY s.km_from, y.name"""),
        {"km_from": km_from, "km_to": km_to},
    )
    return [dict(row._mapping) for row in rows]


def retire(conn: Connection, name: str) -> None:
    """Have a layer count no more; it stays on record.

    Raises
    ------
    NotFoundError
        None of that name stands.
    """
    done = conn.execute(
        text("UPDATE hazard_layer SET superseded_at = now() WHERE name = :name AND superseded_at IS NULL"),
        {"name": name},
    )
    if done.rowcount == 0:
        raise NotFoundError(f"there is no layer {name}; `kkh risk layers` lists them")
