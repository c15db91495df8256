"""A map as a page: our own page stands around what Folium draws; served, or as one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hazard_db.wording import DIRECTIONS
from maps import assets, style, swipe
from maps.chart import Below, Bounds, draw_chart
from maps.layers import DRAWERS, LISTED, Content, Drawn, Telling, draw, number, seen_lately
from maps.swipe import Picture

UNLISTED = {"source", "line"}


@dataclass(frozen=True)
class Subject:
    """What a map is about."""

    title: str
    bounds: Bounds | None = None
    """What is seen at first; None: the road, or all of the region."""
    about: str | None = None
    """The feature that the page tells of beside the map, such as `changes:12`."""
    internal: bool = False
    """Holds what is not for the public."""
    grades: Mapping[str, float] | None = None
    """Lowest score of each grade, for the legend."""
    strip: Markup | None = None
    """Strip map of the stretch."""
    picture: Picture | None = None
    """Of the change that the map is about."""


@dataclass(frozen=True)
class MapPage:
    """The parts of a page."""

    title: str
    body: Markup
    """What stands in `main`."""
    script: Markup
    """What Folium wrote; runs after the scripts."""
    scripts: tuple[str, ...]
    """Our assets, in the order in which they are needed."""
    styles: tuple[str, ...]


def make_page(content: Content, subject: Subject, tell: Telling, below: Below | None = None) -> MapPage:
    """Return the page of a map.

    Raises
    ------
    MapError
        The files that maps are drawn with are not there, or Folium wants one from another host.
    """
    below = below or Below()
    about = (subject.about or "").partition(":")[0]  # its outline has to be there
    drawn = [draw(name, getattr(content, name), tell, whole=name == about) for name in DRAWERS]
    chart = draw_chart(content, drawn, subject.bounds, tell, below)
    body = _templates().get_template("body.html").render(
        t=tell.words, subject=subject, chart=chart.element, lists=_lists(drawn, tell), notes=_notes(content, drawn, tell),
        empty=not (any(layer.features for layer in drawn[1:]) or content.points.rows), road=bool(drawn[0].features),
        served=tell.save is not None, ground=below.ground is not None, tints=style.terrain_keys(), waters=below.rivers is not None,
        about=_about(drawn, subject, tell), legend=_legend(subject, tell), style=style,
        points=bool(content.points.rows and tell.tiles),
        picture=swipe.draw(subject.picture, tell.words) if subject.picture else None,
        rates=style.rate_keys() if content.deformation.rows or (content.points.rows and tell.tiles) else [],
    )  # fmt: skip
    scripts, styles = (tuple(name for name in chart.assets if name.endswith(kind)) for kind in (".js", ".css"))
    return MapPage(subject.title, Markup(body), chart.script, scripts, styles)


def as_file(page: MapPage, tell: Telling, home: str | None = None, pack: Mapping[str, str] | None = None) -> str:
    """Return a page with everything inside; its own policy forbids it to ask for anything.

    Parameters
    ----------
    home
        Address of the pages that serve the catalogue, where it is known.
    pack
        What the map would ask for: address -> Base64.
    """
    return _templates().get_template("file.html").render(
        page=page, t=tell.words, lang=tell.lang, direction=DIRECTIONS[tell.lang], today=tell.today, home=home, pack=pack or {},
        styles=[Markup(assets.text(name)) for name in page.styles],
        scripts=[Markup(assets.text(name)) for name in page.scripts],
    )  # fmt: skip


def _legend(subject: Subject, tell: Telling) -> list[tuple[Markup, str]]:
    """Return the grades with their scores, worst first."""
    grades = subject.grades or {}
    order = sorted((name for name in style.GRADES if name != "unknown"), key=lambda name: -grades.get(name, 0))
    ends = [100.0, *(grades.get(name, 0) for name in order)]
    keys = []
    for name, (high, low) in zip(order, pairwise(ends), strict=True):
        grade = tell.term(name)
        text = tell.words("legend.grade", grade=grade, a=f"{low:g}", b=f"{high:g}") if grades else grade
        keys.append((style.road_sample(name), text))
    return keys


def _notes(content: Content, drawn: Sequence[Drawn], tell: Telling) -> list[str]:
    """Return what has to be known of what is not on the map."""
    notes = []
    bare = [tell.words(f"layer.{layer.name}") for layer in drawn[1:] if not layer.features]
    if bare:
        notes.append(tell.words("bare", names=tell.words("comma").join(bare)))
    for layer in drawn:
        if layer.total > len(layer.features) and not layer.tiled:
            name, shown = tell.words(f"layer.{layer.name}"), number(len(layer.features))
            notes.append(tell.words("limited", name=name, shown=shown, total=number(layer.total)))
    if tell.save is None:
        notes.append(tell.words("file.holds", day=tell.today.isoformat()))
        if content.points.rows and not tell.tiles:
            notes.append(tell.words("file.without", names=tell.words("layer.points")))
    rows = content.road.rows
    unseen = sum(not seen_lately(row, tell.today) for row in rows)
    if unseen:
        notes.append(tell.words("not_safe", unseen=number(unseen), all=number(len(rows)), days=style.LOOK_EXPIRES_DAYS))
    return notes


def _about(drawn: Sequence[Drawn], subject: Subject, tell: Telling) -> dict[str, Any] | None:
    found = ((one, layer) for layer in drawn for one in layer.features if one["id"] == subject.about)
    return next((_item(one, layer, tell) for one, layer in found), None)


def _lists(drawn: Sequence[Drawn], tell: Telling) -> list[dict[str, Any]]:
    """Return the records as lists, for whoever cannot use a map: alerts first, of the road its worst kilometres at last."""
    lists = []
    for layer in [*reversed(drawn[1:]), _worst(drawn[0])]:
        items = [_item(one, layer, tell) for one in layer.features[:LISTED]]
        if items:
            title = tell.words("lists.worst" if layer.name == "road" else f"layer.{layer.name}")
            lists.append({"title": title, "items": items, "more": layer.total - len(items)})
    return lists


def _worst(road: Drawn) -> Drawn:
    """Return the segments that something speaks of, the highest scores first."""
    at = road.fields.index("score")

    def score(feature: Mapping[str, Any]) -> float:
        return float(feature["properties"]["v"][at] or 0)

    rated = sorted((one for one in road.features if score(one) > 0), key=score, reverse=True)[:LISTED]
    return Drawn(road.name, road.fields, tuple(rated), len(rated))


def _item(feature: Mapping[str, Any], layer: Drawn, tell: Telling) -> dict[str, Any]:
    properties = feature["properties"]
    values = zip(layer.fields, properties["v"], strict=True)
    facts = [(tell.words(f"field.{name}"), value) for name, value in values if value and name not in UNLISTED]
    return {
        "id": feature["id"], "title": properties["t"], "href": properties.get("h"), "facts": facts,
    }  # fmt: skip


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
