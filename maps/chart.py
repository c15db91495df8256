"""The map itself, as Folium draws it: layers, their control, the ground below them; every file it asks for is our own.

What Folium has rendered it reads once more as a template. So no text of the catalogue goes through it (a note with `{{` would be
run): records and names stand in `kkh.given` before its script, which refers to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import folium
from branca.element import CssLink, Figure, JavascriptLink, MacroElement
from folium.plugins import FeatureGroupSubGroup, MarkerCluster
from folium.template import Template
from folium.utilities import JsCode
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape
from shapely.geometry import shape

from hazard_db.placenames import names_of, place_name
from hazard_db.wording import DIRECTIONS, LANGUAGES
from maps import assets, style
from maps.layers import Content, Drawn, Telling, number
from maps.providers import Provider
from maps.texts import texts

CLUSTERED = ("glaciers", "lakes", "changes", "observations", "sites", "events", "deformation")
SAMPLES = {
    "alerts": "alert", "changes": "change", "observations": "observation", "sites": "site", "events": "event",
    "glaciers": "glacier", "lakes": "lake", "outlines": "outline", "termini": "terminus", "ways": "way", "deformation": "deformation",
}  # fmt: skip
GROUPS: Mapping[str, tuple[str, ...]] = {
    "hazards": ("alerts", "changes", "deformation", "points", "observations", "sites", "events"),
    "water": ("lakes", "glaciers", "outlines", "termini", "ways"),
    "base": ("road", "labels", "rivers", "boundaries"),
}
"""Branches of the list of layers, from the top."""
CELL_MARKS = {
    "sites": ("site", "site"), "events": ("event", "event"), "observations": ("observation", "observation_new"),
    "changes": ("change", "change_new"),
}  # fmt: skip
"""Marks of a kind that is drawn from tiles: seen by a reviewer, and not."""
SPOKEN = (
    "search.", "time.", "tools", "measure.", "compare.", "layer.base-plain", "layer.choose",
    "popup.", "zoom.", "motion.", "cells.", "missing.", "comma", "swipe.before", "swipe.after", "layer.points",
    "value.km", "value.stretch", "value.metres", "layer.labels", "cluster", "map.label",
)  # fmt: skip
"""Beginnings of the keys of texts that the browser needs."""
UNDATED = {"sites"}
"""Kinds whose tiles no time chooses from."""
Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""
TILES = "/ogc/collections/displacement_points/tiles/WebMercatorQuad/{z}/{y}/{x}"
KARAKORAM: Bounds = (71.5, 33.5, 77.5, 39.9)


@dataclass(frozen=True)
class Ground:
    """Tiles of the terrain."""

    address: str
    """With {z}, {y}, {x}."""
    bounds: Bounds
    closest: int
    """Highest zoom of the tiles; closer, they are enlarged."""
    attribution: str = ""


@dataclass(frozen=True)
class Below:
    """What lies below the records."""

    ground: Ground | None = None
    providers: Sequence[Provider] = ()
    """Maps of others that a reader may choose."""
    rivers: Mapping[str, Any] | None = None
    """GeoJSON with `names` in our languages."""
    places: Mapping[str, Any] | None = None
    """GeoJSON points with `names` in our languages, the larger first."""
    boundaries: Mapping[str, Any] | None = None
    """GeoJSON lines; whoever runs the installation decides which, if any: borders are disputed here."""


@dataclass(frozen=True)
class Chart:
    """The parts of a map that Folium made."""

    element: Markup
    script: Markup
    assets: tuple[str, ...]
    """Our files, in the order in which they are needed."""


class _Setup(MacroElement):
    """Gives the browser what every layer is drawn by, before the first of them."""

    _template = Template(
        "{% macro script(this, kwargs) %}kkh.setup({{ this._parent.get_name() }}, kkh.given.setup);{% endmacro %}"
    )


class _Records(MacroElement):
    """Gives a layer its records before it is put on the map."""

    _template = Template(
        "{% macro script(this, kwargs) %}{{ this._parent.get_name() }}_add(kkh.given.{{ this.layer }});{% endmacro %}"
    )

    def __init__(self, layer: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name, self.layer = "Records", layer


class _Finish(MacroElement):
    """Puts names, grid, search and keyboard in place once all layers are there."""

    _template = Template(
        "{% macro script(this, kwargs) %}kkh.finish({{ this.control.get_name() }}, {{ this.road }});{% endmacro %}"
    )

    def __init__(self, control: folium.LayerControl, road: folium.GeoJson | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name, self.control, self.road = "Finish", control, road.get_name() if road else "null"


def draw_chart(content: Content, drawn: Sequence[Drawn], bounds: Bounds | None, tell: Telling, below: Below) -> Chart:
    """Return a map.

    Parameters
    ----------
    bounds
        What is seen at first; None: the road, or all of the region where there is none.

    Raises
    ------
    MapError
        Folium wants a file from another host.
    """
    chart = folium.Map(tiles=None, zoom_control=False, attribution_control=False, minZoom=4, maxZoom=18, zoomSnap=0.5)
    config = (
        _config(content, drawn, tell) | _named_ground(content, below, tell) | {"bounds": bounds or road_bounds(content)}
    )
    chart.add_child(_Setup())  # type: ignore[no-untyped-call]
    _add_below(chart, below, tell)
    road = _add_records(chart, drawn, tell)
    control = folium.LayerControl(position="topleft" if DIRECTIONS[tell.lang] == "rtl" else "topright")
    control.options["collapsed"] = JsCode("kkh.narrow()")  # type: ignore[assignment]
    chart.add_child(control)
    chart.add_child(_Finish(control, road))
    records = {layer.name: layer.collection for layer in drawn if layer.features and not layer.tiled}
    lines = {"rivers": below.rivers, "boundaries": below.boundaries}
    return _rendered(chart, {"setup": config, **records, **lines})


def _rendered(chart: folium.Map, given: Mapping[str, Any]) -> Chart:
    figure = chart.get_root()
    assert isinstance(figure, Figure)
    figure.render()
    parts = figure.header._children.items()
    links = [assets.local(name) for name, part in parts if isinstance(part, JavascriptLink | CssLink)]
    names = dict.fromkeys([*(name for name in links if name), "map.js", "map.css"])
    told = htmlsafe_json_dumps(given, separators=(",", ":"))
    script = Markup("kkh.given = {};\n{}").format(told, Markup(figure.script.render()))
    return Chart(Markup(figure.html.render()), script, tuple(names))


def _add_below(chart: folium.Map, below: Below, tell: Telling) -> None:
    """Add what a reader chooses one of, our own terrain first, then what lies on it."""
    if below.ground is not None:
        west, south, east, north = below.ground.bounds
        folium.TileLayer(
            below.ground.address, attr=_inert(below.ground.attribution or " "), name=_named("base-terrain", tell), overlay=False,
            pane="ground", max_zoom=18, max_native_zoom=below.ground.closest,
            bounds=[[south, west], [north, east]], className="kkh-terrain",
        ).add_to(chart)  # fmt: skip
    for at, one in enumerate(below.providers):
        folium.TileLayer(
            one.url, attr=_inert(one.attribution or " "), name=f'<span data-layer="base-{at}">{_inert(one.name)}</span>', overlay=False,
            show=False, pane="ground", max_zoom=18, max_native_zoom=min(18, one.closest), subdomains=one.hosts or "abc",
            className="kkh-foreign", referrerPolicy="strict-origin-when-cross-origin",
        ).add_to(chart)  # fmt: skip
    for name, lines, look in (("rivers", below.rivers, "kkh.river"), ("boundaries", below.boundaries, "kkh.border")):
        if lines is not None:
            _geojson(name, name=_named(name, tell), style=JsCode(look), pane="lines", interactive=False).add_to(chart)


def _inert(text: str) -> str:
    """Return text as HTML in which a template finds nothing to run."""
    return escape(text).replace("{", Markup("&#123;"))


def _add_records(chart: folium.Map, drawn: Sequence[Drawn], tell: Telling) -> folium.GeoJson | None:
    """Add the kinds that there are and return the road; most gather in common clusters, alerts always stand for themselves."""
    options = {
        "iconCreateFunction": JsCode("kkh.cluster"), "maxClusterRadius": JsCode("kkh.radius"),
        "showCoverageOnHover": False, "animate": JsCode("!kkh.calm"),
    }  # fmt: skip
    road = None
    cluster = MarkerCluster(control=False, options=options).add_to(chart)
    for layer in (one for one in drawn if one.features and not one.tiled):
        name = _layer_name(layer, tell)
        if layer.name == "road":
            road = _geojson("road", name=name, filter=JsCode("kkh.pave"))
            road.add_to(chart)
        elif layer.name in CLUSTERED:
            group = FeatureGroupSubGroup(cluster, name=name).add_to(chart)
            _marks(layer).add_to(group)
        else:
            _marks(layer, name).add_to(chart)
    return road


def _marks(layer: Drawn, name: str | None = None) -> folium.GeoJson:
    return _geojson(
        layer.name, name=name, control=name is not None, on_each_feature=JsCode(f'kkh.each("{layer.name}")'),
        pointToLayer=JsCode("kkh.marker"), style=JsCode("kkh.style"), pane="areas", smooth_factor=1.0,
    )  # fmt: skip


def _geojson(layer: str, **options: Any) -> folium.GeoJson:
    drawn = folium.GeoJson({"type": "FeatureCollection", "features": []}, **options)
    drawn.add_child(_Records(layer))
    return drawn


def _layer_name(layer: Drawn, tell: Telling) -> str:
    """Return what the layer control shows: mark, name and count; no text of the catalogue, for it becomes HTML."""
    mark = style.road_sample("high") if layer.name == "road" else style.symbol_sample(SAMPLES[layer.name])
    count = "" if layer.name == "road" else f" ({number(layer.total if layer.tiled else len(layer.features))})"
    return _named(layer.name, tell, mark, count)


def _named(name: str, tell: Telling, mark: str = "", count: str = "") -> str:
    """Return a line of the list of layers; `data-layer` says which, so that the list can be made a tree."""
    return f'<span data-layer="{name}">{mark} {tell.words(f"layer.{name}")}{count}</span>'


def _config(content: Content, drawn: Sequence[Drawn], tell: Telling) -> dict[str, Any]:
    return {
        "style": style.settings(),
        "texts": {key: words[tell.lang] for key, words in texts().items() if key.startswith(SPOKEN)},
        "fields": {layer.name: [tell.words(f"field.{name}") for name in layer.fields] for layer in drawn},
        "places": [
            [place_name(row["name"], tell.lang), [*names_of(row["name"]).values()], row["chainage_km"], *_spot(row)]
            for row in content.places.rows
        ],
        "dir": DIRECTIONS[tell.lang],
        "cells": [[layer.name, _layer_name(layer, tell), CELL_MARKS[layer.name]] for layer in drawn if layer.tiled],
        "always": always_shown(drawn, tell, points=bool(content.points.rows)),
        "span": tell.span,
        "save": tell.save,
        "scenes": list(tell.scenes),
        "groups": [[tell.words(f"group.{name}"), layers] for name, layers in GROUPS.items()],
        "motion": {
            "sets": [_motion(row) for row in content.points.rows] if tell.tiles else [], "scale": style.rate_scale(),
            "closest": tell.points_closest,
        },
    }  # fmt: skip


def always_shown(drawn: Sequence[Drawn], tell: Telling, *, points: bool) -> str:
    """Return what is on the map whatever time is chosen, for it has no dates; nothing where all has."""
    names = []
    for layer in drawn:
        known = () if layer.tiled else layer.features
        told = [one["properties"] for one in known if "r" not in one["properties"]]  # marks go with their areas
        undated = sum(not {"d", "y"} & one.keys() for one in told)
        name = tell.words(f"layer.{layer.name}")
        if (layer.tiled and layer.name in UNDATED) or (told and undated == len(told)):
            names.append(name)
        elif undated:
            names.append(tell.words("time.undated", name=name, n=number(undated)))
    if points and tell.tiles:
        names.append(tell.words("layer.points"))
    return tell.words("time.always", names=tell.words("comma").join(names)) if names else ""


def _named_ground(content: Content, below: Below, tell: Telling) -> dict[str, Any]:
    """Return the names on the ground, of places beside the road (own name, all names, place) and rivers; and what there is to choose."""
    own = list(LANGUAGES).index(tell.lang)
    spots, waters = (layer["features"] if layer else [] for layer in (below.places, below.rivers))
    on_the_road = {row["name"] for row in content.places.rows}
    named = (one for one in waters if one["properties"]["names"])
    return {
        "spots": [
            [one["properties"]["names"][own], one["properties"]["names"], *one["geometry"]["coordinates"]]
            for one in spots
            if one["properties"]["names"][0] not in on_the_road
        ],
        "waters": [[one["properties"]["names"][own], *_middle(one["geometry"])] for one in named],
        "bases": int(below.ground is not None) + len(below.providers),
        "attributed": bool(below.providers or (below.ground and below.ground.attribution)),
    }


def _spot(row: Mapping[str, Any]) -> tuple[float, float]:
    return round(row["lon"], 5), round(row["lat"], 5)


def _middle(geometry: Mapping[str, Any]) -> tuple[float, float]:
    point = shape(dict(geometry))
    point = point.interpolate(0.5, normalized=True) if point.geom_type == "LineString" else point.representative_point()
    return round(point.x, 4), round(point.y, 4)


def _motion(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a displacement set whose points are drawn as tiles."""
    return {
        "id": row["id"], "name": row["name"], "reference": row["reference"], "bounds": row["bounds"], "count": number(row["n_points"]),
        "tiles": points_address(row["id"]),
    }  # fmt: skip


def points_address(set_id: int) -> str:
    """Return the address of tiles of a displacement set, with {z}, {y}, {x}."""
    return f"{TILES}?filter=set_id%3D{set_id}&properties=velocity_mm_yr"


def road_bounds(content: Content) -> Bounds:
    """Return the bounds of the road; of all the region where there is none."""
    corners = [corner for row in content.road.rows for corner in row["geometry"]["coordinates"]]
    return _around(corners) if corners else KARAKORAM


def threat_bounds(content: Content) -> Bounds:
    """Return the bounds of the road and of the lakes and glaciers whose water meets it, with their ways down."""
    sources = {row["source"] for row in content.ways.rows}
    above = [
        *content.ways.rows,
        *(row for row in content.lakes.rows if row["lake_id"] in sources),
        *(row for row in content.glaciers.rows if row["glacier_id"] in sources),
    ]
    west, south, east, north = road_bounds(content)
    boxes = [shape(row["geometry"]).bounds for row in above if row["geometry"]]
    return _around([(west, south), (east, north), *(box[:2] for box in boxes), *(box[2:] for box in boxes)])


def _around(corners: Sequence[Sequence[float]]) -> Bounds:
    lons, lats = [corner[0] for corner in corners], [corner[1] for corner in corners]
    return min(lons), min(lats), max(lons), max(lats)
