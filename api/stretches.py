"""A stretch of road as its engineer sees it: strip, map, tables, two days beside each other, two stretches beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from api.backdrop import BackdropSettings, relief
from api.charts import telling
from api.minimap import middle
from api.rated import told_change
from api.roadcells import Table
from api.roadtables import Tables
from api.security import Identity
from api.texts import term
from hazard_db import drawing, ledger, risk_history, stretch
from hazard_db.connect import Connection
from hazard_db.stretch import Asked, Stretch
from maps import strip, strip_svg
from maps.panel import Panel, Spot
from maps.style import LOOK_EXPIRES_DAYS

MOST_POSTS = 7
MOST_SPOTS = 60
ROOM = 0.12
"""Of the road's own extent, around it on the map."""


@dataclass(frozen=True)
class View:
    """What is asked of a stretch."""

    km_from: float
    km_to: float
    on: date | None = None
    since: date | None = None
    hazard: str | None = None
    level: str | None = None
    before: date | None = None
    """A day to compare with."""
    beside: tuple[float, float] | None = None
    """Another stretch."""


@dataclass(frozen=True)
class Look:
    """One stretch, ready to be shown."""

    known: Stretch
    strip: strip.Strip
    picture: Markup
    panel: Panel
    ranking: Table
    unseen: int
    infill: int

    @property
    def worst(self) -> Mapping[str, Any] | None:
        """Return the highest rating."""
        rated = [rating for one in self.known.segments if (rating := self.known.rating(one))]
        return max(rated, key=lambda rating: rating["score"], default=None)


def look(conn: Connection, visitor: Connection, view: View, *, inside: bool, lang: str, home: Path) -> Look:
    """Return a stretch ready to be shown.

    Raises
    ------
    OutsideCorridorError
        The road has no kilometre there.
    """
    asked = Asked(view.km_from, view.km_to, inside, view.on, view.since, view.hazard)
    known = stretch.read(conn, visitor, asked)
    earlier = stretch.ratings(conn, replace(asked, on=view.before)) if view.before else None
    tell = telling(lang)
    made = strip.build(known, tell, earlier, view.before)
    today = view.on or datetime.now(UTC).date()
    seen = {one["segment_id"] for one in known.looks
            if one["last_good_look"] and (today - one["last_good_look"]).days <= LOOK_EXPIRES_DAYS}  # fmt: skip
    return Look(
        known, made, strip_svg.draw(made, tell, described_by="kilometres"), panel_of(known, above(conn, known), home, lang),
        Tables(known, lang).ranking(view.level),
        unseen=sum(one.id not in seen for one in known.segments),
        infill=sum(one.basis == "straight infill" for one in known.segments),
    )  # fmt: skip


def compared(conn: Connection, view: View, identity: Identity | None = None) -> Sequence[Any]:
    """Return what changed and why between two days, the largest difference first; None as identity is the catalogue's keeper."""
    if view.before is None:
        return ()
    after = view.on or datetime.now(UTC).date()
    found = risk_history.compare(conn, view.km_from, view.km_to, view.before, after, hazard=view.hazard or "all")
    found = [told_change(one, identity) for one in found] if identity is not None else found
    return sorted(found, key=lambda one: -abs((one.score_after or 0) - (one.score_before or 0)))


def spent(conn: Connection, view: View, *, inside: bool) -> list[dict[str, Any]]:
    """Return what works of the stretch cost."""
    return ledger.costs(conn, view.km_from, view.km_to) if inside else []


def above(conn: Connection, known: Stretch) -> list[Mapping[str, Any]]:
    """Return the ways down from the lakes and glaciers that the ratings of a stretch speak of."""
    told = {
        part["id"]
        for rating in known.ratings.values()
        for part in rating["contributions"]
        if part["source"] == "cascade"
    }
    ways = drawing.ways(conn, drawing.View(known.asked.km_from, known.asked.km_to)).rows if told else ()
    return [way for way in ways if way["source"] in told]


def panel_of(known: Stretch, ways: Sequence[Mapping[str, Any]], home: Path, lang: str) -> Panel:
    """Return the map beside the strip: the road by its rating, records as marks, and what threatens it from further away."""
    lines = [list(one.lonlat) for one in known.segments]
    down = [way["geometry"]["coordinates"] for way in ways]
    lons, lats = zip(*(corner[:2] for line in [*lines, *down] for corner in line), strict=True)
    wide, high = max(max(lons) - min(lons), 0.004), max(max(lats) - min(lats), 0.004)
    bounds = (min(lons) - ROOM * wide, min(lats) - ROOM * high, max(lons) + ROOM * wide, max(lats) + ROOM * high)
    grades = [rating["grade"] if (rating := known.rating(one)) else "unknown" for one in known.segments]
    apart = max(1, round(len(lines) / MOST_POSTS))
    posts = [
        (*line[0], f"{one.km_from:g}")
        for number, (one, line) in enumerate(zip(known.segments, lines, strict=True))
        if number % apart == 0
    ]
    shades = relief(BackdropSettings(), home, bounds)
    return Panel(
        bounds, road=lines, kilometres=posts, spots=[*_spots(known, lang), *map(_source, ways)], ways=down, grades=grades,
        relief=(shades.path, shades.bounds) if shades else None,
        relief_href=f"/maps/relief/{shades.path.name}" if shades else None,
    )  # fmt: skip


def _source(way: Mapping[str, Any]) -> Spot:
    """Return the lake or glacier that a way begins at."""
    kind, page = ("lake", "lakes") if way["lake_id"] else ("glacier", "glaciers")
    lon, lat = way["geometry"]["coordinates"][0][:2]
    return Spot(kind, lon, lat, way["name"] or way["source"], href=f"/{page}/{way['source']}")


def _spots(known: Stretch, lang: str) -> list[Spot]:
    name = term(lang)
    spots = [
        Spot("observation", *middle(one["geometry"]), name(one["kind"]), href=f"/observations/{one['id']}")
        for one in known.observations
    ]
    spots += [
        Spot("site", *middle(one["geometry"]), f"{one['code']} {one['name']}", href=f"/sites/{one['code']}")
        for one in known.sites
    ]
    spots += [
        Spot("event", *middle(one["geometry"]), one["name"], href=f"/events/{one['id']}")
        for one in known.events
        if one["geometry"]
    ]
    spots += [
        Spot("change", *middle(one["geometry"]), f"{one['id']}", href=f"/changes/{one['id']}") for one in known.changes
    ]
    spots += [
        Spot("deformation", *middle(one["geometry"]), f"{one['id']}", href=f"/displacement/areas/{one['id']}")
        for one in known.areas
    ]
    spots += [Spot("alert", *middle(one.geometry), f"{one.id}", href=f"/alerts/{one.id}") for one in known.alerts]
    return spots[-MOST_SPOTS:]
