"""Alert rules as rows: which definition is in force, in which version, and who changed it when and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from hazard_db.errors import ConflictError, NotFoundError

BY_HAND = "catalogue"
"""Source of rules that people have changed here; a file of rules leaves them alone."""


@dataclass(frozen=True)
class RuleRow:
    """A rule as stored."""

    id: int
    name: str
    enabled: bool
    version: int
    definition: Mapping[str, Any]


@dataclass(frozen=True)
class RuleVersion:
    """A rule as it stood from then on."""

    version: int
    enabled: bool
    definition: Mapping[str, Any]
    why: str | None
    changed_at: datetime
    changed_by: str


def sync_rules(conn: Connection, source: str, rules: Mapping[str, tuple[str, Mapping[str, Any]]]) -> list[RuleRow]:
    """Return the rules in force after those of `source` were brought to name -> (kind, definition).

    A definition that differs gets the next version; a rule that the source no longer has is switched off.
    Rules of another source (made by hand) are left alone, also where they bear the same name.
    """
    given = [
        {"name": name, "kind": kind, "definition": {**definition, "source": source}}
        for name, (kind, definition) in rules.items()
    ]
    conn.execute(
        text("""INSERT INTO alert_rule AS r (name, kind, definition)
                SELECT name, kind, definition FROM jsonb_to_recordset(CAST(:rules AS jsonb)) AS n(name text, kind text, definition jsonb)
                ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, kind = excluded.kind, enabled = true,
                    why = 'as the file has it'
                WHERE r.definition ->> 'source' = :source AND (r.definition <> excluded.definition OR NOT r.enabled)"""),
        {"rules": json.dumps(given), "source": source},
    )
    conn.execute(
        text("""UPDATE alert_rule SET enabled = false, why = 'the file has it no longer'
                WHERE enabled AND definition ->> 'source' = :source AND name <> ALL(:names)"""),
        {"source": source, "names": list(rules)},
    )
    return enabled_rules(conn)


def enabled_rules(conn: Connection) -> list[RuleRow]:
    """Return the rules in force, in the order they were made."""
    return [rule for rule in all_rules(conn) if rule.enabled]


def all_rules(conn: Connection) -> list[RuleRow]:
    """Return every rule, those that are switched off too, in the order they were made."""
    rows = conn.execute(text("SELECT id, name, enabled, version, definition FROM alert_rule ORDER BY id")).mappings()
    return [RuleRow(**row) for row in rows]


def get_rule(conn: Connection, rule_id: int) -> RuleRow:
    """Return one rule.

    Raises
    ------
    NotFoundError
        There is none of that number.
    """
    found = next((rule for rule in all_rules(conn) if rule.id == rule_id), None)
    if found is None:
        raise NotFoundError(f"there is no alert rule {rule_id}")
    return found


def save_rule(
    conn: Connection, definition: Mapping[str, Any], why: str, *, enabled: bool = True, expected: int | None = None,
    source: str = BY_HAND,
) -> RuleRow:  # fmt: skip
    """Return the rule of that definition's name as it is in force from now on; what it was before stays among its versions.

    Parameters
    ----------
    expected
        The version that the caller looked at; 0 where there must be no rule of that name yet; None = whatever it is.

    Raises
    ------
    ConflictError
        It is in another version by now.
    """
    name = str(definition["name"])
    present = conn.scalar(text("SELECT version FROM alert_rule WHERE name = :name FOR UPDATE"), {"name": name})
    if expected is not None and (present or 0) != expected:
        raise ConflictError(
            f"alert rule {name!r} is in version {present} by now; look again before you change it"
            if present
            else f"there is no alert rule {name!r} any more"
        )
    conn.execute(
        text("""INSERT INTO alert_rule (name, kind, definition, enabled, why)
                VALUES (:name, :kind, CAST(:definition AS jsonb), :enabled, :why)
                ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, definition = excluded.definition, enabled = excluded.enabled,
                    why = excluded.why"""),
        {
            "name": name, "kind": ", ".join(definition["kinds"]), "enabled": enabled, "why": why,
            "definition": json.dumps({**definition, "source": source}),
        },
    )  # fmt: skip
    return next(rule for rule in all_rules(conn) if rule.name == name)


def rule_versions(conn: Connection, rule_id: int) -> list[RuleVersion]:
    """Return how a rule stood through time, newest first."""
    rows = conn.execute(
        text("""SELECT version, enabled, definition, why, changed_at, changed_by FROM alert_rule_version
                WHERE rule_id = :id ORDER BY version DESC"""),
        {"id": rule_id},
    ).mappings()
    return [RuleVersion(**row) for row in rows]


def roll_back(conn: Connection, rule_id: int, version: int, why: str) -> RuleRow:
    """Return the rule as it stood in an earlier version, in force again as a new one.

    A version that came from the file follows the file again.

    Raises
    ------
    NotFoundError
        There is no such rule, or it never stood in that version.
    """
    rule = get_rule(conn, rule_id)
    then = next((one for one in rule_versions(conn, rule_id) if one.version == version), None)
    if then is None:
        raise NotFoundError(f"alert rule {rule.name!r} has no version {version}")
    source = str(then.definition.get("source", BY_HAND))
    return save_rule(conn, {**then.definition, "name": rule.name}, why, enabled=then.enabled, source=source)
