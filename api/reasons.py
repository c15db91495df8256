"""Reasons of a rating in the reader's language.

A rating keeps its reasons in English, so that what was known on a day is read in every language later. They are made of clauses;
the texts `reason.*` hold each of them in three languages, and the English one is the pattern by which it is known again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from api.texts import isolated, term, texts, translate

Clauses = Callable[[str], str]
"""Gives a label or detail of a reason in a language; what is no clause, such as a record's own name, as it is."""
PREFIX = "reason."
LEAST_SHARE = 0.005
"""Less is told as 0 %."""
BETWEEN = {", ": "comma", "; ": "semicolon"}
BRACES = re.compile(r"\\{(\w+)\\}")
NAMED = {"state", "after", "kind", "grade", "source", "work"}
"""Values that are terms of the catalogue."""


@cache
def clauses(lang: str) -> Clauses:
    """Return a function that tells reasons in a language."""
    if lang == "en":
        return lambda english: english
    words, name = translate(lang), term(lang)

    def said(which: str, value: str) -> str:
        return name(_term(which, value)) if which in NAMED else told(value) if which == "rest" else value

    def clause(english: str) -> str | None:
        for key, pattern in _patterns():
            found = pattern.fullmatch(english)
            values = found.groupdict() if found else {}
            if found and all(
                f"term.{_term(which, value)}" in texts() for which, value in values.items() if which in NAMED
            ):
                return words(key, **{which: said(which, value) for which, value in values.items()})
        return None

    def told(english: str) -> str:
        whole = clause(english)
        if whole is not None:
            return whole
        parts = re.split(r"(, |; )", english)
        return "".join(words(BETWEEN[part]) if part in BETWEEN else clause(part) or part for part in parts)

    return told


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return list(_compiled())


def _compiled() -> Iterator[tuple[str, re.Pattern[str]]]:
    for key, languages in texts().items():
        if key.startswith(PREFIX):
            pattern = BRACES.sub(lambda found: f"(?P<{found[1]}>{_shape(found[1])})", re.escape(languages["en"]))
            yield key, re.compile(pattern)


def _shape(which: str) -> str:
    """Return what a value looks like: days, numbers, words."""
    return {"day": r"\d{4}-\d\d-\d\d", "n": r"[\d,.]+", "all": r"\d+", "rest": ".+"}.get(which, r"[\w -]+?")


def _term(which: str, value: str) -> str:
    """Return the term of a value; kinds are written with spaces, grades are terms with theirs."""
    value = f"work_{value}" if which == "work" else value
    return value if f"term.{value}" in texts() else value.replace(" ", "_")


def hidden(look: Mapping[str, Any], lang: str) -> str:
    """Return what hid the ground from a look, most first; of looks of old nobody has written it down."""
    t, name = translate(lang), term(lang)
    shares = sorted(look["hidden"].items(), key=lambda one: -one[1])
    told = [
        f"{name(f'hidden_{one}')} {isolated(f'{100 * share:.0f} %', lang)}"
        for one, share in shares
        if share >= LEAST_SHARE
    ]
    untold = look["covered_share"] - look["share"] >= LEAST_SHARE and not told
    return t("road.untold") if untold else t("comma").join(told) or "–"
