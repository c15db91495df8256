"""How maps look: one description for the map itself and for its legend.

Grades go from light and narrow to dark and wide, so that they stay apart for colour-blind eyes and in black and white.
What is not known is dashed, never drawn like `low`. Records differ by shape first, by colour second; hollow is unreviewed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

INK = "#22262b"
SOFT, FAINT, HAIR = "#59626c", "#84898f", "#d9d6d0"
"""Of what is said less loudly: words and hatches, edges of lanes, lines behind."""
PAPER, WHITE = "#f1efe9", "#ffffff"
SEEN, COUNTED, WORKS = "#cfe3ef", "#1f66b0", "#e9d8a6"
"""On strip maps: seen lately, counts of records, works."""
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#7a5195", "#5b6770")
"""Lines of plots, apart for colour-blind eyes (Okabe and Ito), readable on light and dark."""
NOTHING_THERE = "#9b1022"
LOOK_EXPIRES_DAYS = 60
"""A clear look older than this says little of today."""
SURE, UNSURE = 0.55, 0.08
"""Opacity of a change's area at confidence 1 and 0."""


@dataclass(frozen=True)
class Line:
    """A stroke."""

    color: str
    weight: float
    dash: str | None = None
    """Lengths of dash and gap in pixels."""
    under: str = INK
    """Colour of what shows in the gaps and at the edges."""


@dataclass(frozen=True)
class Symbol:
    """A mark in a box of 24 by 24."""

    shape: str
    """SVG elements without colours."""
    fill: str
    stroke: str
    inner: str = ""
    """More SVG on top of it, with colours."""
    size: int = 20

    @property
    def svg(self) -> str:
        """The mark with a halo of white, so that it stands out on everything."""
        halo = f'<g fill="#fff" stroke="#fff" stroke-width="5" stroke-linejoin="round">{self.shape}</g>'
        mark = f'<g fill="{self.fill}" stroke="{self.stroke}" stroke-width="2" stroke-linejoin="round">{self.shape}</g>'
        return (
            f'<svg viewBox="0 0 24 24" width="{self.size}" height="{self.size}" aria-hidden="true" focusable="false">'
            f"{halo}{mark}{self.inner}</svg>"
        )


GRADES: Mapping[str, Line] = {
    "low": Line("#ffe39a", 3.5),
    "intermediate": Line("#fbaa3c", 4.5),
    "high": Line("#de4a1f", 6),
    "very high": Line("#7a0b1e", 8),
    "unknown": Line("#ffffff", 4, "5 5", under="#59626c"),
}
CASING = Line(INK, 2.2)
"""Edge around the road: wider by this, dark, so that every grade stands out."""
UNSEEN = Line("#ffffff", 2, "0.1 6")
RIVER = Line("#5b93c4", 1.6)
BORDER = Line("#6b6f6b", 1.2, "7 3 1.5 3")
INFILL = 0.7
"""Width of the road, by this much less, where its line is a guess."""

TRIANGLE = '<path d="M12 3.5 21 20H3z"/>'
CIRCLE = '<circle cx="12" cy="12" r="7"/>'
DIAMOND = '<path d="M12 3 21 12 12 21 3 12z"/>'
SQUARE = '<rect x="5" y="5" width="14" height="14"/>'
SINKING = '<path d="M3 5h18L12 20z"/>'
SHIELD = '<path d="M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8z"/>'
DROP = '<path d="M12 2.5c4 5 6.5 8 6.5 11.5a6.5 6.5 0 0 1-13 0C5.5 10.5 8 7.5 12 2.5z"/>'
PEAK = '<path d="M2.5 20 9 6l4 7 2.5-4L21.5 20z"/>'
EXCLAMATION = '<path d="M12 6.5v7" stroke="{0}" stroke-width="2.8" stroke-linecap="round"/><circle cx="12" cy="17.3" r="1.7" fill="{0}"/>'

SYMBOLS: Mapping[str, Symbol] = {
    "alert_grave": Symbol(SHIELD, "#9b1022", "#4d0811", EXCLAMATION.format("#fff"), 30),
    "alert": Symbol(SHIELD, "#ffd23f", INK, EXCLAMATION.format(INK), 28),
    "change": Symbol(SQUARE, "#8e2a9c", "#4f1458"),
    "change_new": Symbol(SQUARE, "#fff", "#8e2a9c"),
    "observation": Symbol(CIRCLE, "#1f66b0", "#0e3763"),
    "observation_new": Symbol(CIRCLE, "#fff", "#1f66b0"),
    "site": Symbol(TRIANGLE, "#6b4a1f", "#3a270f"),
    "event": Symbol(DIAMOND, "#3f4b57", "#1c232b"),
    "lake": Symbol(DROP, "#2b8fc7", "#0d4a70"),
    "lake_dammed": Symbol(DROP, "#0b3f66", "#06233a", '<path d="M8 15h8" stroke="#fff" stroke-width="2.4"/>'),
    "glacier": Symbol(PEAK, "#d8f0f7", "#2c7f99"),
    "outline": Symbol('<path d="M5 17c-1-6 4-12 8-12s6 6 5 12z"/>', "none", "#7a8f99"),
    "terminus": Symbol('<path d="M3 9c5 8 13 8 18 0"/>', "none", "#c2410c"),
    "way": Symbol('<path d="M5 3c0 8 13 8 13 18"/>', "none", "#1d4ed8"),
    "glacier_surge": Symbol(PEAK, "#2c7f99", "#123f4d", EXCLAMATION.format("#fff")),
    "deformation": Symbol(SINKING, "#b2182b", "#67001f"),
    "deformation_new": Symbol(SINKING, "#fff", "#b2182b"),
}
AREAS: Mapping[str, Line] = {
    "alert_grave": Line("#9b1022", 2, "8 4"),
    "alert": Line("#8a6d00", 2, "8 4"),
    "change": Line("#8e2a9c", 2.5),
    "change_new": Line("#8e2a9c", 2, "4 4"),
    "site": Line("#6b4a1f", 2),
    "event": Line("#3f4b57", 3, "2 6"),
    "deformation": Line("#67001f", 2),
    "deformation_new": Line("#67001f", 2, "4 4"),
    "observation": Line("#1f66b0", 2),
    "observation_new": Line("#1f66b0", 2, "4 4"),
    "lake": Line("#0d4a70", 1.5),
    "lake_dammed": Line("#06233a", 2.5),
    "glacier": Line("#2c7f99", 1.2),
    "outline": Line("#7a8f99", 1.2, "3 3"),
    "terminus": Line("#c2410c", 3),
    "way": Line("#1d4ed8", 2, "8 5"),
    "glacier_surge": Line("#123f4d", 2.5, "6 3"),
}

TERRAIN_TINTS = (
    (0, (206, 218, 196)), (1000, (216, 222, 196)), (1800, (231, 226, 200)), (2800, (226, 214, 190)), (3800, (216, 205, 190)),
    (4600, (222, 220, 216)), (5400, (238, 241, 243)), (9000, (250, 252, 253)),
)  # fmt: skip
"""Height in metres -> red, green, blue: pale, so that records stand out on it; green valleys, bare slopes, ice."""

RATE_LIMITS = (-40.0, -20.0, -10.0, -5.0, -2.0, 2.0, 5.0, 10.0, 20.0, 40.0)
"""mm/yr: where one colour of ground motion ends and the next begins."""
RATE_COLOURS = (
    "#67001f", "#b2182b", "#d6604d", "#f4a582", "#fddbc7", "#f1efe9", "#d1e5f0", "#92c5de", "#4393c3", "#2166ac", "#053061",
)  # fmt: skip
"""Diverging, apart for colour-blind eyes (ColorBrewer RdBu): red = away from the satellite, blue = towards it."""
RATE_UNKNOWN = "#9aa0a6"


def rate_colour(rate_mm_yr: float | None) -> str:
    """Return the colour of a rate; grey where it is unknown."""
    return RATE_UNKNOWN if rate_mm_yr is None else RATE_COLOURS[bisect_right(RATE_LIMITS, rate_mm_yr)]


def rate_scale() -> dict[str, Any]:
    """Return what the browser colours points by."""
    return {
        "limits": RATE_LIMITS, "colours": RATE_COLOURS, "unknown": RATE_UNKNOWN, "sample": rate_sample(RATE_COLOURS[1]),
    }  # fmt: skip


def rate_sample(colour: str) -> Markup:
    """Return a point of a colour."""
    return Markup(
        '<svg class="sample" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true"><circle cx="7" cy="7" r="5.5" '
        'fill="{}" stroke="#22262b" stroke-width="1"/></svg>'
    ).format(colour)


def rate_keys() -> list[tuple[Markup, str]]:
    """Return the colours of rates with their limits, the fastest towards the satellite first."""
    texts = [f"< {RATE_LIMITS[0]:+g}"]
    texts += [f"{low:+g} … {high:+g}" for low, high in pairwise(RATE_LIMITS)]
    texts.append(f"> {RATE_LIMITS[-1]:+g}")
    keys = [(rate_sample(colour), text) for colour, text in zip(RATE_COLOURS, texts, strict=True)]
    return keys[::-1]


def settings() -> dict[str, Any]:
    """Return what the browser draws by."""
    return {
        "grades": {name: asdict(line) for name, line in GRADES.items()},
        "areas": {name: asdict(line) for name, line in AREAS.items()},
        "symbols": {name: {"svg": symbol.svg, "size": symbol.size} for name, symbol in SYMBOLS.items()},
        "casing": asdict(CASING),
        "unseen": asdict(UNSEEN),
        "river": asdict(RIVER),
        "border": asdict(BORDER),
        "infill": INFILL,
        "opacity": [UNSURE, SURE],
    }


def road_sample(grade: str, *, seen: bool = True, narrow: float = 1.0) -> Markup:
    """Return a piece of road as the legend shows it."""
    line = GRADES[grade]
    width = line.weight * narrow
    parts = [_stroke(line.under, width + CASING.weight), _stroke(line.color, width, line.dash)]
    if not seen:
        parts.append(_stroke(UNSEEN.color, UNSEEN.weight, UNSEEN.dash))
    return Markup('<svg class="sample" viewBox="0 0 40 14" width="40" height="14" aria-hidden="true">{}</svg>').format(
        Markup("").join(parts)
    )


def symbol_sample(name: str) -> Markup:
    """Return a record's mark as the legend shows it."""
    return Markup(SYMBOLS[name].svg)


def circle_sample() -> Markup:
    """Return the circle around a place that is not exactly known."""
    return Markup(
        f'<svg class="sample" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><circle cx="12" cy="12" r="10" '
        f'fill="{INK}" fill-opacity=".08" stroke="{INK}" stroke-width="1.2" stroke-dasharray="3 3"/></svg>'
    )


def confidence_sample() -> Markup:
    """Return areas of changes from unsure to sure."""
    boxes = "".join(
        f'<rect x="{2 + 13 * number}" y="2" width="12" height="12" fill="#8e2a9c" fill-opacity="{share:.2f}" stroke="#8e2a9c"/>'
        for number, share in enumerate((UNSURE, (UNSURE + SURE) / 2, SURE))
    )
    return Markup(f'<svg class="sample" viewBox="0 0 42 16" width="42" height="16" aria-hidden="true">{boxes}</svg>')


def terrain_keys() -> Markup:
    """Return the tints of the terrain with their heights, from low to high; what lies higher still is as white."""
    wide = 38
    shown = TERRAIN_TINTS[:-1]
    boxes = "".join(
        f'<rect x="{wide * at}" width="{wide}" height="12" fill="rgb{colour}"/>'
        f'<text x="{wide * at + wide // 2}" y="24" text-anchor="middle">{height}</text>'
        for at, (height, colour) in enumerate(shown)
    )
    size = f'viewBox="0 0 {wide * len(shown)} 28" width="{wide * len(shown)}" height="28"'
    return Markup(f'<svg class="kkh-tints" {size} aria-hidden="true">{boxes}</svg>')


def river_sample() -> Markup:
    """Return a piece of a river."""
    return Markup(
        '<svg class="sample" viewBox="0 0 40 14" width="40" height="14" aria-hidden="true">'
        f'<path d="M1 9c12-9 24 6 38-4" fill="none" stroke="{RIVER.color}" stroke-width="{RIVER.weight}"/></svg>'
    )


def rgb(color: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0-255, of a colour written as #rrggbb."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _stroke(color: str, width: float, dash: str | None = None) -> Markup:
    dashed = Markup(' stroke-dasharray="{}"').format(dash) if dash else ""
    return Markup('<path d="M1 7H39" stroke="{}" stroke-width="{}" stroke-linecap="{}"{}/>').format(
        color, width, "round" if dash == UNSEEN.dash else "butt", dashed
    )
