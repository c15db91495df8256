"""What the pages say, in English, Chinese and Urdu."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from hazard_db import wording
from hazard_db.wording import DIRECTIONS, FIGURES, ISOLATED, Words

FOLDER = Path(__file__).parent / "locale"


@cache
def texts() -> wording.Texts:
    """Return every text: key -> language -> words."""
    return wording.read(FOLDER)


def translate(lang: str) -> Words:
    """Return a function that gives the words of a key; named values fill its {braces}."""
    return wording.translator(texts(), lang)


def stated(lang: str) -> Callable[[str], str]:
    """Return a function that gives what a file states in a reader's language where we know it, else as it stands there."""
    return lambda value: texts().get(f"term.{value}", {}).get(lang, value)


def term(lang: str) -> Callable[[str], str]:
    """Return a function that gives the words of a term of the catalogue, such as a grade or state; unknown ones as they are."""

    def words(value: str | None) -> str:
        if value is None:
            return "–"
        known = texts().get(f"term.{value}")
        return known[lang] if known else value.replace("_", " ")

    return words


def isolated_figures(text: str | None, lang: str) -> str | None:
    """Return a message whose dates and numbers keep their own direction within one from right to left."""
    if text is None or DIRECTIONS[lang] == "ltr":
        return text
    return FIGURES.sub(lambda found: ISOLATED.format(found[0]), text)


def isolated(text: str, lang: str) -> str:
    """Return a text of the catalogue that keeps its own direction within one from right to left."""
    return ISOLATED.format(text) if DIRECTIONS[lang] == "rtl" else text
