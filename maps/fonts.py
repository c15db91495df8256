"""Fonts of printed pages: Noto in Latin, Chinese and Urdu letters, out of locked npm packages; only the parts that a page needs.

The packages hold each font in parts for browsers, packed as WOFF. `gather` unpacks them once; Chinese has a hundred parts, of which a
page needs a few.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError

from hazard_db.errors import MapError

PARTS = (
    ("noto-sans", re.compile(r"noto-sans-latin-400-normal\.woff")),
    ("noto-sans", re.compile(r"noto-sans-latin-700-normal\.woff")),
    ("noto-sans", re.compile(r"noto-sans-(latin-ext|greek|cyrillic)-400-normal\.woff")),
    ("noto-nastaliq-urdu", re.compile(r"noto-nastaliq-urdu-arabic-400-normal\.woff")),
    ("noto-sans-sc", re.compile(r"noto-sans-sc-\d+-400-normal\.woff")),
)
"""Package and the names of its files that are taken; of letters that two have, the first one's is."""
LATIN, BOLD, URDU = "noto-sans-latin-400-normal", "noto-sans-latin-700-normal", "noto-nastaliq-urdu-arabic-400-normal"
INDEX = "index.json"


def gather(packages: Path, target: Path) -> None:
    """Unpack the fonts and write down which letters each part has.

    Raises
    ------
    MapError
        A package is not there, or its file is no font.
    """
    target.mkdir(parents=True, exist_ok=True)
    letters: dict[str, list[int]] = {}
    for package, pattern in PARTS:
        files = sorted(path for path in (packages / package / "files").glob("*.woff") if pattern.fullmatch(path.name))
        if not files:
            raise MapError(f"the fonts of {package} are missing; run `make assets`")
        licence = packages / package / "LICENSE"
        if licence.is_file():
            (target / f"{package}-LICENSE").write_bytes(licence.read_bytes())
        for path in files:
            letters[path.stem] = _unpack(path, target / f"{path.stem}.ttf")
    (target / INDEX).write_text(json.dumps(letters), "utf8")


def _unpack(source: Path, target: Path) -> list[int]:
    """Return the letters of a font after writing it unpacked."""
    try:
        with TTFont(source) as font:
            found = sorted(font.getBestCmap())
            if not target.is_file() or target.stat().st_mtime < source.stat().st_mtime:
                font.flavor = None
                font.save(target)
    except (TTLibError, OSError) as error:
        raise MapError(
            f"{source.name}: is no font that can be read ({error}); run `make clean` and `make assets`"
        ) from error
    return found


@cache
def letters(folder: Path) -> dict[int, str]:
    """Return the part of a font by letter.

    Raises
    ------
    MapError
        The fonts are not there.
    """
    try:
        known: dict[str, list[int]] = json.loads((folder / INDEX).read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise MapError("the fonts of printed pages are not there; run `make assets`") from error
    return {letter: name for name, found in reversed(known.items()) if name != BOLD for letter in found}


def needed(text: str, folder: Path) -> list[str]:
    """Return the parts that the letters of a text are in, each once; letters that no font has are left out."""
    by_letter = letters(folder)
    return list(dict.fromkeys(by_letter[ord(letter)] for letter in text if ord(letter) in by_letter))
