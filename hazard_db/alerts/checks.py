"""Checks in the field: which team is asked to look at what an alert speaks of, and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from hazard_db.errors import ConflictError, InputError, NotFoundError, OutsideCorridorError

CheckVerdict = Literal["confirmed", "false_alarm", "unclear", "withdrawn"]


@dataclass(frozen=True)
class Team:
    """People at the road who can go and look."""

    name: str
    lon: float
    lat: float
    subscription: str | None = None
    """By which they are told what they are asked to look at."""
    enabled: bool = True
    id: int | None = None
    chainage_km: float | None = None


@dataclass(frozen=True)
class FieldCheck:
    """A team is asked to look, and says what it found."""

    id: int
    alert_id: int
    team: str
    distance_km: float | None
    """Along the road; None where one of them is not at the road."""
    question: str | None
    verdict: CheckVerdict | None
    note: str | None
    judged_at: datetime | None
    judged_by: str | None
    created_at: datetime
    created_by: str
    headline: Mapping[str, str]
    chainage_km: float | None
    alert_state: str

    @property
    def is_open(self) -> bool:
        """True while somebody should still go and look."""
        return self.verdict is None and self.alert_state in {"open", "acknowledged", "escalated"}


def add_team(conn: Connection, team: Team) -> Team:
    """Return the team as stored; one of the same name is replaced by it.

    Raises
    ------
    InputError
        It has no name, or no place on the earth.
    NotFoundError
        There is no such subscription.
    OutsideCorridorError
        It is not at the road, so that nothing is near to it.
    """
    if not team.name.strip():
        raise InputError("a team needs a name")
    if not (-180 <= team.lon <= 180 and -90 <= team.lat <= 90):
        raise InputError(f"team {team.name!r}: longitude {team.lon:g}, latitude {team.lat:g} is no place")
    subscription = None
    if team.subscription is not None:
        subscription = conn.scalar(text("SELECT id FROM subscription WHERE name = :name"), {"name": team.subscription})
        if subscription is None:
            raise NotFoundError(f"there is no subscription {team.subscription!r}")
    row = conn.execute(
        text("""INSERT INTO team (name, subscription_id, enabled, geom)
                VALUES (:name, :subscription, :enabled, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
                ON CONFLICT (name) DO UPDATE SET subscription_id = excluded.subscription_id, enabled = excluded.enabled,
                    geom = excluded.geom RETURNING id, chainage_km"""),
        {"name": team.name.strip(), "subscription": subscription, "enabled": team.enabled, "lon": team.lon, "lat": team.lat},
    ).one()  # fmt: skip
    if row.chainage_km is None:
        raise OutsideCorridorError(
            f"team {team.name!r}: longitude {team.lon:g}, latitude {team.lat:g} is not at the road"
        )
    return next(one for one in teams(conn) if one.id == row.id)


def teams(conn: Connection) -> list[Team]:
    """Return the teams along the road."""
    rows = conn.execute(
        text("""SELECT t.name, ST_X(t.geom) AS lon, ST_Y(t.geom) AS lat, s.name AS subscription, t.enabled, t.id, t.chainage_km
                FROM team AS t LEFT JOIN subscription AS s ON s.id = t.subscription_id ORDER BY t.chainage_km, t.name""")
    ).mappings()
    return [Team(**row) for row in rows]


def ask(conn: Connection, alert_ids: Sequence[int], question: str | None = None) -> list[int]:
    """Return the checks that the nearest team was asked for, one an alert; an alert that one is open for gets no other.

    Nearest along the road. The team is told through its subscription, if it has one, whatever else that subscription asks for.
    """
    checks = conn.scalars(text(_ASK), {"ids": list(alert_ids), "question": question}).all()
    conn.execute(text(_TELL), {"checks": list(checks)})
    return sorted(checks)


def checks(
    conn: Connection, *, alert_id: int | None = None, open_only: bool = False, limit: int = 200
) -> list[FieldCheck]:
    """Return checks, newest first.

    Parameters
    ----------
    open_only
        Those that somebody should still go and look at: without a verdict, of alerts that are not closed.
    """
    rows = conn.execute(
        text(f"""{_CHECKS} WHERE (CAST(:alert AS bigint) IS NULL OR k.alert_id = :alert)
                   AND (NOT :open OR (k.verdict IS NULL AND a.state IN ('open', 'acknowledged', 'escalated')))
                 ORDER BY k.id DESC LIMIT :limit"""),
        {"alert": alert_id, "open": open_only, "limit": limit},
    ).mappings()
    return [FieldCheck(**row) for row in rows]


def get_check(conn: Connection, number: int) -> FieldCheck:
    """Return one check.

    Raises
    ------
    NotFoundError
        There is none of that number.
    """
    row = conn.execute(text(f"{_CHECKS} WHERE k.id = :id"), {"id": number}).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no check {number}")
    return FieldCheck(**row)


def note_verdict(
    conn: Connection, number: int, verdict: CheckVerdict, actor: str, note: str | None = None
) -> FieldCheck:
    """Return the check with what was found.

    Raises
    ------
    NotFoundError
        There is none of that number.
    ConflictError
        Somebody has said what they found already.
    """
    done = conn.execute(
        text("""UPDATE field_check SET verdict = :verdict, note = :note, judged_at = clock_timestamp(), judged_by = :actor
                WHERE id = :id AND verdict IS NULL"""),
        {"id": number, "verdict": verdict, "note": note, "actor": actor},
    ).rowcount
    present = get_check(conn, number)
    if not done:
        raise ConflictError(f"check {number} has been answered by {present.judged_by}: {present.verdict}")
    return present


def open_check_of(conn: Connection, alert_id: int, subscription_id: int | None) -> int | None:
    """Return the open check of an alert that the team behind a subscription is asked for."""
    found: int | None = conn.scalar(
        text("""SELECT k.id FROM field_check AS k JOIN team AS t ON t.id = k.team_id
                WHERE k.alert_id = :alert AND t.subscription_id = :subscription AND k.verdict IS NULL"""),
        {"alert": alert_id, "subscription": subscription_id},
    )
    return found


_CHECKS = """SELECT k.id, k.alert_id, t.name AS team, k.distance_km, k.question, k.verdict, k.note, k.judged_at, k.judged_by,
    k.created_at, k.created_by, a.headline, a.chainage_km, a.state AS alert_state
    FROM field_check AS k JOIN team AS t ON t.id = k.team_id JOIN alert AS a ON a.id = k.alert_id"""

_ASK = """
INSERT INTO field_check (alert_id, team_id, distance_km, question)
SELECT a.id, near.id, near.distance_km, :question
FROM alert AS a CROSS JOIN LATERAL (
    SELECT t.id, abs(t.chainage_km - a.chainage_km) AS distance_km FROM team AS t
    WHERE t.enabled AND t.alignment_id = a.alignment_id ORDER BY abs(t.chainage_km - a.chainage_km), t.id LIMIT 1) AS near
WHERE a.id = ANY(:ids) AND a.state IN ('open', 'acknowledged', 'escalated')
ON CONFLICT (alert_id) WHERE verdict IS NULL DO NOTHING RETURNING id
"""

_TELL = """
INSERT INTO delivery (alert_event_id, subscription_id, reason, status, held)
SELECT newest.id, t.subscription_id, 'check', CASE WHEN h.hold IS NULL THEN 'waiting' ELSE 'withheld' END, h.hold
FROM field_check AS k JOIN team AS t ON t.id = k.team_id JOIN subscription AS s ON s.id = t.subscription_id AND s.enabled
CROSS JOIN LATERAL (SELECT e.id FROM alert_event AS e WHERE e.alert_id = k.alert_id ORDER BY e.id DESC LIMIT 1) AS newest
CROSS JOIN LATERAL (SELECT alert_hold(k.alert_id, clock_timestamp()) AS hold) AS h
WHERE k.id = ANY(:checks) ON CONFLICT (alert_event_id, subscription_id) DO NOTHING
"""
