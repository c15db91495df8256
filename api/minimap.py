"""A small map beside a list or record: the road near it and marks that lead to what they stand for; the page says it all without it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import shapely

from api.texts import translate
from api.theme import SMALL_MAP
from hazard_db import drawing
from hazard_db.connect import Connection
from maps import texts as map_texts
from maps.style import INK, SYMBOLS, Symbol

AROUND_KM = 5.0
MOST_LABELS = 8
"""Kilometres that are written beside the road."""
_CAMERA = f'<circle cx="12" cy="13" r="3.2" fill="{INK}"/>'
MARKS: Mapping[str, Symbol] = {
    **SYMBOLS, "photo": Symbol('<rect x="3.5" y="7" width="17" height="12" rx="2"/>', "#fff", INK, _CAMERA, 18),
}  # fmt: skip
WORDS = ("label", "open", "choose", "nearer", "farther")


@dataclass(frozen=True)
class Mark:
    """A record on the map."""

    kind: str
    """Name of its symbol: observation_new, site, ..."""
    lon: float
    lat: float
    title: str
    href: str | None = None
    accuracy_m: float | None = None
    choice: str | None = None
    """Value of the checkbox that chooses it in the page's list."""
    main: bool = False
    """What the page is about."""
    shape: Mapping[str, Any] | None = None
    """GeoJSON of its outline, where it is no point."""


def draw(conn: Connection, marks: Sequence[Mark], stretch: tuple[float, float] | None, lang: str) -> dict[str, Any]:
    """Return what the script draws: marks, the road near them, symbols and words.

    Parameters
    ----------
    stretch
        Kilometres of the road to show, or None.
    """
    view = drawing.View(stretch[0] - AROUND_KM, stretch[1] + AROUND_KM) if stretch else None
    rows = drawing.segments(conn, view).rows if view else ()
    apart = max(1, round(len(rows) / MOST_LABELS))
    labels = [
        (*row["geometry"]["coordinates"][0], f"{row['km_from']:g}") for row in rows if row["km_from"] % apart == 0
    ]
    kinds = sorted({mark.kind for mark in marks})
    t, symbol = translate(lang), map_texts.translate(lang)
    return {
        "marks": [
            {name: value for name, value in asdict(mark).items() if value not in (None, False)} for mark in marks
        ],
        "road": [row["geometry"]["coordinates"] for row in rows],
        "kilometres": labels,
        "symbols": {kind: {"svg": MARKS[kind].svg, "size": MARKS[kind].size} for kind in kinds},
        "legend": [(kind, t("mark.photo") if kind == "photo" else symbol(f"symbol.{kind}")) for kind in kinds],
        "colours": SMALL_MAP,
        "words": {name: t(f"minimap.{name}") for name in WORDS},
    }


def stretch_of(items: Iterable[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Return the kilometres from the first to the last of some records, None where none lies at the road."""
    kilometres = [item["chainage_km"] for item in items if item.get("chainage_km") is not None]
    return (min(kilometres), max(kilometres)) if kilometres else None


def outline(geometry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a geometry that is more than a point."""
    return None if geometry["type"] == "Point" else geometry


def middle(geometry: Mapping[str, Any]) -> tuple[float, float]:
    """Return longitude and latitude of a point within a GeoJSON geometry."""
    if geometry["type"] == "Point":
        lon, lat = geometry["coordinates"][:2]
        return lon, lat
    point = shapely.geometry.shape(dict(geometry)).representative_point()
    return point.x, point.y


def observation_mark(item: Mapping[str, Any]) -> str:
    """Return the symbol of an observation: hollow until somebody has accepted it."""
    return "observation" if item["review_status"] == "accepted" else "observation_new"
