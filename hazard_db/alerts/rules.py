"""Alert rules as rows: which definition is in force, in which version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class RuleRow:
    """A rule as stored."""

    id: int
    name: str
    enabled: bool
    version: int
    definition: Mapping[str, Any]


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
                    version = r.version + CASE WHEN r.definition <> excluded.definition THEN 1 ELSE 0 END
                WHERE r.definition ->> 'source' = :source AND (r.definition <> excluded.definition OR NOT r.enabled)"""),
        {"rules": json.dumps(given), "source": source},
    )
    conn.execute(
        text(
            "UPDATE alert_rule SET enabled = false WHERE enabled AND definition ->> 'source' = :source AND name <> ALL(:names)"
        ),
        {"source": source, "names": list(rules)},
    )
    return enabled_rules(conn)


def enabled_rules(conn: Connection) -> list[RuleRow]:
    """Return the rules in force, in the order they were made."""
    rows = conn.execute(
        text("SELECT id, name, enabled, version, definition FROM alert_rule WHERE enabled ORDER BY id")
    ).mappings()
    return [RuleRow(**row) for row in rows]
