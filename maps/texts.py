"""What maps say, in English, Chinese and Urdu; and names of places as each language writes them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

import yaml

from hazard_db import wording
from hazard_db.wording import LANGUAGES, Words

FOLDER = Path(__file__).parent

Term = Callable[[str], str]
"""Gives the words of a term of the catalogue, such as a grade or state."""


@cache
def texts() -> wording.Texts:
    """Return every text: key -> language -> words."""
    return wording.read(FOLDER / "locale")


def translate(lang: str) -> Words:
    """Return a function that gives the words of a key in a language."""
    return wording.translator(texts(), lang)


@cache
def _places() -> dict[str, dict[str, str]]:
    loaded: dict[str, list[str]] = yaml.safe_load((FOLDER / "places.yml").read_text(encoding="utf8"))
    return {name: dict(zip(LANGUAGES, (name, *words), strict=True)) for name, words in loaded.items()}


def place_name(name: str, lang: str) -> str:
    """Return a place's name as a language writes it, as it is where we do not know."""
    return _places().get(name, {}).get(lang, name)


def names_of(name: str) -> dict[str, str]:
    """Return a place's name in every language, as it is where we do not know."""
    return _places().get(name, dict.fromkeys(LANGUAGES, name))


def place_of(name: str) -> str:
    """Return the catalogue's name of a place that somebody wrote in one of our languages, or began to; as it is where we do not know."""
    asked = _folded(name)
    exact = (known for known, words in _places().items() if asked in {_folded(word) for word in words.values()})
    if (found := next(exact, None)) is not None:
        return found
    enough = 2 if asked and not asked.isascii() else 3
    begun = {
        known for known, words in _places().items() if any(_folded(word).startswith(asked) for word in words.values())
    }
    return begun.pop() if len(asked) >= enough and len(begun) == 1 else name


_LETTERS = str.maketrans(
    {"ي": "ی", "ى": "ی", "ئ": "ی", "ك": "ک", "ه": "ہ", "ة": "ہ", "ۃ": "ہ", "أ": "ا", "آ": "ا", "إ": "ا", "ؤ": "و"}
)
"""Arabic letters as keyboards of other languages write those of Urdu."""


def _folded(text: str) -> str:
    """Return a text without case, width, vowel signs and spaces; Arabic letters are those of Urdu."""
    plain = unicodedata.normalize("NFKC", text).translate(_LETTERS)
    bare = (
        sign for sign in unicodedata.normalize("NFD", plain) if not unicodedata.combining(sign) and not sign.isspace()
    )
    return "".join(bare).casefold()
