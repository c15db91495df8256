"""Storing what was decided: new alerts, alerts that have grown, and the messages about them, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.alerts.checks import ask
from hazard_db.alerts.messages import issue
from hazard_db.alerts.states import MessageType, State


@dataclass(frozen=True)
class Draft:
    """An alert as it is to stand; without `alert_id` a new one."""

    alert_id: int | None
    rule_id: int
    group_key: str
    kind: str
    state: State
    severity: str
    certainty: str
    urgency: str
    headline: Mapping[str, str]
    description: Mapping[str, str]
    evidence: Mapping[str, Any]
    expires_at: datetime
    change_ids: tuple[int, ...]
    """The changes it speaks of; with the findings their union is its place."""
    finding_ids: tuple[int, ...] = ()
    seen_again: bool = False
    message: MessageType | None = "Alert"
    """None for a candidate, of which nobody is told."""
    notify: bool = True
    note: str | None = None


def store(conn: Connection, drafts: Sequence[Draft], actor: str) -> list[int]:
    """Return the numbers of the alerts, in the order of the drafts; messages and deliveries are stored with them."""
    numbers = dict(_insert(conn, [draft for draft in drafts if draft.alert_id is None]))
    stored = [numbers[draft.group_key] if draft.alert_id is None else draft.alert_id for draft in drafts]
    pairs = list(zip(stored, drafts, strict=True))
    _update(conn, [(number, draft) for number, draft in pairs if draft.alert_id is not None])
    _link(conn, pairs)
    alike: dict[tuple[MessageType, str | None, bool], list[int]] = {}
    for number, draft in pairs:
        if draft.message is not None:
            alike.setdefault((draft.message, draft.note, draft.notify), []).append(number)
    for (message, note, notify), listed in alike.items():
        issue(conn, listed, message, actor, note, notify=notify)
    ask(conn, [number for number, draft in pairs if _asks_for_a_look(draft)])
    return stored


def _asks_for_a_look(draft: Draft) -> bool:
    """Return whether the nearest team is to look: imagery shows something new at a place."""
    return draft.message == "Alert" and bool(draft.change_ids) and not draft.evidence.get("flood")


def _insert(conn: Connection, drafts: Sequence[Draft]) -> list[tuple[str, int]]:
    if not drafts:
        return []
    rows = conn.execute(text(_INSERT), {"drafts": json.dumps([_plain(draft) for draft in drafts])})
    return [(row.group_key, row.id) for row in rows]


def _update(conn: Connection, drafts: Sequence[tuple[int, Draft]]) -> None:
    if drafts:
        listed = [{**_plain(draft), "id": number} for number, draft in drafts]
        conn.execute(text(_UPDATE), {"drafts": json.dumps(listed)})


def _link(conn: Connection, drafts: Sequence[tuple[int, Draft]]) -> None:
    for kind in ("change", "finding"):
        links = [(number, one) for number, draft in drafts for one in getattr(draft, f"{kind}_ids")]
        conn.execute(
            text(f"""INSERT INTO alert_{kind} (alert_id, {kind}_id)
                     SELECT * FROM unnest(CAST(:alerts AS bigint[]), CAST(:others AS bigint[])) ON CONFLICT DO NOTHING"""),
            {"alerts": [alert for alert, _ in links], "others": [other for _, other in links]},
        )


def _plain(draft: Draft) -> dict[str, Any]:
    names = (
        "rule_id", "group_key", "kind", "state", "severity", "certainty", "urgency", "headline", "description", "evidence", "seen_again",
    )  # fmt: skip
    return {
        **{name: getattr(draft, name) for name in names},
        "expires_at": draft.expires_at.isoformat(),
        "change_ids": draft.change_ids,
        "finding_ids": draft.finding_ids,
    }


_DRAFTS = """jsonb_to_recordset(CAST(:drafts AS jsonb)) AS d(id bigint, rule_id bigint, group_key text, kind text, state text,
    severity text, certainty text, urgency text, headline jsonb, description jsonb, evidence jsonb, expires_at timestamptz,
    seen_again boolean, change_ids bigint[], finding_ids bigint[])"""

# What happens far above the road concerns the place where the way down from there meets it.
_PLACE = """(SELECT ST_Union(place.geom) FROM (SELECT coalesce(w.meeting, ST_MakeValid(c.geom)) AS geom
    FROM change AS c LEFT JOIN LATERAL (
        SELECT k.meeting FROM cascade AS k LEFT JOIN glacial_lake AS l ON l.id = k.lake LEFT JOIN glacier AS g ON g.id = k.glacier
        WHERE k.alignment_id = current_alignment()
          AND (l.lake_id = c.properties ->> 'lake_id' OR g.glacier_id = c.properties ->> 'glacier_id')
    ) AS w ON c.properties ? 'event' WHERE c.id = ANY(d.change_ids)
    UNION ALL SELECT f.geom FROM finding AS f WHERE f.id = ANY(d.finding_ids)) AS place)"""

_INSERT = f"""
INSERT INTO alert (rule_id, group_key, kind, state, severity, certainty, urgency, headline, description, evidence, expires_at, geom)
SELECT d.rule_id, d.group_key, d.kind, d.state, d.severity, d.certainty, d.urgency, d.headline, d.description, d.evidence,
       d.expires_at, {_PLACE}
FROM {_DRAFTS} RETURNING id, group_key
"""

_UPDATE = f"""
UPDATE alert AS a SET rule_id = d.rule_id, state = d.state, severity = d.severity, certainty = d.certainty, urgency = d.urgency,
    headline = d.headline, description = d.description, evidence = d.evidence, expires_at = d.expires_at, updated_at = clock_timestamp(),
    raise_count = a.raise_count + CASE WHEN d.seen_again THEN 1 ELSE 0 END, geom = {_PLACE},
    resolved_at = CASE WHEN d.state = 'resolved' THEN clock_timestamp() END,
    resolved_by = CASE WHEN d.state = 'resolved' THEN actor_name() END
FROM {_DRAFTS} WHERE a.id = d.id
"""
