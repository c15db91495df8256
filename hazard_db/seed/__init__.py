"""Seed data: the approximate alignment, and sites and dated events from public sources."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, text

from hazard_db import corridor, ledger

FOLDER = Path(__file__).parent
VERSION = "approximate-2026"
SOURCE = (
    "road geometry of N-35 by Ullah, Ding, Xue, Dong, Li 2026 (CC BY 4.0), straight infill between published places"
)
_GEOMETRY = """coalesce(ST_SetSRID(ST_MakePoint(:lon, :lat), 4326),
    (SELECT ST_Force2D(ST_LocateBetween(geom, :km_from, :km_to)) FROM alignment WHERE valid_to IS NULL))"""


@dataclass(frozen=True)
class SeedReport:
    """What was newly stored; all zero on a second run."""

    segments: int
    sites: int
    events: int


def load(conn: Connection) -> SeedReport:
    """Return what the seed added to the catalogue; what is there already is left as it is."""
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('seed'))"))
    segments = 0
    if not conn.scalar(text("SELECT count(*) FROM alignment")):
        report = corridor.load(
            conn,
            FOLDER / "alignment.geojson",
            name="Karakoram Highway",
            version=VERSION,
            valid_from=date(2017, 1, 1),
            calibration=FOLDER / "calibration_points.csv",
            source=SOURCE,
        )
        segments = report.segments
    inventory = yaml.safe_load((FOLDER / "inventory.yml").read_text(encoding="utf8"))
    sites = sum(_site(conn, site) for site in inventory["sites"])
    events = sum(_event(conn, event) for event in inventory["events"])
    for one in inventory["structures"]:
        lon, lat = one["at"]
        ledger.add_structure(conn, lon=lon, lat=lat, **{name: value for name, value in one.items() if name != "at"})
    return SeedReport(segments, sites, events)


def _site(conn: Connection, site: dict[str, Any]) -> int:
    row = {"activity": "unknown", "varnes_class": None, "chinese_class": None, "note": None, **_place(site), **site}
    identifier = conn.scalar(
        text(f"""INSERT INTO site (code, kind, name, activity, varnes_class, chinese_class, accuracy_m, note, source, geom)
                VALUES (:code, :kind, :name, :activity, :varnes_class, :chinese_class, :accuracy_m, :note, :source, {_GEOMETRY})
                ON CONFLICT (code) DO NOTHING RETURNING id"""),
        {key: value for key, value in row.items() if key not in {"at", "stretch", "claims"}},
    )
    if identifier is not None:
        _claims(conn, "site_id", identifier, site)
    return int(identifier is not None)


def _event(conn: Connection, event: dict[str, Any]) -> int:
    identifier = conn.scalar(
        text(f"""INSERT INTO event (kind, name, occurred_on, precision, accuracy_m, trigger, fatalities, impacts, note, source,
                                   source_id, site_id, content_sha256, geom)
                VALUES (:kind, :name, :occurred_on, :precision, :accuracy_m, :trigger, :fatalities, CAST(:impacts AS jsonb), :note, :source,
                        :id, (SELECT id FROM site WHERE code = :site), :sha, {_GEOMETRY})
                ON CONFLICT (source, source_id) DO NOTHING RETURNING id"""),
        {
            **dict.fromkeys(("accuracy_m", "trigger", "fatalities", "note", "site")), "precision": "day",
            **{key: value for key, value in event.items() if key not in {"at", "stretch", "claims", "closure"}},
            "impacts": json.dumps(event.get("impacts", {})), **_place(event),
            "sha": hashlib.sha256(json.dumps(event, sort_keys=True, default=str).encode()).hexdigest(),
        },
    )  # fmt: skip
    if identifier is None:
        return 0
    _claims(conn, "event_id", identifier, event)
    if closure := event.get("closure"):
        ledger.enter(conn, ledger.CLOSURES, _closure(event, closure) | {"event_id": identifier})
    return 1


def _closure(event: dict[str, Any], closure: dict[str, Any]) -> dict[str, Any]:
    return {
        "km_from": closure["stretch"][0], "km_to": closure["stretch"][1], "closed_at": _noon(event["occurred_on"]),
        "closed_precision": event.get("precision", "day"), "opened_at": _noon(closure.get("opened_on")), "cause": event["name"],
        "vehicle_class": "all", "source": closure.get("source", event["source"]),
    }  # fmt: skip


def _noon(day: date | None) -> datetime | None:
    """Return a day of which no more is known, as the moment that is the same day along all of the road."""
    return None if day is None else datetime.combine(day, time(7), UTC)


def _place(subject: dict[str, Any]) -> dict[str, float | None]:
    """Return the parameters of _GEOMETRY: a point, or a stretch of the road."""
    values = (*subject.get("at", (None, None)), *subject.get("stretch", (None, None)))
    return dict(zip(("lon", "lat", "km_from", "km_to"), values, strict=True))


def _claims(conn: Connection, column: str, identifier: int, subject: dict[str, Any]) -> None:
    for claim in subject.get("claims", []):
        conn.execute(
            text(
                f"INSERT INTO claim ({column}, attribute, value, unit, source) VALUES (:id, :attribute, :value, :unit, :source)"
            ),
            {"unit": None, **claim, "id": identifier},
        )
