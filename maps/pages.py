"""A map as a page: Folium draws, our own page stands around it; served, or as one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import folium
from branca.element import CssLink, Figure, JavascriptLink, MacroElement
from folium.plugins import FeatureGroupSubGroup, MarkerCluster
from folium.template import Template
from folium.utilities import JsCode
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from maps import assets, style
from maps.layers import DRAWERS, Content, Drawn, Telling, number, seen_lately
from maps.texts import DIRECTIONS, place_name, texts

LISTED = 30
"""Records of a kind in the lists below a map."""
CLUSTERED = ("changes", "observations", "sites", "events")
SAMPLES = {
    "alerts": "alert", "changes": "change", "observations": "observation", "sites": "site", "events": "event",
}  # fmt: skip
Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""
KARAKORAM: Bounds = (71.5, 33.5, 77.5, 39.9)


@dataclass(frozen=True)
class Relief:
    """A picture of the terrain."""

    href: str
    """Address or data URI."""
    bounds: Bounds


@dataclass(frozen=True)
class Subject:
    """What a map is about."""

    title: str
    bounds: Bounds | None = None
    """What is seen at first; None: the road, or all of the region."""
    open: str | None = None
    """The feature whose popup is open at first, such as `changes:12`."""
    internal: bool = False
    """Holds what is not for the public."""
    grades: Mapping[str, float] | None = None
    """Lowest score of each grade, for the legend."""


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


class _Setup(MacroElement):
    """Gives the browser what every layer is drawn by, before the first of them."""

    _template = Template(
        """{% macro script(this, kwargs) %}kkh.setup({{ this._parent.get_name() }}, {{ this.config|tojson }});{% endmacro %}"""
    )

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name, self.config = "Setup", config


class _Finish(MacroElement):
    """Puts names, grid, search and keyboard in place once all layers are there."""

    _template = Template("""{% macro script(this, kwargs) %}kkh.finish({{ this.control.get_name() }});{% endmacro %}""")

    def __init__(self, control: folium.LayerControl) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name, self.control = "Finish", control


def make_page(content: Content, subject: Subject, tell: Telling, relief: Relief | None = None) -> MapPage:
    """Return the page of a map.

    Raises
    ------
    MapError
        The files that maps are drawn with are not there, or Folium wants one from another host.
    """
    drawn = [draw(getattr(content, name), tell) for name, draw in DRAWERS.items()]
    chart = _chart(content, drawn, subject, tell, relief)
    figure = chart.get_root()
    assert isinstance(figure, Figure)
    figure.render()
    links = [
        assets.local(name)
        for name, part in figure.header._children.items()
        if isinstance(part, JavascriptLink | CssLink)
    ]
    names = list(dict.fromkeys([*(name for name in links if name), "map.js", "map.css"]))
    body = _templates().get_template("body.html").render(
        t=tell.words, subject=subject, chart=Markup(figure.html.render()), lists=_lists(drawn, tell), notes=_notes(content, drawn, tell),
        empty=not any(layer.features for layer in drawn[1:]), road=bool(drawn[0].features), relief=relief is not None, style=style,
        legend=_legend(subject, tell), rtl=DIRECTIONS[tell.lang] == "rtl",
    )  # fmt: skip
    return MapPage(
        subject.title, Markup(body), Markup(figure.script.render()),
        tuple(name for name in names if name.endswith(".js")), tuple(name for name in names if name.endswith(".css")),
    )  # fmt: skip


def as_file(page: MapPage, tell: Telling, home: str | None = None) -> str:
    """Return a page with everything inside; its own policy forbids it to ask for anything.

    Parameters
    ----------
    home
        Address of the pages that serve the catalogue, where it is known.
    """
    return _templates().get_template("file.html").render(
        page=page, t=tell.words, lang=tell.lang, direction=DIRECTIONS[tell.lang], today=tell.today, home=home,
        styles=[Markup(assets.text(name)) for name in page.styles],
        scripts=[Markup(assets.text(name)) for name in page.scripts],
    )  # fmt: skip


def _chart(
    content: Content, drawn: Sequence[Drawn], subject: Subject, tell: Telling, relief: Relief | None
) -> folium.Map:
    chart = folium.Map(
        tiles=None, zoom_control=False, attribution_control=False, minZoom=4, maxZoom=18, zoomSnap=0.5
    )
    chart.add_child(_Setup(_config(content, drawn, subject, tell)))
    if relief is not None:
        west, south, east, north = relief.bounds
        folium.raster_layers.ImageOverlay(
            relief.href, [[south, west], [north, east]], name=tell.words("layer.relief"), pane="relief", opacity=0.55
        ).add_to(chart)
    cluster = MarkerCluster(control=False, options={
        "iconCreateFunction": JsCode("kkh.cluster"), "maxClusterRadius": JsCode("kkh.radius"), "showCoverageOnHover": False,
        "animate": JsCode("!kkh.calm"), "chunkedLoading": False,
    }).add_to(chart)  # fmt: skip
    for layer in drawn:
        name = _layer_name(layer, tell)
        if layer.name in CLUSTERED:
            group = FeatureGroupSubGroup(cluster, name=name).add_to(chart)
            _geojson(layer).add_to(group)
        else:
            _geojson(layer, name).add_to(chart)
    control = folium.LayerControl(position="topright", collapsed=True, sortLayers=False)
    chart.add_child(control)
    west, south, east, north = subject.bounds or _bounds(content)
    chart.fit_bounds([[south, west], [north, east]], padding=(24, 24), max_zoom=15)
    chart.add_child(_Finish(control))
    return chart


def _geojson(layer: Drawn, name: str | None = None) -> folium.GeoJson:
    return folium.GeoJson(
        layer.collection, name=name, control=name is not None, on_each_feature=JsCode(f'kkh.each("{layer.name}")'),
        pointToLayer=JsCode("kkh.marker"), style=JsCode("kkh.style"), pane="road" if layer.name == "road" else "areas",
        interactive=layer.name != "road", smooth_factor=1.0,
    )  # fmt: skip


def _layer_name(layer: Drawn, tell: Telling) -> str:
    """Return what the layer control shows: mark, name and count; no text of the catalogue, for it becomes HTML."""
    mark = style.road_sample("high") if layer.name == "road" else style.symbol_sample(SAMPLES[layer.name])
    count = "" if layer.name == "road" else f" ({number(len(layer.features))})"
    return f"{mark} {tell.words(f'layer.{layer.name}')}{count}"


def _config(content: Content, drawn: Sequence[Drawn], subject: Subject, tell: Telling) -> dict[str, Any]:
    keys = (
        "search.",
        "popup.",
        "zoom.",
        "value.km",
        "value.stretch",
        "value.metres",
        "layer.labels",
        "cluster",
        "map.label",
    )
    return {
        "style": style.settings(),
        "texts": {key: words[tell.lang] for key, words in texts().items() if key.startswith(keys)},
        "fields": {layer.name: [tell.words(f"field.{name}") for name in layer.fields] for layer in drawn},
        "places": [
            [place_name(row["name"], tell.lang), row["name"], round(row["chainage_km"], 1), round(row["lon"], 5), round(row["lat"], 5)]
            for row in content.places.rows
        ],
        "dir": DIRECTIONS[tell.lang],
        "open": subject.open,
    }  # fmt: skip


def _bounds(content: Content) -> Bounds:
    corners = [corner for row in content.road.rows for corner in row["geometry"]["coordinates"]]
    if not corners:
        return KARAKORAM
    lons, lats = zip(*corners, strict=True)
    return min(lons), min(lats), max(lons), max(lats)


def _legend(subject: Subject, tell: Telling) -> list[tuple[Markup, str]]:
    """Return the grades with their scores, worst first."""
    grades = subject.grades or {}
    order = sorted((name for name in style.GRADES if name != "unknown"), key=lambda name: -grades.get(name, 0))
    ends = [100.0, *(grades.get(name, 0) for name in order)]
    spans = [tell.words("legend.points", a=f"{low:g}", b=f"{high:g}") for high, low in pairwise(ends)]
    return [
        (style.road_sample(name), f"{tell.term(name)}: {span}" if grades else tell.term(name))
        for name, span in zip(order, spans, strict=True)
    ]


def _notes(content: Content, drawn: Sequence[Drawn], tell: Telling) -> list[str]:
    """Return what has to be known of what is not on the map."""
    notes = [
        tell.words(
            "limited",
            name=tell.words(f"layer.{layer.name}"),
            shown=number(len(layer.features)),
            total=number(layer.total),
        )
        for layer in drawn
        if layer.total > len(layer.features)
    ]
    rows = content.road.rows
    unseen = sum(not seen_lately(row, tell.today) for row in rows)
    if unseen:
        notes.append(tell.words("not_safe", unseen=number(unseen), all=number(len(rows)), days=style.LOOK_EXPIRES_DAYS))
    return notes


def _lists(drawn: Sequence[Drawn], tell: Telling) -> list[dict[str, Any]]:
    """Return the records as lists, for whoever cannot use a map: alerts first, of the road only its worst kilometres."""
    lists = []
    for layer in [*reversed(drawn[1:]), drawn[0]]:
        features = list(layer.features)
        if layer.name == "road":
            scored = [one for one in features if one["properties"]["v"][1] not in {None, "0.0"}]
            features = sorted(scored, key=lambda one: -float(one["properties"]["v"][1]))
        if features:
            title = tell.words("lists.worst" if layer.name == "road" else f"layer.{layer.name}")
            more = 0 if layer.name == "road" else layer.total - len(features[:LISTED])
            lists.append(
                {"title": title, "more": more, "items": [_item(one, layer, tell) for one in features[:LISTED]]}
            )
    return lists


def _item(feature: Mapping[str, Any], layer: Drawn, tell: Telling) -> dict[str, Any]:
    properties = feature["properties"]
    facts = [
        (tell.words(f"field.{name}"), value)
        for name, value in zip(layer.fields, properties["v"], strict=True)
        if value and name not in {"source", "line"}
    ]
    return {"id": feature["id"], "title": properties["t"], "href": properties.get("h"), "facts": facts}


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
