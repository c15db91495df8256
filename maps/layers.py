"""The catalogue's records as features of a map: what is drawn, and what a click tells, in the reader's language."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from shapely.geometry import shape

from hazard_db.placenames import place_name
from hazard_db.wording import Words, isolated_runs
from maps.style import LOOK_EXPIRES_DAYS, rate_colour
from maps.swipe import Picture, Side
from maps.texts import Term

Row = Mapping[str, Any]
Feature = dict[str, Any]
TILED = ("sites", "events", "observations", "changes")
"""Kinds that are drawn from tiles where there are more than a page can hold."""
LISTED = 30
"""Records of a kind in the lists below a map."""
LONGEST, SHORTEST, FEW = 400, 120, 300
"""Characters of a note that a popup shows: where records are few, and where they are many."""


@dataclass(frozen=True)
class Layer:
    """Records of one kind: the newest, and how many there are."""

    rows: Sequence[Row] = ()
    total: int = 0


@dataclass(frozen=True)
class Content:
    """All that a map shows."""

    road: Layer = field(default_factory=Layer)
    places: Layer = field(default_factory=Layer)
    glaciers: Layer = field(default_factory=Layer)
    lakes: Layer = field(default_factory=Layer)
    outlines: Layer = field(default_factory=Layer)
    termini: Layer = field(default_factory=Layer)
    ways: Layer = field(default_factory=Layer)
    sites: Layer = field(default_factory=Layer)
    events: Layer = field(default_factory=Layer)
    observations: Layer = field(default_factory=Layer)
    changes: Layer = field(default_factory=Layer)
    alerts: Layer = field(default_factory=Layer)
    deformation: Layer = field(default_factory=Layer)
    points: Layer = field(default_factory=Layer)
    """Displacement sets whose points are drawn as tiles."""


@dataclass(frozen=True)
class Telling:
    """How records are told: language, links, pictures, and the day that counts as today."""

    lang: str
    words: Words
    term: Term
    today: date
    link: Callable[[str], str | None] = lambda path: path
    """Address of one of our pages; None where the map is a file that knows of none."""
    picture: Callable[[str], str | None] = lambda path: None
    """What an image element shows for a picture of the catalogue."""
    swipe: Callable[[str], Picture | None] = lambda path: None
    """The same with its dates apart, for the page of one change."""
    sides: Callable[[str], tuple[Side, Side] | None] = lambda path: None
    """Its two dates alone, for popups; None where it does not tell them apart."""
    tiles: bool = True
    """Whether the map can ask for tiles; one that is a file cannot."""
    cells: bool = True
    """Whether kinds of which there are many are drawn from tiles; else all that is given is."""
    points_closest: int | None = None
    """Highest zoom of tiles of measured points; closer, they are enlarged."""
    save: str | None = None
    """Address of the map as a file; None where it is one."""
    scenes: Sequence[Mapping[str, Any]] = ()
    """Scenes that a map which is a file carries, the newest first."""
    span: str = ""
    """Which records tiles are asked for, as a query: `km=640-660`, `beyond=true`."""
    longest: int = LONGEST
    """Characters of a note."""


@dataclass(frozen=True)
class Drawn:
    """One kind of records, ready to be drawn."""

    name: str
    fields: tuple[str, ...]
    """Keys of the labels beside the values of each feature."""
    features: tuple[Feature, ...]
    total: int
    marked: bool = True
    tiled: bool = False
    """More than a page can hold: drawn from tiles, `features` are the newest, for the lists beside the map."""
    """Areas and lines get a mark of their own."""

    @property
    def collection(self) -> dict[str, Any]:
        """The features as GeoJSON; an area gets a mark of its own, for from afar it would be too small to see."""
        marks = [_mark(one) for one in self.features if self.marked and one["geometry"]["type"] != "Point"]
        return {"type": "FeatureCollection", "features": [*self.features, *marks]}


def road(layer: Layer, tell: Telling) -> Drawn:
    """Return the segments; grade and whether they were seen lately decide how each is drawn."""
    names = ("grade", "score", "confidence", "seen", "place", "line")
    return Drawn("road", names, tuple(_segment(row, tell) for row in layer.rows), layer.total, marked=False)


def seen_lately(row: Row, today: date) -> bool:
    """Return whether a segment was seen clearly not long ago."""
    look: date | None = row["last_good_look"]
    return look is not None and today - look <= timedelta(days=LOOK_EXPIRES_DAYS)


def _segment(row: Row, tell: Telling) -> Feature:
    grade = row["grade"] or "unknown"
    infill = row["basis"] == "straight infill"
    km_from, km_to = row["km_from"], row["km_to"]
    values = [
        tell.term(grade), number(row["score"], 1), number(row["confidence"], 2),
        row["last_good_look"] or tell.words("value.never"), _places(row["place"], tell.lang),
        tell.words("value.infill") if infill else None,
    ]  # fmt: skip
    return _feature(
        row, f"road:{km_from:g}", grade, tell.words("value.stretch", a=f"{km_from:g}", b=f"{km_to:g}"), values,
        link=tell.link(f"/segments/{km_from:g}"), m=[round(km_from, 3), round(km_to, 3)],
        u=0 if seen_lately(row, tell.today) else 1, i=1 if infill else 0,
    )  # fmt: skip


def alerts(layer: Layer, tell: Telling) -> Drawn:
    """Return the live alerts; severe ones have a mark of their own."""
    names = ("km", "kind", "severity", "state", "raised", "expires")
    return Drawn("alerts", names, tuple(_alert(row, tell) for row in layer.rows), layer.total)


def _alert(row: Row, tell: Telling) -> Feature:
    headline = row["headline"]
    scope = "" if row["scope"] == "Public" else f", {tell.term(row['scope'])}"
    values = [
        _stretch(row, tell), tell.term(row["kind"]), tell.term(row["severity"]), tell.term(row["state"]) + scope,
        minute(row["raised_at"]), minute(row["expires_at"]),
    ]  # fmt: skip
    grave = row["severity"] in {"Extreme", "Severe"}
    title = isolated_runs(headline.get(tell.lang) or headline.get("en") or tell.term(row["kind"]), tell.lang)
    return _feature(
        row,
        f"alerts:{row['id']}",
        "alert_grave" if grave else "alert",
        title,
        values,
        link=tell.link(f"/alerts/{row['id']}"),
        d=_day(row["raised_at"]),
    )


def changes(layer: Layer, tell: Telling) -> Drawn:
    """Return the changes with the picture before and after; confidence decides how dark each is."""
    names = ("km", "kind", "state", "period", "area", "confidence", "slope", "offset")
    return Drawn("changes", names, tuple(_change(row, tell) for row in layer.rows), layer.total)


def _change(row: Row, tell: Telling) -> Feature:
    area = f"{number(row['area_m2'])} ± {number(row['area_uncertainty_m2'])} m²"
    slope = row["mean_slope_deg"]
    values = [
        _stretch(row, tell), tell.term(row["kind"]), tell.term(row["status"]), f"{row['first_date']} – {row['last_date']}", area,
        number(row["confidence"], 2), None if slope is None else f"{slope:.0f}°", _metres(row["offset_m"], tell),
    ]  # fmt: skip
    return _feature(
        row, f"changes:{row['id']}", "change" if row["status"] == "confirmed" else "change_new",
        tell.words("value.change", id=row["id"]), values, link=tell.link(f"/changes/{row['id']}"), d=_day(row["last_date"]),
        o=round(row["confidence"], 2), **(_pictured(row["picture"], tell) if row["picture"] else {}),
    )  # fmt: skip


def _pictured(path: str, tell: Telling) -> dict[str, Any]:
    """Return what a popup shows of a picture: its two dates to be swiped, else all of it."""
    if sides := tell.sides(path):
        return {"w": [[one.src, one.day, *one.size] for one in sides]}
    shown = tell.picture(path)
    return {"p": shown} if shown else {}


def deformation(layer: Layer, tell: Telling) -> Drawn:
    """Return the areas that settle or rise, coloured by rate."""
    names = (
        "km",
        "motion",
        "los_rate",
        "peak",
        "onset",
        "slope_rate",
        "trend_change",
        "quality",
        "points",
        "state",
        "period",
        "offset",
        "reference",
    )
    return Drawn("deformation", names, tuple(_deformation(row, tell) for row in layer.rows), layer.total)


def _deformation(row: Row, tell: Telling) -> Feature:
    values = [
        _stretch(row, tell), tell.term(row["motion"]), rate(row["velocity_mm_yr"], row["velocity_std_mm_yr"]),
        rate(row["peak_velocity_mm_yr"]), row["onset_date"], rate(row["slope_velocity_mm_yr"]),
        rate(row["trend_change_mm_yr"]) if row["trend_alert"] else None, row["quality"], number(row["n_points"]),
        tell.term(row["status"]), f"{row['first_date']} – {row['last_date']}", _metres(row["offset_m"], tell),
        short(f"{row['set_name']}: {row['reference']}", tell.longest),
    ]  # fmt: skip
    mark = "deformation" if row["status"] == "confirmed" else "deformation_new"
    return _feature(
        row, f"deformation:{row['id']}", mark, tell.words("value.deformation", id=row["id"]), values,
        link=tell.link(f"/displacement/areas/{row['id']}"), c=rate_colour(row["velocity_mm_yr"]),
        d=_day(row["last_date"]),
    )  # fmt: skip


def rate(velocity_mm_yr: float | None, std_mm_yr: float | None = None) -> str | None:
    """Return a rate with its error; None where there is none."""
    if velocity_mm_yr is None:
        return None
    return f"{velocity_mm_yr:+.1f}{'' if std_mm_yr is None else f' ± {std_mm_yr:.1f}'} mm/yr"


def observations(layer: Layer, tell: Telling) -> Drawn:
    """Return the observations, never with names of people; hollow until somebody has reviewed them."""
    names = ("km", "date", "state", "offset", "accuracy", "note")
    return Drawn("observations", names, _each(_observation, layer, tell), layer.total)


def _observation(row: Row, tell: Telling) -> Feature:
    values = [
        _km(row["chainage_km"], tell), minute(row["observed_at"]), tell.term(row["review_status"]), _metres(row["offset_m"], tell),
        _accuracy(row, tell), short(row["note"], tell.longest),
    ]  # fmt: skip
    mark = "observation" if row["review_status"] == "accepted" else "observation_new"
    return _feature(
        row, f"observations:{row['id']}", mark, tell.term(row["kind"]), values, link=tell.link(f"/observations/{row['id']}"),
        d=_day(row["observed_at"]), **_circle(row),
    )  # fmt: skip


def sites(layer: Layer, tell: Telling) -> Drawn:
    """Return the sites of the inventory."""
    names = ("km", "kind", "state", "offset", "accuracy", "note", "source")
    return Drawn("sites", names, _each(_site, layer, tell), layer.total)


def _site(row: Row, tell: Telling) -> Feature:
    values = [
        _km(row["chainage_km"], tell), tell.term(row["kind"]), tell.term(row["activity"]), _metres(row["offset_m"], tell),
        _accuracy(row, tell), short(row["note"], tell.longest), short(row["source"], tell.longest),
    ]  # fmt: skip
    title = short(f"{row['code']} {row['name']}", tell.longest) or ""
    return _feature(
        row, f"sites:{row['code']}", "site", title, values, link=tell.link(f"/sites/{row['code']}"), **_circle(row)
    )


def events(layer: Layer, tell: Telling) -> Drawn:
    """Return the dated events with how exactly each is placed."""
    names = ("km", "date", "kind", "fatalities", "accuracy", "note", "source")
    return Drawn("events", names, _each(_event, layer, tell), layer.total)


def _event(row: Row, tell: Telling) -> Feature:
    until = row["occurred_to"]
    day = f"{row['occurred_on']}"[: {"year": 4, "month": 7}.get(row["precision"], 10)]
    values = [
        _km(row["chainage_km"], tell), f"{day} – {until}" if until and until != row["occurred_on"] else day, tell.term(row["kind"]),
        number(row["fatalities"]), _accuracy(row, tell), short(row["note"], tell.longest), short(row["source"], tell.longest),
    ]  # fmt: skip
    title = short(row["name"], tell.longest) or tell.term(row["kind"])
    link, day_of = tell.link(f"/events/{row['id']}"), _day(row["occurred_on"])
    return _feature(row, f"events:{row['id']}", "event", title, values, link=link, d=day_of, **_circle(row))


def lakes(layer: Layer, tell: Telling) -> Drawn:
    """Return the lakes as last seen; those that ice dams have a mark of their own."""
    names = ("date", "state", "area", "growth", "dam", "way", "confidence")
    return Drawn("lakes", names, tuple(_lake(row, tell) for row in layer.rows), layer.total)


def _lake(row: Row, tell: Telling) -> Feature:
    dam = {True: "value.ice_dam", False: "value.no_ice_dam", None: "value.unknown_dam"}[row["ice_dammed"]]
    growth = row["growth_m2_yr"]
    values = [
        row["observed_on"], tell.term(row["state"]), f"{number(row['area_m2'])} ± {number(row['area_uncertainty_m2'])} m²",
        None if growth is None else tell.words("value.growth", rate=f"{growth:+,.0f}"), tell.words(dam), _way(row, tell),
        number(row["confidence"], 2),
    ]  # fmt: skip
    title = short(row["name"], tell.longest) or tell.words("value.lake", id=row["lake_id"])
    mark = "lake_dammed" if row["ice_dammed"] else "lake"
    return _feature(
        row,
        f"lakes:{row['lake_id']}",
        mark,
        title,
        values,
        link=tell.link(f"/lakes/{quote(row['lake_id'])}"),
        d=_day(row["observed_on"]),
    )


def glaciers(layer: Layer, tell: Telling) -> Drawn:
    """Return the glaciers with what their ends have done; surging ones have a mark of their own."""
    names = ("trend", "rate", "measured", "area", "outlined", "way")
    return Drawn("glaciers", names, tuple(_glacier(row, tell) for row in layer.rows), layer.total)


def _glacier(row: Row, tell: Telling) -> Feature:
    rate, doubt = row["rate_m_yr"], row["rate_uncertainty_m_yr"]
    values = [
        tell.term(row["trend"]) if row["trend"] else None,
        None if rate is None else tell.words("value.rate", rate=f"{rate:+.1f} ± {doubt or 0:.1f}"), row["measured_on"],
        f"{row['area_m2'] / 1e6:,.2f} ± {row['area_uncertainty_m2'] / 1e6:,.2f} km²", row["outlined_on"], _way(row, tell),
    ]  # fmt: skip
    title = _glacier_name(row, tell)
    mark = "glacier_surge" if row["trend"] == "surge" else "glacier"
    link = tell.link(f"/glaciers/{quote(row['glacier_id'])}")
    return _feature(row, f"glaciers:{row['glacier_id']}", mark, title, values, link=link)


def outlines(layer: Layer, tell: Telling) -> Drawn:
    """Return outlines of glaciers with the years from which and to which each stands; the map shows those of one year."""
    rows = tuple(_outline(row, tell) for row in layer.rows)
    return Drawn("outlines", ("outlined", "area", "source"), rows, layer.total, marked=False)


def _outline(row: Row, tell: Telling) -> Feature:
    area = f"{row['area_m2'] / 1e6:,.2f} ± {row['area_uncertainty_m2'] / 1e6:,.2f} km²"
    until = {} if row["until"] is None else {"z": row["until"]}
    return _feature(
        row, f"outlines:{row['id']}", "outline", _glacier_name(row, tell), [row["outlined_on"], area, row["dataset"]],
        link=tell.link(f"/glaciers/{quote(row['glacier_id'])}"), y=row["year"], **until,
    )  # fmt: skip


def termini(layer: Layer, tell: Telling) -> Drawn:
    """Return where glaciers ended in each year."""
    rows = tuple(_terminus(row, tell) for row in layer.rows)
    return Drawn("termini", ("measured", "trend", "length", "moved"), rows, layer.total, marked=False)


def _terminus(row: Row, tell: Telling) -> Feature:
    length = f"{row['length_m']:,.0f} ± {row['length_uncertainty_m']:,.0f} m"
    values = [row["observed_on"], tell.term(row["trend"]), length, f"{row['change_m']:+,.0f} m"]
    return _feature(
        row, f"termini:{row['id']}", "terminus", _glacier_name(row, tell), values,
        link=tell.link(f"/glaciers/{quote(row['glacier_id'])}"), y=row["year"], z=row["year"] + 1,
    )  # fmt: skip


def ways(layer: Layer, tell: Telling) -> Drawn:
    """Return the ways that water takes from lakes and surging glaciers down to the road."""
    return Drawn(
        "ways", ("km", "flow", "drop"), tuple(_descent(row, tell) for row in layer.rows), layer.total, marked=False
    )


def _descent(row: Row, tell: Telling) -> Feature:
    what, key = ("lake", "lakes") if row["lake_id"] else ("glacier", "glaciers")
    name = short(row["name"], tell.longest) or tell.words(f"value.{what}", id=row["source"])
    values = [_km(row["chainage_km"], tell), f"{row['flow_m'] / 1000:,.1f} km", _metres(row["drop_m"], tell)]
    return _feature(row, f"ways:{row['id']}", "way", name, values, link=tell.link(f"/{key}/{quote(row['source'])}"))


def _glacier_name(row: Row, tell: Telling) -> str:
    return short(row["name"], tell.longest) or tell.words("value.glacier", id=row["glacier_id"])


def _way(row: Row, tell: Telling) -> str | None:
    """Return where what comes down from there meets the road."""
    if row["road_km"] is None:
        return None
    flow, drop = f"{row['flow_m'] / 1000:,.1f}", number(row["drop_m"])
    return tell.words("value.way", km=f"{row['road_km']:.1f}", flow=flow, drop=drop)


DRAWERS: Mapping[str, Callable[[Layer, Telling], Drawn]] = {
    "road": road, "outlines": outlines, "termini": termini, "ways": ways, "glaciers": glaciers, "lakes": lakes,
    "sites": sites, "events": events, "observations": observations, "deformation": deformation, "changes": changes,
    "alerts": alerts,
}  # fmt: skip
"""Kind of records -> how they are drawn, from the lowest to the topmost."""


def draw(name: str, layer: Layer, tell: Telling, *, whole: bool = False) -> Drawn:
    """Return the records of a kind; of those that tiles will draw only what the lists need, unless the `whole` is wanted."""
    if not (tell.tiles and tell.cells and not whole and name in TILED and layer.total > len(layer.rows)):
        return DRAWERS[name](layer, tell)
    return replace(DRAWERS[name](replace(layer, rows=layer.rows[:LISTED]), tell), tiled=True)


def _each(draw: Callable[[Row, Telling], Feature], layer: Layer, tell: Telling) -> tuple[Feature, ...]:
    """Return the features of records that carry notes; of many records each tells less, so that the page stays small."""
    told = replace(tell, longest=SHORTEST) if len(layer.rows) > FEW else tell
    return tuple(draw(row, told) for row in layer.rows)


def _feature(
    row: Row, key: str, mark: str, title: str, values: Sequence[Any], *, link: str | None, **more: Any
) -> Feature:
    """Return a feature with short names: a map holds thousands."""
    told = [None if value is None else str(value) for value in values]
    more = {name: value for name, value in more.items() if name != "d" or value}
    properties = {"k": mark, "t": title, "v": told, **({"h": link} if link else {}), **more}
    return {"type": "Feature", "id": key, "geometry": row["geometry"], "properties": properties}


def _mark(feature: Feature) -> Feature:
    """Return the mark of an area or line; `r` names what it stands for."""
    point = shape(feature["geometry"]).representative_point()
    properties = {"k": feature["properties"]["k"], "t": feature["properties"]["t"], "r": feature["id"]}
    place = {"type": "Point", "coordinates": [round(point.x, 6), round(point.y, 6)]}
    return {"type": "Feature", "id": f"{feature['id']}:mark", "geometry": place, "properties": properties}


def number(value: float | None, digits: int = 0) -> str | None:
    """Return a number with thousands apart; None where there is none."""
    return None if value is None or not math.isfinite(value) else f"{value:,.{digits}f}"


def minute(value: datetime | None) -> str | None:
    """Return a time to the minute."""
    return None if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def _day(value: date | None) -> str | None:
    """Return the day by which a record is chosen in time (UTC)."""
    return None if value is None else f"{value:%Y-%m-%d}"


def short(value: str | None, most: int) -> str | None:
    """Return a text of bearable length; None where there is none."""
    if not value:
        return None
    return value if len(value) <= most else value[: most - 1].rstrip() + "…"


def _km(value: float | None, tell: Telling) -> str | None:
    return None if value is None else tell.words("value.km", km=f"{value:.1f}")


def _stretch(row: Row, tell: Telling) -> str | None:
    first, last = row["chainage_from_km"], row["chainage_to_km"]
    if first is None or last is None or last - first < 0.1:
        return _km(row["chainage_km"], tell)
    return tell.words("value.stretch", a=f"{first:.1f}", b=f"{last:.1f}")


def _metres(value: float | None, tell: Telling) -> str | None:
    return None if value is None else tell.words("value.metres", m=number(value))


def _accuracy(row: Row, tell: Telling) -> str | None:
    metres = row["accuracy_m"]
    return None if metres is None else tell.words("value.within", m=number(metres))


def _circle(row: Row) -> dict[str, float]:
    """Return the radius within which the place lies, where it is known."""
    metres = row["accuracy_m"]
    return {"a": round(metres)} if metres and math.isfinite(metres) else {}


def _places(names: str | None, lang: str) -> str | None:
    """Return the places of a segment; several stand with slashes between them."""
    return place_name(names, lang) if names else None
