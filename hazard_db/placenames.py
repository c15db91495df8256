"""Names of places as English, Chinese and Urdu write them."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

import yaml

from hazard_db.wording import LANGUAGES


@cache
def places() -> dict[str, dict[str, str]]:
    """Return the names of the places we know: name in the catalogue -> language -> name."""
    loaded: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "places.yml").read_text(encoding="utf8"))
    return {name: dict(zip(LANGUAGES, (name, *words), strict=True)) for name, words in loaded.items()}


def place_name(name: str, lang: str) -> str:
    """Return a place's name as a language writes it, as it is where we do not know."""
    return places().get(name, {}).get(lang, name)


def names_of(name: str) -> dict[str, str]:
    """Return a place's name in every language, as it is where we do not know."""
    return places().get(name, dict.fromkeys(LANGUAGES, name))


def place_of(name: str) -> str:
    """Return the catalogue's name of a place that somebody wrote in one of our languages, or began to; as it is where we do not know."""
    asked = _folded(name)
    exact = (known for known, words in places().items() if asked in {_folded(word) for word in words.values()})
    if (found := next(exact, None)) is not None:
        return found
    enough = 2 if asked and not asked.isascii() else 3
    begun = {
        known for known, words in places().items() if any(_folded(word).startswith(asked) for word in words.values())
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
