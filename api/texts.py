"""What the pages say, in English, Chinese and Urdu."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import yaml

LANGUAGES = {"en": "English", "zh": "中文", "ur": "اردو"}
DIRECTIONS = {"en": "ltr", "zh": "ltr", "ur": "rtl"}
ISOLATED = "\u2068{}\u2069"
"""Around a value within text from right to left: dates and numbers keep their own direction."""
Words = Callable[..., str]
"""Gives the words of a key; named values fill its {braces}."""
FILE = Path(__file__).parent / "texts.yml"


@cache
def texts() -> dict[str, dict[str, str]]:
    """Return every text: key -> language -> words."""
    loaded: dict[str, list[str]] = yaml.safe_load(FILE.read_text(encoding="utf8"))
    return {key: dict(zip(LANGUAGES, words, strict=True)) for key, words in loaded.items()}


def translate(lang: str) -> Words:
    """Return a function that gives the words of a key; named values fill its {braces}."""
    mark = ISOLATED if DIRECTIONS[lang] == "rtl" else "{}"

    def words(key: str, **values: object) -> str:
        return texts()[key][lang].format(**{name: mark.format(value) for name, value in values.items()})

    return words


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


def isolated(text: str, lang: str) -> str:
    """Return a text of the catalogue that keeps its own direction within one from right to left."""
    return ISOLATED.format(text) if DIRECTIONS[lang] == "rtl" else text
