"""One simulated record of each further kind, for the demonstration; each tells in its own words that it is simulated."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import numpy as np

from alerts.run import process_findings, review_change
from api.demo_data import CENTRE_KM
from api.triggering import sensor_findings
from hazard_db import alerts, changes, corridor, ledger
from hazard_db.connect import Connection
from hazard_db.triggers import bulletins, quakes, rain, sensors
from ingest.triggers.intensity import estimate_along

SOURCE = "SIMULATED"
NOTE = "SIMULATED for the demonstration; nothing of this happened"
GAUGE = "SIMULATED-GAUGE"
WARN_M, DANGER_M, LEVEL_M = 3.0, 4.0, 3.4
MAGNITUDE, DEPTH_KM = 5.4, 12.0
PEAK_MM = 30.0
REVIEWED = ("landslide", "settlement")
"""Kinds of which the demonstration confirms the largest change."""


def add_records(conn: Connection, now: datetime, actor: str) -> None:
    """Store them once: where the simulated instrument is in the catalogue, so is the rest."""
    if any(one.code == GAUGE for one in sensors.list_sensors(conn)):
        return
    place = corridor.locate_km(conn, CENTRE_KM)
    _add_books(conn, now)
    _add_triggers(conn, now, place.lon, place.lat)
    _add_rain(conn, now, place.lon, place.lat)
    gauge = sensors.Sensor(GAUGE, "SIMULATED gauge", "water_level", "m", place.lon, place.lat, WARN_M, DANGER_M)
    sensors.add(conn, gauge)
    sensors.store_values(conn, GAUGE, [(now - timedelta(minutes=10 * back), LEVEL_M - 0.1 * back) for back in range(7)])
    _warn(conn, actor)


def confirm_largest(conn: Connection, actor: str) -> None:
    """Confirm the largest change of each kind near the demonstration's kilometre, unless one has been confirmed before."""
    near = changes.list_changes(conn, include_unreviewed=True, km_from=CENTRE_KM - 8, km_to=CENTRE_KM + 8)
    for kind in REVIEWED:
        own = [one for one in near if one["kind"] == kind]
        waiting = [one for one in own if one["status"] == "candidate"]
        if waiting and not any(one["status"] == "confirmed" for one in own):
            largest = max(waiting, key=lambda one: float(one["area_m2"]))
            review_change(conn, largest["id"], "confirmed", actor, NOTE)


def _add_books(conn: Connection, now: datetime) -> None:
    closed = now - timedelta(days=20)
    told = {"km_from": CENTRE_KM, "km_to": CENTRE_KM + 1, "source": SOURCE}
    ledger.enter(
        conn, ledger.CLOSURES,
        told | {"closed_at": closed, "closed_precision": "minute", "opened_at": closed + timedelta(hours=9), "cause": "landslide",
                "vehicle_class": "all", "note": NOTE},
    )  # fmt: skip
    ledger.enter(
        conn, ledger.WORKS,
        told | {"kind": "clearing", "status": "done", "description": NOTE, "started_on": closed.date(), "ended_on": closed.date()},
    )  # fmt: skip


def _add_triggers(conn: Connection, now: datetime, lon: float, lat: float) -> None:
    happened = now - timedelta(days=30)
    quake = quakes.Quake(
        SOURCE, "SIMULATED-1", MAGNITUDE, DEPTH_KM, happened, happened, lon + 0.1, lat + 0.1, place=NOTE
    )
    segments, places = quakes.middles(conn)
    shaken = estimate_along(MAGNITUDE, DEPTH_KM, quake.lon, quake.lat, places)
    quakes.store(conn, quake, quakes.Shaking(segments, shaken, "estimated"))
    bulletins.store(conn, [bulletins.Bulletin(SOURCE, "SIMULATED-1", "FL", "Green", NOTE, happened, lon, lat)])


def _add_rain(conn: Connection, now: datetime, lon: float, lat: float) -> None:
    """Store a day of rain around the place; nothing where rain was measured."""
    if rain.windows(conn):
        return
    cells = rain.cells(conn)
    away = np.hypot((cells[:, 0] + 0.5) / 10 - 180 - lon, (cells[:, 1] + 0.5) / 10 - 90 - lat)
    ends = now.replace(hour=0, minute=0, second=0, microsecond=0)
    sha = hashlib.sha256(f"{SOURCE} {ends}".encode()).hexdigest()
    fallen = PEAK_MM * np.exp(-((away / 0.3) ** 2))
    rain.store(conn, rain.RainGrid(SOURCE, "early", "0", ends - timedelta(days=1), ends, SOURCE, sha, cells, fallen))


def _warn(conn: Connection, actor: str) -> None:
    """Raise the alert of the gauge, whose headline names it, and make it public; no receiver is told but the demonstration's."""
    for raised in process_findings(conn, sensor_findings(sensors.reading(conn, GAUGE)), actor):
        if raised.scope == "Restricted":
            alerts.approve(conn, raised.id, actor, NOTE)
