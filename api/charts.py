"""Maps of the catalogue: what each shows of it to whom, as a page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode

from markupsafe import Markup
from shapely.geometry import shape

from api.texts import term
from hazard_db import changes, drawing, risk_weights, stretch
from hazard_db.connect import Connection
from hazard_db.drawing import Found, View
from hazard_db.errors import OutsideCorridorError
from maps import strip, strip_svg
from maps.chart import Below, Bounds, road_bounds, threat_bounds
from maps.layers import DRAWERS, Content, Layer, Telling
from maps.pages import MapPage, Subject, make_page
from maps.texts import translate

Kind = Literal["corridor", "segment", "change"]
AROUND_KM = 5.0
"""Road to both sides of a change."""
SURROUNDINGS_DEG = 0.004
Reading = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class Asked:
    """Which map is wanted."""

    kind: Kind
    km_from: float | None = None
    km_to: float | None = None
    change_id: int | None = None
    most: int = drawing.MOST
    """Records of a kind."""
    beyond: bool = False
    """On the map of the corridor: also what lies further away than the corridor reaches."""


@dataclass(frozen=True)
class Source:
    """Where a map's records come from, and how much of them may be shown."""

    app: Reading
    """As the application's role."""
    visitor: Reading
    """As a role that can see what the visitor may."""
    inside: bool
    """Unreviewed changes and restricted alerts too."""
    below: Callable[[Bounds], Below] = lambda bounds: Below()
    """What lies below the records within bounds."""


def draw(asked: Asked, source: Source, tell: Telling) -> MapPage:
    """Return the page of a map.

    Raises
    ------
    NotFoundError
        There is no such change, or it may not be shown.
    OutsideCorridorError
        The road has no such kilometres.
    """
    with source.app() as conn:
        change = (
            changes.get_change(conn, asked.change_id, include_unreviewed=source.inside) if asked.change_id else None
        )
        view = _view(asked, change)
        # more than so many are drawn as cells
        crowd = replace(view, most=drawing.CROWD) if tell.tiles and tell.cells and change is None else view
        parts = {
            "road": drawing.segments(conn, view),
            "places": drawing.places(conn, view),
            "lakes": drawing.lakes(conn, view),
            "glaciers": drawing.glaciers(conn, view),
            "outlines": drawing.outlines(conn, view),
            "termini": drawing.termini(conn, view),
            "ways": drawing.ways(conn, view),
            "changes": drawing.changes(conn, crowd, include_unreviewed=source.inside, also=asked.change_id),
            "deformation": drawing.deformation(conn, view, include_unreviewed=source.inside),
            "points": drawing.points(conn, view),
            "alerts": drawing.alerts(conn, view, scope=None if source.inside else "Public"),
        }
    if asked.kind == "segment" and not parts["road"].rows:
        raise OutsideCorridorError(f"the road has no kilometre between {asked.km_from:g} and {asked.km_to:g}")
    with source.visitor() as conn:
        for name, read in (
            ("sites", drawing.sites),
            ("events", drawing.events),
            ("observations", drawing.observations),
        ):
            parts[name] = read(conn, crowd, published=not source.inside)
    span = {"beyond": "true"} if view.beyond else {}
    if view.km_from is not None and view.km_to is not None:
        span = {"km_from": f"{view.km_from:g}", "km_to": f"{view.km_to:g}"}
    tell = replace(tell, span=urlencode(span))
    content = Content(**{name: Layer(found.rows, found.total) for name, found in parts.items()})
    subject = _subject(asked, change, parts, tell)
    if asked.kind == "segment":
        subject = replace(subject, bounds=threat_bounds(content), strip=_strip(asked, source, tell))
    bounds = subject.bounds or road_bounds(content)
    return make_page(content, replace(subject, bounds=bounds), tell, source.below(bounds))


def _strip(asked: Asked, source: Source, tell: Telling) -> Markup:
    """Return the strip map that stands beside the map of a stretch."""
    assert asked.km_from is not None
    assert asked.km_to is not None
    with source.app() as conn, source.visitor() as visitor:
        known = stretch.read(conn, visitor, stretch.Asked(asked.km_from, asked.km_to, source.inside))
    return strip_svg.draw(strip.build(known, tell), tell)


def record(source: Source, kind: str, key: str, tell: Telling) -> dict[str, Any]:
    """Return a record as a feature that a map's popup tells.

    Raises
    ------
    NotFoundError
        There is none, or it may not be shown.
    """
    with (source.app if kind == "changes" else source.visitor)() as conn:
        row = drawing.one(conn, kind, key, inside=source.inside)
    return DRAWERS[kind](Layer((row,), 1), tell).features[0]


def telling(
    lang: str, link: Callable[[str], str | None] = lambda path: path, picture: Callable[[str], str | None] = lambda path: f"/{path}"
) -> Telling:  # fmt: skip
    """Return how records are told in a language; by default with links and pictures of the application itself."""
    return Telling(lang, translate(lang), term(lang), datetime.now(UTC).date(), link, picture)


def _view(asked: Asked, change: dict[str, Any] | None) -> View:
    if change is None:
        return View(asked.km_from, asked.km_to, beyond=asked.beyond, most=asked.most)
    if change["chainage_km"] is None:
        return View(-1.0, -1.0)  # far from the road: nothing but itself
    return View(change["chainage_from_km"] - AROUND_KM, change["chainage_to_km"] + AROUND_KM)


def _subject(asked: Asked, change: dict[str, Any] | None, parts: dict[str, Found], tell: Telling) -> Subject:
    found = (*parts["changes"].rows, *parts["deformation"].rows)
    inside = any(row["status"] == "candidate" for row in found) or any(
        row["scope"] != "Public" for row in parts["alerts"].rows
    )
    title, bounds, about = tell.words("title.corridor"), None, None
    if asked.kind == "segment":
        title = tell.words("title.segment", a=f"{asked.km_from:g}", b=f"{asked.km_to:g}")
    if change is not None:
        title = tell.words("title.change", id=change["id"])
        west, south, east, north = shape(change["geometry"]).buffer(SURROUNDINGS_DEG).bounds
        bounds, about = (west, south, east, north), f"changes:{change['id']}"
    picture = tell.swipe(change["picture"]) if change is not None and change["picture"] else None
    grades = risk_weights.load_weights().grades
    return Subject(title, bounds, about, internal=inside, grades=grades, picture=picture)
