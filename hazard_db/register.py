"""The register as it is read: sites, dated events, what sources claim of them, closures."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection, text

from hazard_db import site_states
from hazard_db.errors import NotFoundError
from hazard_db.search import FILTER, Window, containing


def list_sites(conn: Connection, window: Window, *, published: bool) -> list[dict[str, Any]]:
    """Return sites of the inventory by kilometre; days are those of their entry; `published` reads schema `published` only."""
    rows = conn.execute(
        text(f"SELECT {_SITE} FROM {'published.sites' if published else 'site'} WHERE {FILTER} AND {_WORDS_OF_SITE} "
             "AND (CAST(:since AS timestamptz) IS NULL OR created_at >= :since) "
             "AND (CAST(:until AS timestamptz) IS NULL OR created_at < :until) "
             "ORDER BY chainage_km NULLS LAST, code LIMIT :limit OFFSET :offset"),
        window.parameters,
    )  # fmt: skip
    return [dict(row._mapping) for row in rows]


def list_events(conn: Connection, window: Window, *, published: bool) -> list[dict[str, Any]]:
    """Return dated events, newest first; `published` reads schema `published` only."""
    rows = conn.execute(
        text(f"SELECT {_EVENT} FROM {'published.events' if published else 'event'} WHERE {FILTER} "
             f"AND {_WORDS_OF_EVENT} AND (CAST(:since AS timestamptz) IS NULL OR coalesce(occurred_to, occurred_on) >= :since) "
             "AND (CAST(:until AS timestamptz) IS NULL OR occurred_on < :until) "
             "ORDER BY occurred_on DESC, id DESC LIMIT :limit OFFSET :offset"),
        window.parameters,
    )  # fmt: skip
    return [dict(row._mapping) for row in rows]


def get_site(conn: Connection, code: str) -> dict[str, Any]:
    """Return one site with its events, its states through time and with what each source claims of it.

    Raises
    ------
    NotFoundError
        There is none of that code.
    """
    row = conn.execute(text(f"SELECT {_SITE} FROM site WHERE code = :code"), {"code": code}).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no site {code}")
    site = dict(row._mapping)
    site["claims"] = _claims(conn, "site_id", site["id"])
    events = conn.execute(text(f"SELECT {_EVENT} FROM event WHERE site_id = :id ORDER BY occurred_on DESC"), site)
    site["events"] = [dict(event._mapping) for event in events]
    site["states"] = site_states.of_site(conn, site["id"])
    return site


def get_event(conn: Connection, event_id: int) -> dict[str, Any]:
    """Return one event with its closures and with what each source claims of it.

    Raises
    ------
    NotFoundError
        There is none of that number.
    """
    row = conn.execute(text(f"SELECT {_EVENT} FROM event WHERE id = :id"), {"id": event_id}).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no event {event_id}")
    event = dict(row._mapping)
    event["claims"] = _claims(conn, "event_id", event_id)
    closures = conn.execute(
        text("""SELECT id, chainage_from_km, chainage_to_km, closed_at, closed_precision, opened_at, cause, vehicle_class, detour, source
                FROM closure WHERE event_id = :id AND withdrawn_at IS NULL ORDER BY closed_at"""),
        {"id": event_id},
    )
    event["closures"] = [dict(closure._mapping) for closure in closures]
    return event


def add_claim(
    conn: Connection, what: Literal["site", "event"], identifier: str | int, attribute: str, value: str, *,
    unit: str | None, source: str,
) -> None:  # fmt: skip
    """Enter what a source says of a site (by its code) or an event (by its number), beside what others say.

    Raises
    ------
    NotFoundError
        There is no such site or event.
    """
    column = "code" if what == "site" else "id"
    done = conn.execute(
        text(f"""INSERT INTO claim ({what}_id, attribute, value, unit, source)
                 SELECT id, :attribute, :value, :unit, :source FROM {what} WHERE {column} = :id"""),
        {"id": identifier, "attribute": attribute, "value": value, "unit": unit, "source": source},
    )
    if not done.rowcount:
        raise NotFoundError(f"there is no {what} {identifier}")


def _claims(conn: Connection, column: str, identifier: int) -> list[dict[str, Any]]:
    rows = conn.execute(
        text(f"""SELECT attribute, value, unit, source FROM claim
                 WHERE {column} = :id AND attribute <> 'outline' ORDER BY attribute, id"""),  # outlines are pages long
        {"id": identifier},
    )
    return [dict(row._mapping) for row in rows]


_SITE = """id, code, kind, name, activity, varnes_class, chinese_class, accuracy_m, note, source, chainage_km, chainage_from_km,
    chainage_to_km, offset_m, side, created_at, CAST(ST_AsGeoJSON(geom, 7) AS jsonb) AS geometry"""
_EVENT = """id, kind, name, occurred_on, occurred_to, precision, accuracy_m, trigger, fatalities, injuries, impacts, note, source,
    source_id, chainage_km, offset_m, side, CAST(ST_AsGeoJSON(geom, 7) AS jsonb) AS geometry"""
_WORDS_OF_SITE = containing("code", "name", "kind", "note", "source", "varnes_class", "chinese_class")
_WORDS_OF_EVENT = containing("name", "kind", "note", "source", "trigger")
