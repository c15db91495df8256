"""The states of a site through time: active, dormant, stabilised, active again; since when, and who says so."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import InputError, NotFoundError
from hazard_db.tables.field import ACTIVITIES


def of_site(conn: Connection, site_id: int) -> list[dict[str, Any]]:
    """Return the states of a site, newest first, withdrawn ones too; the first that stands is what the site is now."""
    rows = conn.execute(
        text("""SELECT id, activity, since_on, precision, source, note, created_at, created_by, withdrawn_at, withdrawn_by
                FROM site_state WHERE site_id = :id ORDER BY since_on DESC NULLS LAST, id DESC"""),
        {"id": site_id},
    )
    return [dict(row._mapping) for row in rows]


def tell(conn: Connection, code: str, activity: str, since_on: date, *, source: str, note: str | None = None) -> None:
    """Enter what state a site is in since a day.

    Raises
    ------
    InputError
        There is no such state, or the day has not come.
    NotFoundError
        There is no such site.
    """
    if activity not in ACTIVITIES:
        raise InputError(f"activity {activity[:40]!r}: use one of {', '.join(ACTIVITIES)}")
    if since_on > date.today() or since_on.year < 1800:
        raise InputError(f"since {since_on}: give the day from which the state is known, from 1800 to today")
    conn.execute(
        text("""INSERT INTO site_state (site_id, activity, since_on, source, note)
                VALUES (:site, :activity, :since_on, :source, :note)"""),
        {"site": _site(conn, code), "activity": activity, "since_on": since_on, "source": source, "note": note},
    )


def withdraw(conn: Connection, code: str, state_id: int) -> None:
    """Take back a state that was entered by mistake; it stays to be seen, and counts no more.

    Raises
    ------
    NotFoundError
        The site has no such state, or it was withdrawn before.
    """
    done = conn.execute(
        text("""UPDATE site_state SET withdrawn_at = now(), withdrawn_by = actor_name()
                WHERE id = :id AND site_id = :site AND withdrawn_at IS NULL"""),
        {"id": state_id, "site": _site(conn, code)},
    )
    if not done.rowcount:
        raise NotFoundError(f"site {code} has no state {state_id} that stands")


def date_states(conn: Connection, day: date | int | None) -> None:
    """Name the day or year that states told of sites are true of, for the rest of the transaction."""
    told = "" if day is None else f"{day:04d}" if isinstance(day, int) else day.isoformat()
    conn.execute(text("SELECT set_config('hazard.state_on', :told, true)"), {"told": told})


def _site(conn: Connection, code: str) -> int:
    found = conn.scalar(text("SELECT id FROM site WHERE code = :code FOR UPDATE"), {"code": code})
    if found is None:
        raise NotFoundError(f"there is no site {code}")
    return int(found)
