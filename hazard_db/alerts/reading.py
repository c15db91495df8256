"""Alerts and their messages as they are read."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.alerts.states import STATES, State
from hazard_db.errors import InputError, NotFoundError

TOGETHER = {"live": ("open", "acknowledged", "escalated"), "untaken": ("open", "escalated")}
"""Several states that are asked for by one name."""


@dataclass(frozen=True)
class AlertRecord:
    """An alert as it stands."""

    id: int
    identifier: uuid.UUID
    kind: str
    state: State
    scope: str
    severity: str
    certainty: str
    urgency: str
    headline: Mapping[str, str]
    description: Mapping[str, str]
    evidence: Mapping[str, Any]
    rule: str | None
    group_key: str
    raised_at: datetime
    updated_at: datetime
    expires_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    raise_count: int
    chainage_km: float | None
    chainage_from_km: float | None
    chainage_to_km: float | None
    offset_m: float | None
    side: str | None
    geometry: Mapping[str, Any]
    """GeoJSON geometry, EPSG:4326."""
    change_ids: tuple[int, ...]
    held: Mapping[str, Any] | None = None
    """Why it is not told now: `by` silence, maintenance or closure, with `id`, `until`, `reason` and `author`."""


@dataclass(frozen=True)
class Reference:
    """An earlier message of the same alert."""

    identifier: uuid.UUID
    sender: str
    sent_at: datetime


@dataclass(frozen=True)
class AlertMessage:
    """A message about an alert, with the alert as it stood then."""

    id: int
    alert_id: int
    identifier: uuid.UUID
    msg_type: str
    state: State
    scope: str
    actor: str
    note: str | None
    sent_at: datetime
    content: Mapping[str, Any]
    references: tuple[Reference, ...]
    """Earlier messages of the alert, acknowledgements left out, oldest first."""


def list_alerts(
    conn: Connection, *, state: str | Sequence[str] | None = None, scope: str | None = None, since: datetime | None = None,
    km: tuple[float, float] | None = None, limit: int = 100, offset: int = 0,
) -> list[AlertRecord]:  # fmt: skip
    """Return alerts, newest first.

    Parameters
    ----------
    state
        One state, several, or `live` for all that are not closed; candidates are left out unless asked for.
    scope
        `Public` for what everybody may see; without it restricted ones too.
    since
        Changed at this time or later.
    km
        Touching the stretch from the first to the second kilometre.

    Raises
    ------
    InputError
        There is no such state or scope.
    """
    rows = conn.execute(
        text(f"""{_ALERTS} WHERE a.state = ANY(:states)
                   AND (CAST(:scope AS text) IS NULL OR a.scope = :scope)
                   AND (CAST(:since AS timestamptz) IS NULL OR a.updated_at >= :since)
                   AND (CAST(:km_from AS float8) IS NULL OR (a.chainage_to_km >= :km_from AND a.chainage_from_km <= :km_to))
                 ORDER BY a.raised_at DESC, a.id DESC LIMIT :limit OFFSET :offset"""),
        {
            "states": _states(state), "scope": _scope(scope), "since": since, "limit": limit, "offset": offset,
            "km_from": min(km) if km else None, "km_to": max(km) if km else None,
        },
    ).mappings()  # fmt: skip
    return [_record(row) for row in rows]


def raised_in(
    conn: Connection, year: int, month: int, *, state: str | None = None, scope: str | None = None
) -> list[AlertRecord]:  # fmt: skip
    """Return the alerts that were raised in a month (UTC), in their order.

    Raises
    ------
    InputError
        There is no such state or scope.
    """
    begin = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    rows = conn.execute(
        text(f"""{_ALERTS} WHERE a.state = ANY(:states) AND (CAST(:scope AS text) IS NULL OR a.scope = :scope)
                   AND a.raised_at >= :begin AND a.raised_at < :end ORDER BY a.raised_at, a.id"""),
        {"states": _states(state), "scope": _scope(scope), "begin": begin, "end": end},
    ).mappings()
    return [_record(row) for row in rows]


def get_alert(conn: Connection, alert_id: int, *, scope: str | None = None) -> AlertRecord:
    """Return one alert.

    Raises
    ------
    NotFoundError
        There is none of that number, or with `scope="Public"` it is not public.
    """
    row = conn.execute(
        text(f"{_ALERTS} WHERE a.id = :id AND (CAST(:scope AS text) IS NULL OR a.scope = :scope)"),
        {"id": alert_id, "scope": _scope(scope)},
    ).mappings().one_or_none()  # fmt: skip
    if row is None:
        raise NotFoundError(f"there is no alert {alert_id}")
    return _record(row)


def get_alerts(conn: Connection, alert_ids: Sequence[int]) -> dict[int, AlertRecord]:
    """Return alerts by their number; those that there are not are left out."""
    rows = conn.execute(text(f"{_ALERTS} WHERE a.id = ANY(:ids)"), {"ids": list(alert_ids)}).mappings()
    return {row["id"]: _record(row) for row in rows}


def events_of(conn: Connection, alert_id: int, *, scope: str | None = None) -> list[AlertMessage]:
    """Return the messages about an alert, oldest first: who did what, and what was told.

    Raises
    ------
    NotFoundError
        There is none of that number, or with `scope="Public"` it is not public.
    """
    get_alert(conn, alert_id, scope=scope)
    rows = conn.execute(
        text(f"{_EVENTS} WHERE e.alert_id = :id AND (CAST(:scope AS text) IS NULL OR e.scope = :scope) ORDER BY e.id"),
        {"id": alert_id, "scope": scope},
    ).mappings()
    return [_message(row) for row in rows]


def latest_message(conn: Connection, alert_id: int, *, scope: str | None = None) -> AlertMessage:
    """Return the newest message about an alert, acknowledgements left out.

    Raises
    ------
    NotFoundError
        Nothing was told of such an alert, or not in that scope.
    """
    row = conn.execute(
        text(f"""{_EVENTS} WHERE e.alert_id = :id AND e.msg_type <> 'Ack'
                   AND (CAST(:scope AS text) IS NULL OR (e.scope = :scope AND a.scope = :scope))
                 ORDER BY e.id DESC LIMIT 1"""),
        {"id": alert_id, "scope": _scope(scope)},
    ).mappings().one_or_none()  # fmt: skip
    if row is None:
        raise NotFoundError(f"there is no message about alert {alert_id}")
    return _message(row)


def public_messages(conn: Connection, *, since: datetime | None = None, limit: int = 100) -> list[AlertMessage]:
    """Return the newest public message of each public alert, newest first."""
    rows = conn.execute(
        text(f"""{_EVENTS} WHERE e.id IN (SELECT max(n.id) FROM alert_event AS n WHERE n.scope = 'Public' AND n.msg_type <> 'Ack'
                                          GROUP BY n.alert_id)
                   AND a.scope = 'Public' AND (CAST(:since AS timestamptz) IS NULL OR e.sent_at >= :since)
                 ORDER BY e.sent_at DESC, e.id DESC LIMIT :limit"""),
        {"since": since, "limit": limit},
    ).mappings()
    return [_message(row) for row in rows]


def messages(conn: Connection, event_ids: Sequence[int]) -> dict[int, AlertMessage]:
    """Return messages by their number."""
    rows = conn.execute(text(f"{_EVENTS} WHERE e.id = ANY(:ids)"), {"ids": list(event_ids)}).mappings()
    return {row["id"]: _message(row) for row in rows}


def _states(state: str | Sequence[str] | None) -> list[str]:
    if state is None:
        return [name for name in STATES if name != "candidate"]
    names = [state] if isinstance(state, str) else list(state)
    wanted = [one for name in names for one in TOGETHER.get(name, (name,))]
    for name in wanted:
        if name not in STATES:
            raise InputError(f"alert state {name!r}: use {', '.join(TOGETHER)}, {', '.join(STATES)}")
    return wanted


def _scope(scope: str | None) -> str | None:
    if scope not in {None, "Public", "Restricted"}:
        raise InputError(f"alert scope {scope!r}: use Public or Restricted")
    return scope


def _record(row: Mapping[Any, Any]) -> AlertRecord:
    return AlertRecord(**{**row, "change_ids": tuple(row["change_ids"])})


def _message(row: Mapping[Any, Any]) -> AlertMessage:
    references = tuple(
        Reference(uuid.UUID(one["identifier"]), one["sender"], datetime.fromisoformat(one["sent_at"]))
        for one in row["references"]
    )
    return AlertMessage(**{**row, "references": references})


_ALERTS = """SELECT a.id, a.identifier, a.kind, a.state, a.scope, a.severity, a.certainty, a.urgency, a.headline, a.description,
        a.evidence, r.name AS rule, a.group_key, a.raised_at, a.updated_at, a.expires_at, a.acknowledged_at, a.acknowledged_by,
        a.resolved_at, a.resolved_by, a.raise_count, a.chainage_km, a.chainage_from_km, a.chainage_to_km, a.offset_m, a.side,
        CAST(ST_AsGeoJSON(a.geom, 7) AS jsonb) AS geometry,
        ARRAY(SELECT change_id FROM alert_change AS k WHERE k.alert_id = a.id ORDER BY change_id) AS change_ids,
        CASE WHEN a.state IN ('open', 'acknowledged', 'escalated') THEN alert_hold(a.id, clock_timestamp()) END AS held
    FROM alert AS a LEFT JOIN alert_rule AS r ON r.id = a.rule_id"""

_EVENTS = """SELECT e.id, e.alert_id, e.identifier, e.msg_type, e.state, e.scope, e.actor, e.note, e.sent_at, e.content,
        coalesce((SELECT jsonb_agg(jsonb_build_object('identifier', o.identifier, 'sent_at', o.sent_at,
                                                      'sender', coalesce(o.content -> 'evidence' ->> 'sender', '')) ORDER BY o.id)
                  FROM alert_event AS o WHERE o.alert_id = e.alert_id AND o.id < e.id AND o.msg_type <> 'Ack'), '[]') AS references
    FROM alert_event AS e JOIN alert AS a ON a.id = e.alert_id"""
