"""What maps say, in English, Chinese and Urdu."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from hazard_db import wording
from hazard_db.wording import Words

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
