"""Rules as people write them: YAML in and out, tried on the last year before they are put in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from pydantic import ValidationError

from alerts.rules import AlertRule, RuleBook, parse_rule, problem_of
from alerts.trial import Trial, try_rule
from hazard_db import alerts as catalogue
from hazard_db.alerts import RuleRow
from hazard_db.connect import Connection
from hazard_db.errors import InputError

LAST = timedelta(days=365)


@dataclass(frozen=True)
class Comparison:
    """What a rule would have raised in the last year, beside what it raises as it stands."""

    wanted: Trial
    present: Trial | None
    """None of a rule that is new."""


def written(rule: AlertRule) -> str:
    """Return a rule as YAML, as the file of rules has it; what is as usual is left out."""
    return _dump(rule.model_dump(mode="json", exclude_defaults=True))


def read_rule(text: str) -> AlertRule:
    """Return the rule of a YAML text.

    Raises
    ------
    InputError
        It is not YAML, or says something that is not understood.
    """
    try:
        told: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"the rule is not YAML ({' '.join(str(error).split())})") from error
    if isinstance(told, list) and len(told) == 1:
        told = told[0]
    if not isinstance(told, Mapping):
        raise InputError("a rule is written as lines of `name: value`")
    try:
        return AlertRule.model_validate(told)
    except ValidationError as error:
        raise InputError(f"the rule: {problem_of(error)}") from error


def exported(rows: Sequence[RuleRow]) -> str:
    """Return rules in force as a file of rules."""
    rules = [parse_rule(row.definition) for row in rows if row.enabled]
    version = f"{datetime.now(UTC):%Y-%m-%d}"
    return _dump({"version": version, "rules": [rule.model_dump(mode="json", exclude_defaults=True) for rule in rules]})


def save(
    conn: Connection, rule: AlertRule, why: str, *, enabled: bool = True, expected: int | None = None
) -> RuleRow:  # fmt: skip
    """Return a rule as it is in force from now on.

    Raises
    ------
    InputError
        Nothing is said about why.
    ConflictError
        It was changed since the caller looked.
    """
    if not why.strip():
        raise InputError("say why the rule is changed: it is kept with its versions")
    return catalogue.save_rule(conn, rule.model_dump(mode="json"), why.strip(), enabled=enabled, expected=expected)


def import_book(conn: Connection, book: RuleBook, why: str) -> list[RuleRow]:
    """Return the rules of a file that differ from those in force, put in force; rules that the file does not have stay."""
    present = {row.name: row for row in catalogue.all_rules(conn)}
    changed = []
    for rule in book.rules:
        row = present.get(rule.name)
        if row is None or not row.enabled or parse_rule(row.definition) != rule:
            changed.append(save(conn, rule, why))
    return changed


def compare(conn: Connection, rule: AlertRule, present: AlertRule | None) -> Comparison:
    """Return what a rule would have raised from what the catalogue holds of the last year; nothing is stored."""
    facts = catalogue.facts_since(conn, (datetime.now(UTC) - LAST).date())
    return Comparison(try_rule(rule, facts), None if present is None else try_rule(present, facts))


def _dump(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
