"""What is not told for a while: silences and maintenance windows, and telling afterwards what is still so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, text

from hazard_db.alerts.messages import issue
from hazard_db.errors import ConflictError, InputError, NotFoundError, OutsideCorridorError

Purpose = Literal["silence", "maintenance"]
LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Silence:
    """From then to then alerts of this kind, rule and stretch are not told; they are raised and shown all the same."""

    reason: str
    starts_at: datetime
    ends_at: datetime
    purpose: Purpose = "silence"
    hazards: tuple[str, ...] = ()
    """Kinds of alerts; empty = all."""
    rule: str | None = None
    chainage_from_km: float | None = None
    chainage_to_km: float | None = None
    """Alerts that lie whole within; both None = the whole road."""
    passes_from: str | None = "Extreme"
    """From this severity on alerts are told all the same; None = nothing is."""
    id: int | None = None
    ended_by: str | None = None
    created_at: datetime | None = None
    created_by: str | None = None
    withheld: int = 0
    """Messages that it has kept back."""

    def state(self, now: datetime) -> Literal["planned", "in force", "over"]:
        """Return how it stands at a time."""
        if now < self.starts_at:
            return "planned"
        return "in force" if now < self.ends_at else "over"


def add_silence(conn: Connection, silence: Silence) -> Silence:
    """Return the silence as stored, under the name of whoever writes.

    Raises
    ------
    InputError
        It has no reason, ends before it begins, lies in the past, or lasts longer than a year; no rule bears that name.
    OutsideCorridorError
        The road has no such kilometres.
    """
    _check(conn, silence)
    number = conn.scalar(
        text("""INSERT INTO silence (purpose, hazards, rule, chainage_from_km, chainage_to_km, starts_at, ends_at, passes_from, reason)
                VALUES (:purpose, :hazards, :rule, :km_from, :km_to, :starts_at, :ends_at, :passes_from, :reason) RETURNING id"""),
        {
            "purpose": silence.purpose, "hazards": list(silence.hazards), "rule": silence.rule, "km_from": silence.chainage_from_km,
            "km_to": silence.chainage_to_km, "starts_at": silence.starts_at, "ends_at": silence.ends_at,
            "passes_from": silence.passes_from, "reason": silence.reason.strip(),
        },
    )  # fmt: skip
    return get_silence(conn, int(number or 0))


def silences(conn: Connection, *, in_force_or_planned: bool = False, limit: int = 200) -> list[Silence]:
    """Return the silences, those that end last first; what is over stays to be seen."""
    rows = conn.execute(
        text(f"{_SELECT} WHERE NOT :only OR s.ends_at > clock_timestamp() ORDER BY s.ends_at DESC, s.id DESC LIMIT :limit"),
        {"only": in_force_or_planned, "limit": limit},
    ).mappings()  # fmt: skip
    return [_silence(row) for row in rows]


def get_silence(conn: Connection, number: int) -> Silence:
    """Return one silence.

    Raises
    ------
    NotFoundError
        There is none of that number.
    """
    row = conn.execute(text(f"{_SELECT} WHERE s.id = :id"), {"id": number}).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"there is no silence {number}")
    return _silence(row)


def end_silence(conn: Connection, number: int, actor: str) -> Silence:
    """Return the silence, ended before its time; what it kept back and is still so is told at the next look at the outbox.

    Raises
    ------
    NotFoundError
        There is none of that number.
    ConflictError
        It is over already.
    """
    done = conn.execute(
        text("""UPDATE silence SET ends_at = greatest(starts_at, clock_timestamp()), ended_by = :actor
                WHERE id = :id AND ends_at > clock_timestamp() AND ended_by IS NULL"""),
        {"id": number, "actor": actor},
    ).rowcount
    present = get_silence(conn, number)
    if not done:
        raise ConflictError(f"silence {number} is over already")
    return present


def hold_of(conn: Connection, alert_id: int) -> Mapping[str, Any] | None:
    """Return why an alert is not told now: `by` silence, maintenance or closure, its `id`, `until`, `reason`, `author`."""
    found: Mapping[str, Any] | None = conn.scalar(text("SELECT alert_hold(:id, clock_timestamp())"), {"id": alert_id})
    return found


def release(conn: Connection) -> list[int]:
    """Return the deliveries that are due because nothing keeps them back any more and their alert is still open.

    Of all that was kept back of one alert a receiver gets the newest message; the others stay noted as kept back.
    """
    rows = conn.scalars(text(_RELEASE))
    return sorted(rows)


def remind(conn: Connection, after_h: Mapping[str, float]) -> list[int]:
    """Return the alerts that duty officers were told of again, as nobody has acknowledged them for so long.

    Parameters
    ----------
    after_h
        Hours by severity; a severity that is not in it is told once.
    """
    if not after_h or not conn.scalar(text("SELECT pg_try_advisory_xact_lock(hashtextextended('alert: remind', 0))")):
        return []
    due = conn.scalars(
        text(_UNANSWERED), {"severities": list(after_h), "hours": [float(one) for one in after_h.values()]}
    ).all()
    issue(conn, due, "Update", "clock", "nobody has acknowledged this yet", reminder=True)
    return list(due)


def _check(conn: Connection, silence: Silence) -> None:
    if not silence.reason.strip():
        raise InputError("a silence needs a reason: it is shown wherever it keeps something back")
    if silence.starts_at.tzinfo is None or silence.ends_at.tzinfo is None:
        raise InputError("a silence begins and ends at times with a time zone")
    if silence.ends_at <= silence.starts_at or silence.ends_at <= datetime.now(UTC):
        raise InputError("a silence ends after it begins, and not in the past")
    if silence.ends_at - silence.starts_at > LONGEST:
        raise InputError("a silence lasts a year at most")
    if silence.rule is not None and not conn.scalar(
        text("SELECT count(*) FROM alert_rule WHERE name = :name"), {"name": silence.rule}
    ):
        raise InputError(f"there is no alert rule {silence.rule!r}")
    low, high = silence.chainage_from_km, silence.chainage_to_km
    if (low is None) != (high is None):
        raise InputError("a silence of a stretch has a first and a last kilometre")
    if low is not None and high is not None:
        known = conn.scalar(
            text("SELECT count(*) FROM segment WHERE alignment_id = current_alignment() AND km_to > :low AND km_from < :high"),
            {"low": low, "high": high},
        )  # fmt: skip
        if low > high or not known:
            raise OutsideCorridorError(f"km {low:g} to {high:g} is not on the current road")


def _silence(row: Mapping[Any, Any]) -> Silence:
    return Silence(**{**row, "hazards": tuple(row["hazards"])})


_SELECT = """SELECT s.reason, s.starts_at, s.ends_at, s.purpose, s.hazards, s.rule, s.chainage_from_km, s.chainage_to_km, s.passes_from,
    s.id, s.ended_by, s.created_at, s.created_by,
    (SELECT count(*) FROM delivery AS d WHERE d.held ->> 'by' IN ('silence', 'maintenance')
                                          AND CAST(d.held ->> 'id' AS bigint) = s.id) AS withheld FROM silence AS s"""

# An alert that was closed meanwhile, or told of since (it became worse than the silence lets pass), needs no word of it.
_RELEASE = """
UPDATE delivery SET status = 'waiting', next_try_at = clock_timestamp(), queued_at = clock_timestamp() WHERE id IN (
    SELECT DISTINCT ON (e.alert_id, d.subscription_id) d.id
    FROM delivery AS d JOIN alert_event AS e ON e.id = d.alert_event_id JOIN alert AS a ON a.id = e.alert_id
    WHERE d.status = 'withheld' AND a.state IN ('open', 'acknowledged', 'escalated') AND alert_hold(a.id, clock_timestamp()) IS NULL
      AND NOT EXISTS (SELECT FROM delivery AS o JOIN alert_event AS later ON later.id = o.alert_event_id
                      WHERE o.subscription_id = d.subscription_id AND later.alert_id = e.alert_id AND o.status <> 'withheld'
                        AND later.id > e.id)
    ORDER BY e.alert_id, d.subscription_id, e.id DESC)
AND status = 'withheld' RETURNING id
"""

_UNANSWERED = """
WITH told AS MATERIALIZED (
    SELECT e.alert_id, max(d.queued_at) AS told_at, bool_or(d.receipt = 'acknowledged') AS taken
    FROM alert AS a JOIN alert_event AS e ON e.alert_id = a.id JOIN delivery AS d ON d.alert_event_id = e.id
    JOIN subscription AS s ON s.id = d.subscription_id
    WHERE a.state IN ('open', 'escalated') AND s.scope = 'Restricted' AND s.enabled AND d.status <> 'withheld' GROUP BY e.alert_id),
due AS MATERIALIZED (
    SELECT a.id FROM alert AS a JOIN told AS t ON t.alert_id = a.id
    JOIN unnest(CAST(:severities AS text[]), CAST(:hours AS float8[])) AS h(severity, hours) ON h.severity = a.severity
    WHERE t.taken IS NOT true AND t.told_at + make_interval(secs => h.hours * 3600) <= clock_timestamp())
SELECT id FROM due WHERE alert_hold(id, clock_timestamp()) IS NULL ORDER BY id
"""
