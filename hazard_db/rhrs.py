"""Slopes scored by the rockfall hazard rating system: ten criteria, each 3, 9, 27 or 81 points, or between for those who interpolate."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import InputError

CRITERIA = (
    "slope_height", "ditch_effectiveness", "average_vehicle_risk", "sight_distance", "roadway_width",
    "structural_condition", "rock_friction", "block_size", "climate_water", "rockfall_history",
)  # fmt: skip
"""The ten criteria of [@Pierson1993]; erosion features and differences in erosion rates are scored as structure and friction."""
LEAST, MOST = 1.0, 100.0
"""Raters who interpolate give 1 to 100."""


@dataclass(frozen=True)
class SlopeScore:
    """A slope as it was scored on a day."""

    slope: str
    scored_on: date
    scored_by: str | None
    criteria: Mapping[str, float]
    lon: float
    lat: float

    @property
    def total(self) -> float:
        """Sum of the ten criteria."""
        return sum(self.criteria.values())


@dataclass(frozen=True)
class RhrsReport:
    """What a file brought."""

    slopes: int
    new: int
    beyond: int
    """Slopes too far from the road to have a kilometre."""


def read_scores(path: Path, conn: Connection) -> list[SlopeScore]:
    """Return the scores of a CSV: slope, scored_on, the ten criteria, and km or lon and lat; scored_by if it is known.

    Raises
    ------
    InputError
        A value is missing or cannot be; the line names it.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name}: cannot be read as CSV in UTF-8 ({error})") from error
    if not rows:
        raise InputError(
            f"{path.name}: holds no row; needed are slope, scored_on, km or lon and lat, {', '.join(CRITERIA)}"
        )
    return [_score(conn, row, f"{path.name}, line {number}") for number, row in enumerate(rows, start=2)]


def store(conn: Connection, scores: list[SlopeScore], source: str) -> RhrsReport:
    """Return what came in; a slope scored twice on one day has the later file's score."""
    new = beyond = 0
    for score in scores:
        row = conn.execute(
            text("""INSERT INTO rhrs_score AS r (slope, site_id, scored_on, scored_by, criteria, total, source, geom)
                    VALUES (:slope, (SELECT id FROM site WHERE code = :slope), :scored_on, :scored_by, CAST(:criteria AS jsonb),
                            :total, :source, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
                    ON CONFLICT (slope, scored_on) DO UPDATE SET criteria = excluded.criteria, total = excluded.total,
                        scored_by = excluded.scored_by, source = excluded.source, geom = excluded.geom, site_id = excluded.site_id
                    RETURNING xmax = 0 AS new, chainage_km IS NULL AS beyond"""),
            {**vars(score), "criteria": json.dumps(dict(score.criteria)), "total": score.total, "source": source},
        ).one()
        new, beyond = new + row.new, beyond + row.beyond
    return RhrsReport(len(scores), new, beyond)


def _score(conn: Connection, row: dict[str, Any], where: str) -> SlopeScore:
    slope = (row.get("slope") or "").strip()
    if not slope:
        raise InputError(f"{where}: slope is missing; name the slope, or give the code of its site")
    criteria = {name: _number(row, name, where) for name in CRITERIA}
    wrong = next((name for name, points in criteria.items() if not LEAST <= points <= MOST), None)
    if wrong:
        raise InputError(
            f"{where}, {wrong}: {criteria[wrong]:g} cannot be; a criterion has 3, 9, 27 or 81 points (1 to 100)"
        )
    try:
        day = date.fromisoformat((row.get("scored_on") or "").strip())
    except ValueError as error:
        raise InputError(f"{where}, scored_on: write the day as YYYY-MM-DD") from error
    lon, lat = _place(conn, row, where)
    return SlopeScore(slope, day, (row.get("scored_by") or "").strip() or None, criteria, lon, lat)


def _place(conn: Connection, row: dict[str, Any], where: str) -> tuple[float, float]:
    if not (row.get("km") or "").strip():
        lon, lat = _number(row, "lon", where), _number(row, "lat", where)
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise InputError(f"{where}: {lon:g}, {lat:g} is no longitude and latitude")
        return lon, lat
    km = _number(row, "km", where)
    point = conn.execute(
        text("SELECT ST_X(p) AS lon, ST_Y(p) AS lat FROM point_at_chainage(:km, current_alignment()) AS p"), {"km": km}
    ).one()
    if point.lon is None:
        raise InputError(f"{where}, km: the road has no kilometre {km:g}")
    return point.lon, point.lat


def _number(row: dict[str, Any], name: str, where: str) -> float:
    value = (row.get(name) or "").strip()
    try:
        return float(value)
    except ValueError as error:
        raise InputError(f"{where}, {name}: {value or 'nothing'} is no number") from error
