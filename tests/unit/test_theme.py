"""The colours stand in one place, can be read, and mean the same on pages and on maps."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from api import theme
from maps.style import GRADES

API = Path(theme.__file__).parent
SHEETS = sorted(
    path
    for folder in ("static", "templates")
    for path in (API / folder).rglob("*")
    if path.suffix in {".css", ".js", ".html"}
)


def light(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2), 0 to 1."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_words_can_be_read_on_every_ground(colours: dict[str, str]) -> None:
    poor = {(word, ground): round(contrast(colours[word], colours[ground]), 2) for word in theme.WORDS for ground in theme.GROUNDS
            if contrast(colours[word], colours[ground]) < 4.5}  # fmt: skip
    assert poor == {}
    assert all(contrast(colours["edge"], colours[ground]) >= 3 for ground in ("paper", "sheet")), "edges of fields"
    assert contrast(theme.SAME["brand"], theme.SAME["on-brand"]) >= 4.5
    assert contrast(theme.SAME["map-ink"], theme.SAME["map-paper"]) >= 4.5


def test_bars_are_those_of_the_maps_and_apart_in_grey() -> None:
    bars = {grade: theme.SAME[f"bar-{grade.replace(' ', '-')}"] for grade in GRADES}
    assert bars == {grade: line.color for grade, line in GRADES.items()}
    known = [bars[grade] for grade in ("low", "intermediate", "high", "very high")]
    assert [light(one) for one in known] == sorted((light(one) for one in known), reverse=True)
    assert all(contrast(one, other) >= 1.4 for one, other in combinations(known, 2))


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_no_colour_stands_elsewhere(path: Path) -> None:
    found = re.findall(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b(?=[;,\s)\"'])|rgb\(", path.read_text(encoding="utf8"))
    assert found == [], "colours are variables of api/theme.py"


def test_dark_and_light_have_the_same_names() -> None:
    assert set(theme.LIGHT) == set(theme.DARK)
    used = {name for path in SHEETS for name in re.findall(r"var\(--([a-z-]+)", path.read_text(encoding="utf8"))}
    local = {"bar", "tall", "ten", "at", "fade-start", "fade-end", "towards"}
    assert used - local - set(theme.LIGHT) - set(theme.SAME) == set()
