"""Which records of a list are asked for: kilometres, box, place, kind, days, words; all filters together."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Around:
    """Within a distance of a place."""

    lon: float
    lat: float
    metres: float


@dataclass(frozen=True)
class Window:
    """Which records of a list: all filters together."""

    km_from: float | None = None
    km_to: float | None = None
    bbox: tuple[float, float, float, float] | None = None
    """West, south, east, north in degrees."""
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""
    words: str | None = None
    """Text that a record holds, in small or capital letters."""
    around: Around | None = None
    limit: int = 100
    offset: int = 0

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of the filters by the names the statements use."""
        corners = dict(zip(("west", "south", "east", "north"), self.bbox or (None,) * 4, strict=True))
        there = self.around
        place = {
            "place_lon": there.lon if there else None, "place_lat": there.lat if there else None,
            "within_m": there.metres if there else None,
        }  # fmt: skip
        named = ("km_from", "km_to", "kind", "since", "until", "words", "limit", "offset")
        return {name: getattr(self, name) for name in named} | corners | place


# a degree of longitude is at least 60 km long up to 57° N: the box that the index takes is never too small
FILTER = """
    (CAST(:kind AS text) IS NULL OR kind = :kind)
    AND (CAST(:km_from AS float8) IS NULL OR chainage_km >= :km_from)
    AND (CAST(:km_to AS float8) IS NULL OR chainage_km <= :km_to)
    AND (CAST(:west AS float8) IS NULL OR geom && ST_MakeEnvelope(:west, :south, :east, :north, 4326))
    AND (CAST(:place_lon AS float8) IS NULL OR (
        geom && ST_Expand(ST_SetSRID(ST_MakePoint(:place_lon, :place_lat), 4326), :within_m / 60000.0)
        AND ST_DWithin(CAST(geom AS geography), CAST(ST_SetSRID(ST_MakePoint(:place_lon, :place_lat), 4326) AS geography), :within_m)))
"""


def containing(*columns: str) -> str:
    """Return the condition that one of the columns holds the words that are asked for."""
    whole = " || ' ' || ".join(f"coalesce({column}, '')" for column in columns)
    return f"(CAST(:words AS text) IS NULL OR strpos(lower({whole}), lower(:words)) > 0)"


def find_place(conn: Connection, name: str) -> tuple[float, float] | None:
    """Return longitude and latitude of a place along the road, or of a site by its code or name; None where none is known."""
    row = conn.execute(
        text("""SELECT ST_X(geom), ST_Y(geom) FROM (
                    SELECT geom, place AS name, 0 AS rank FROM calibration_point WHERE alignment_id = current_alignment()
                    UNION ALL SELECT geom, name, 1 FROM structure
                    UNION ALL SELECT ST_PointOnSurface(geom), code, 2 FROM site
                    UNION ALL SELECT ST_PointOnSurface(geom), name, 3 FROM site
                    UNION ALL SELECT ST_SetSRID(ST_MakePoint(lon, lat), 4326), place, 4
                    FROM unnest(CAST(:places AS text[]), CAST(:lons AS float8[]), CAST(:lats AS float8[])) AS town(place, lon, lat)
                ) AS known
                WHERE lower(name) = lower(:name) OR (length(:name) >= 3 AND starts_with(lower(name), lower(:name)))
                ORDER BY lower(name) <> lower(:name), rank, name LIMIT 1"""),
        {"name": name.strip(), **_as_arrays()},
    ).one_or_none()
    return None if row is None else (row[0], row[1])


@cache
def towns() -> tuple[tuple[str, float, float], ...]:
    """Return places that people know the road by, also those that lie beside it and calibrate nothing: name, longitude, latitude."""
    with (Path(__file__).parent / "seed" / "calibration_points.csv").open(encoding="utf-8", newline="") as stream:
        return tuple((row["place"], float(row["lon"]), float(row["lat"])) for row in csv.DictReader(stream))


def _as_arrays() -> dict[str, list[Any]]:
    return dict(zip(("places", "lons", "lats"), map(list, zip(*towns(), strict=True)), strict=True))
