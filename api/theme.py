"""The colours of the pages, in light and dark: the one place they stand in, served as variables to every stylesheet.

Hazard grades as bars are those of the maps (`maps.style`). Words in a colour have a contrast of 4.5 to 1 on every ground they stand on.
"""

from __future__ import annotations

from collections.abc import Mapping

from maps.style import AREAS, GRADES, INK

SCHEMES = ("auto", "light", "dark")
"""What a reader may choose; `auto` is as the device wants it."""

LIGHT: Mapping[str, str] = {
    "paper": "#fdfcfa", "sheet": "#ffffff", "wash": "#f2efe9", "line": "#d9d6d0", "edge": "#7a818a",
    "ink": "#1c2024", "soft": "#545b63", "link": "#0b5394", "mark": "#8a4b08", "good": "#2f6b3d", "bad": "#9b1c1c",
    "low": "#2f6b3d", "intermediate": "#7a5c00", "high": "#a84a05", "very-high": "#9b1c1c", "unknown": "#5d646c",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "paper": "#14171a", "sheet": "#1c2024", "wash": "#23282d", "line": "#4a515a", "edge": "#7f8790",
    "ink": "#eceae6", "soft": "#a9b0b7", "link": "#8ab8e6", "mark": "#e0a458", "good": "#7cc48d", "bad": "#f58b8b",
    "low": "#7cc48d", "intermediate": "#e0bd4a", "high": "#f09a55", "very-high": "#f58b8b", "unknown": "#a3aab1",
}  # fmt: skip
SAME: Mapping[str, str] = {
    "brand": "#1f3a34", "on-brand": "#ffffff",
    "map-paper": "#e9e6df", "map-ink": INK, "map-sheet": "#ffffff", "map-link": "#0b5394",
    **{f"bar-{grade.replace(' ', '-')}": line.color for grade, line in GRADES.items()},
}  # fmt: skip
"""In light and in dark: maps and bars mean the same by day and by night."""
WORDS = ("ink", "soft", "link", "mark", "good", "bad", "low", "intermediate", "high", "very-high", "unknown")
GROUNDS = ("paper", "sheet", "wash")

SMALL_MAP = {
    "casing": INK, "road": "#fbf3dc", "way": AREAS["way"].color, "shape": AREAS["site"].color, "accuracy": AREAS["observation"].color,
}  # fmt: skip
"""Lines of the small maps beside lists and records."""


def stylesheet() -> str:
    """Return the variables as a stylesheet; paper is always light."""
    dark = f"color-scheme: dark; {_told(DARK)}"
    return (
        f"{paper()}"
        f"@media screen and (prefers-color-scheme: dark) {{ :root:not([data-scheme=light]) {{ {dark} }} }}\n"
        f"@media screen {{ :root[data-scheme=dark] {{ {dark} }} }}\n"
    )


def paper() -> str:
    """Return the variables of pages that are on paper, or as light as paper."""
    return f":root {{ color-scheme: light; {_told({**SAME, **LIGHT})} }}\n"


def _told(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
