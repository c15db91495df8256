"""Gauges and other instruments: what they are, what they measured, and what of it is out of the ordinary."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import InputError, NotFoundError

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MOST_VALUES = 10_000
"""In one request."""
AHEAD = timedelta(minutes=10)
"""A clock may be this much fast."""
RATE_WINDOW_H = 1.0
"""Rates are told over at least this long, so that two close values with noise are no flood."""


@dataclass(frozen=True)
class Sensor:
    """An instrument."""

    code: str
    name: str
    quantity: str
    unit: str
    lon: float
    lat: float
    warn_above: float | None = None
    danger_above: float | None = None
    warn_rise_per_h: float | None = None
    lake_id: str | None = None
    silent_after_s: float = 6 * 3600.0
    enabled: bool = True
    id: int | None = None
    last_at: datetime | None = None
    last_value: float | None = None
    chainage_km: float | None = None
    """Where what it tells concerns the road: below its lake where it watches one, else beside the instrument."""


@dataclass(frozen=True)
class Reading:
    """What an instrument tells now, against what is ordinary."""

    sensor: Sensor
    measured_at: datetime
    value: float
    rise_per_h: float | None
    """Against its value of an hour ago; None where none is known."""

    @property
    def level(self) -> str | None:
        """danger, warning, or None where all is ordinary."""
        one = self.sensor
        if one.danger_above is not None and self.value > one.danger_above:
            return "danger"
        if one.warn_above is not None and self.value > one.warn_above:
            return "warning"
        if one.warn_rise_per_h is not None and self.rise_per_h is not None and self.rise_per_h > one.warn_rise_per_h:
            return "warning"
        return None


def add(conn: Connection, sensor: Sensor) -> Sensor:
    """Return the instrument as stored; one of the same code is replaced by it, its values stay.

    Raises
    ------
    InputError
        A field cannot be used.
    NotFoundError
        There is no such lake.
    """
    _check(sensor)
    lake = None
    if sensor.lake_id is not None:
        lake = conn.scalar(text("SELECT id FROM glacial_lake WHERE lake_id = :id"), {"id": sensor.lake_id})
        if lake is None:
            raise NotFoundError(f"sensor {sensor.code}: there is no lake {sensor.lake_id!r}")
    values = {name: getattr(sensor, name) for name in Sensor.__dataclass_fields__} | {"lake": lake}
    conn.execute(text(_UPSERT), values)
    return get(conn, sensor.code)


def get(conn: Connection, code: str) -> Sensor:
    """Return the instrument of a code.

    Raises
    ------
    NotFoundError
        There is none.
    """
    found = list_sensors(conn, code=code)
    if not found:
        raise NotFoundError(f"there is no sensor {code!r}; `kkh sensor add` makes one")
    return found[0]


def list_sensors(conn: Connection, *, code: str | None = None, km: tuple[float, float] | None = None) -> list[Sensor]:
    """Return the instruments by code."""
    rows = conn.execute(
        text(f"""SELECT * FROM ({_SENSOR}) AS told WHERE (CAST(:code AS text) IS NULL OR code = :code)
                   AND (CAST(:km_from AS float8) IS NULL OR chainage_km BETWEEN :km_from AND :km_to) ORDER BY code"""),
        {"code": code, "km_from": km[0] if km else None, "km_to": km[1] if km else None},
    ).mappings()
    return [Sensor(**row) for row in rows]


def store_values(conn: Connection, code: str, values: Sequence[tuple[datetime, float]]) -> int:
    """Return how many of the values are new; one measured at the same moment again changes nothing.

    Raises
    ------
    InputError
        There are none or too many, one lies in the future, or is no number.
    NotFoundError
        There is no such instrument, or it is switched off.
    """
    if not 0 < len(values) <= MOST_VALUES:
        raise InputError(f"sensor {code}: send 1 to {MOST_VALUES:,} values at a time")
    latest = datetime.now(UTC) + AHEAD
    for at, value in values:
        if at.tzinfo is None or at > latest:
            raise InputError(f"sensor {code}, {at.isoformat()}: the time needs a zone and must not lie in the future")
        if not math.isfinite(value):
            raise InputError(f"sensor {code}, {at.isoformat()}: the value is no number")
    number = conn.scalar(text("SELECT id FROM sensor WHERE code = :code AND enabled FOR UPDATE"), {"code": code})
    if number is None:
        raise NotFoundError(f"there is no sensor {code!r} that takes values")
    new = conn.execute(
        text("""INSERT INTO sensor_value (sensor_id, measured_at, value)
                SELECT :id, v.at, v.value FROM unnest(CAST(:at AS timestamptz[]), CAST(:values AS float8[])) AS v(at, value)
                ON CONFLICT DO NOTHING"""),
        {"id": number, "at": [at for at, _ in values], "values": [value for _, value in values]},
    ).rowcount
    conn.execute(
        text("""UPDATE sensor AS s SET last_at = v.measured_at, last_value = v.value
                FROM (SELECT measured_at, value FROM sensor_value WHERE sensor_id = :id ORDER BY measured_at DESC LIMIT 1) AS v
                WHERE s.id = :id AND (s.last_at IS NULL OR v.measured_at > s.last_at)"""),
        {"id": number},
    )
    return new


def reading(conn: Connection, code: str) -> Reading | None:
    """Return what an instrument tells now, None where it has not measured anything."""
    sensor = get(conn, code)
    if sensor.last_at is None or sensor.last_value is None:
        return None
    before = conn.execute(
        text("""SELECT measured_at, value FROM sensor_value WHERE sensor_id = :id AND measured_at <= :until AND measured_at >= :from
                ORDER BY measured_at DESC LIMIT 1"""),
        {
            "id": sensor.id, "until": sensor.last_at - timedelta(hours=RATE_WINDOW_H),
            "from": sensor.last_at - timedelta(hours=6 * RATE_WINDOW_H),
        },
    ).one_or_none()  # fmt: skip
    rise = None
    if before is not None:
        hours = (sensor.last_at - before.measured_at).total_seconds() / 3600
        rise = (sensor.last_value - before.value) / hours
    return Reading(sensor, sensor.last_at, sensor.last_value, rise)


def values(conn: Connection, code: str, *, since: datetime | None = None, limit: int = 1000) -> list[dict[str, Any]]:
    """Return what an instrument measured, newest first."""
    sensor = get(conn, code)
    rows = conn.execute(
        text("""SELECT measured_at, value FROM sensor_value
                WHERE sensor_id = :id AND (CAST(:since AS timestamptz) IS NULL OR measured_at >= :since)
                ORDER BY measured_at DESC LIMIT :limit"""),
        {"id": sensor.id, "since": since, "limit": limit},
    ).mappings()
    return [dict(row) for row in rows]


def _check(sensor: Sensor) -> None:
    if not CODE.fullmatch(sensor.code):
        raise InputError(f"sensor code {sensor.code!r}: use 1 to 64 letters, digits, dots, dashes")
    for field in ("name", "quantity", "unit"):
        if not 0 < len(getattr(sensor, field).strip()) <= 200:
            raise InputError(f"sensor {sensor.code}, {field}: use 1 to 200 characters")
    if not (-180 <= sensor.lon <= 180 and -90 <= sensor.lat <= 90):
        raise InputError(f"sensor {sensor.code}: a longitude is -180 to 180, a latitude -90 to 90 degrees")
    if sensor.warn_above is not None and sensor.danger_above is not None and sensor.danger_above < sensor.warn_above:
        raise InputError(f"sensor {sensor.code}: danger begins below warning")
    if not 60 <= sensor.silent_after_s <= 366 * 86400:
        raise InputError(f"sensor {sensor.code}: it is called silent after a minute to a year")


_SENSOR = """SELECT s.id, s.code, s.name, s.quantity, s.unit, ST_X(s.geom) AS lon, ST_Y(s.geom) AS lat, s.warn_above, s.danger_above,
        s.warn_rise_per_h, l.lake_id, s.silent_after_s, s.enabled, s.last_at, s.last_value,
        coalesce(k.chainage_km, s.chainage_km) AS chainage_km
    FROM sensor AS s LEFT JOIN glacial_lake AS l ON l.id = s.lake
    LEFT JOIN cascade AS k ON k.lake = s.lake AND k.alignment_id = current_alignment()"""

_UPSERT = """
INSERT INTO sensor (code, name, quantity, unit, warn_above, danger_above, warn_rise_per_h, lake, silent_after_s, enabled, geom)
VALUES (:code, :name, :quantity, :unit, :warn_above, :danger_above, :warn_rise_per_h, :lake, :silent_after_s, :enabled,
        ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
ON CONFLICT (code) DO UPDATE SET name = excluded.name, quantity = excluded.quantity, unit = excluded.unit,
    warn_above = excluded.warn_above, danger_above = excluded.danger_above, warn_rise_per_h = excluded.warn_rise_per_h,
    lake = excluded.lake, silent_after_s = excluded.silent_after_s, enabled = excluded.enabled, geom = excluded.geom
"""
