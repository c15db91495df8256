"""Words in English, Chinese and Urdu: gettext files whose context is the key in the code and whose text to translate is English."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from babel.messages.pofile import PoFileError, read_po

from hazard_db.errors import HazardError

LANGUAGES = {"en": "English", "zh": "中文", "ur": "اردو"}
DIRECTIONS = {"en": "ltr", "zh": "ltr", "ur": "rtl"}
ISOLATED = "\u2068{}\u2069"
"""Around a value within text from right to left: dates and numbers keep their own direction."""
FIGURES = re.compile(
    r"(?<![\w.-])(?:\d{4}-\d\d-\d\d(?: \d\d:\d\d)?(?: UTC)?|"
    r"[+\u2212-]?\d[\d,.]*(?:[-–]\d[\d,.]*)?(?: ± \d[\d,.]*)?(?: (?:mm/yr|m³/s|km²|km|m²|mm|m)\b)?)(?<![,.])"
)
"""Dates, and numbers or ranges with what they are uncertain by and their units; not the numbers of codes and versions."""
_LATIN = r"[A-Za-z][\w.:/+@-]*(?:,? [A-Za-z0-9][\w.:/+@-]*)*(?<![.,:])"
_FOREIGN = re.compile(rf"https?://\S+|{_LATIN}|{FIGURES.pattern}", re.ASCII)
"""Addresses, words and codes in Latin letters, and figures."""

Texts = Mapping[str, Mapping[str, str]]
"""Key -> language -> words."""
Words = Callable[..., str]
"""Gives the words of a key; named values fill its {braces}."""


class WordingError(HazardError):
    """A file of words lacks one, or does not fit the other languages'."""


def read(folder: Path) -> dict[str, dict[str, str]]:
    """Return every text of a folder that holds a gettext file for each language but English: key -> language -> words.

    Raises
    ------
    WordingError
        A file cannot be read, a text is not translated or marked as fuzzy, or the files translate different English; it says which.
    """
    texts: dict[str, dict[str, str]] = {}
    for language in LANGUAGES:
        if language == "en":
            continue
        for key, english, words in _entries(folder / f"{language}.po"):
            known = texts.setdefault(key, {"en": english})
            if known["en"] != english:
                raise WordingError(f"{folder}: {key} is {known['en']!r} in one language and {english!r} in another")
            known[language] = words
    if lacking := [key for key, words in texts.items() if len(words) < len(LANGUAGES)]:
        raise WordingError(f"{folder}: {', '.join(lacking[:5])} is not in every language; add it to each file")
    return texts


def _entries(path: Path) -> list[tuple[str, str, str]]:
    """Return key, English and words of each text of a file."""
    try:
        with path.open("rb") as file:
            catalogue = read_po(file, abort_invalid=True)
    except (OSError, PoFileError, UnicodeDecodeError) as error:
        raise WordingError(f"{path}: {error}; mend the file") from error
    entries = []
    for entry in catalogue:
        if not entry.id:
            continue  # the head of the file
        key, words = entry.context, entry.string
        if key is None or not isinstance(words, str) or not words or entry.fuzzy:
            raise WordingError(
                f"{path}: {key or entry.id!r} is not translated, or fuzzy; translate it and take the mark away"
            )
        entries.append((key, str(entry.id), words))
    return entries


def translator(texts: Texts, language: str) -> Words:
    """Return a function that gives the words of a key in a language; named values fill its {braces}, and keep their direction."""
    mark = ISOLATED if DIRECTIONS[language] == "rtl" else "{}"

    def words(key: str, **values: object) -> str:
        return texts[key][language].format(**{name: mark.format(value) for name, value in values.items()})

    return words


def isolated_runs(text: str, language: str) -> str:
    """Return a line of plain text whose figures, dates, codes and Latin words keep their direction where it runs from right to left.

    Addresses are left as they are: programs that find links in a text would take a mark for a part of them.
    """
    if DIRECTIONS[language] == "ltr":
        return text
    return _FOREIGN.sub(lambda found: found[0] if found[0].startswith("http") else ISOLATED.format(found[0]), text)
