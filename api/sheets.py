"""A site of the inventory on one printed page: facts, map, states, what sources say, what happened, photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import segno
import shapely

from api import copies
from api.backdrop import BackdropSettings, relief
from api.claims import compare, of_observations
from api.minimap import middle
from api.openrosa import forms
from api.roadcells import short
from api.texts import term, translate
from hazard_db import drawing, evidence, media, media_files, register
from hazard_db.connect import Connection
from maps.panel import Panel, Spot, around
from maps.report import Photo, Report

LEAST_RADIUS_M, MOST_RADIUS_M = 600.0, 20_000.0
MAP_MM = 78.0
MOST_STATES, MOST_CLAIMS, MOST_SOURCES, MOST_EVENTS = 5, 7, 4, 5
PHOTOS_MM = (34.0, 70.0)
"""Least height that photos need with their captions, and what they take where there is room."""


@dataclass(frozen=True)
class Visitor:
    """For whom a sheet is made."""

    lang: str
    inside: bool
    """Sees what is not published."""
    address: str
    """Of the site's page."""
    home: Path


@dataclass(frozen=True)
class _Table:
    """A table of a sheet."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    shares: Sequence[float]
    """Of the width, by column."""
    total: int
    """Rows that there are, on the page or not."""


def site_sheet(conn: Connection, code: str, visitor: Visitor) -> bytes:
    """Return the page of a site as PDF.

    Raises
    ------
    NotFoundError
        There is no such site.
    MapError
        The fonts are not there.
    """
    site = _site(conn, code, visitor)
    t, name = translate(visitor.lang), term(visitor.lang)
    page = Report(visitor.lang, f"{site['code']} {site['name']}", made_at=datetime.now(UTC))
    km = "–" if site["chainage_km"] is None else f"{site['chainage_km']:.1f}"
    subtitle = t("sheet.subtitle", kind=name(site["kind"]), state=name(site["activity"]), km=km)
    page.title(f"{site['code']}  {site['name']}", subtitle)
    top = page.y
    page.map(_panel(conn, site, visitor, t), page.width - MAP_MM, MAP_MM, MAP_MM)
    page.facts(_facts(site, t, name), 0, page.width - MAP_MM - 4)
    page.y = max(page.y, top + MAP_MM + 1)
    photos = _photos(conn, site, visitor)
    kept = PHOTOS_MM[0] if photos else 0.0
    _states(page, site, t, name, kept)
    _claims(page, site, t, visitor.lang, kept)
    _events(page, site, t, name, kept)
    if photos:
        page.heading(t("observation.media"))
        placed = page.photos(photos[:4], min(page.left, PHOTOS_MM[1]))
        if placed < len(photos):
            page.note(t("sheet.photos_more", n=placed, all=len(photos)))
    internal = t("sheet.internal") if visitor.inside else ""
    code_rows = [[bool(dot) for dot in row] for row in segno.make(visitor.address, error="m").matrix_iter(border=1)]
    page.footer(internal + t("sheet.printed", day=date.today().isoformat(), address=visitor.address), code_rows)
    return page.content()


def _site(conn: Connection, code: str, visitor: Visitor) -> dict[str, Any]:
    site = register.get_site(conn, code)
    observations = evidence.observations_of(conn, site["id"])
    site["observations"] = [one for one in observations if visitor.inside or one["review_status"] == "accepted"]
    site["states"] = [one for one in site["states"] if one["withdrawn_at"] is None]
    return site


def _facts(site: Mapping[str, Any], t: Callable[..., str], name: Callable[[str], str]) -> list[tuple[str, str]]:
    lon, lat = middle(site["geometry"])
    unsure = "" if site["accuracy_m"] is None else f" ± {site['accuracy_m']:,.0f} m"
    offset = "–" if site["offset_m"] is None else t("sheet.metres", m=f"{site['offset_m']:,.0f}")
    facts = [
        (t("col.kind"), name(site["kind"])), (t("col.state"), name(site["activity"])),
        (t("sheet.varnes"), site["varnes_class"] or "–"), (t("sheet.chinese"), site["chinese_class"] or "–"),
        (t("sheet.position"), f"{lat:.5f}° N, {lon:.5f}° E{unsure}"), (t("sheet.road"), offset),
        (t("col.source"), site["source"]), (t("col.note"), short(site["note"] or "–", 420)),
    ]  # fmt: skip
    return facts


def _panel(conn: Connection, site: Mapping[str, Any], visitor: Visitor, t: Callable[..., str]) -> Panel:
    shape = shapely.geometry.shape(site["geometry"])
    lon, lat = middle(site["geometry"])
    west, south, east, north = shape.bounds
    reach = max((north - south), (east - west)) * 111_320 * 0.8
    radius = min(
        MOST_RADIUS_M,
        max(LEAST_RADIUS_M, reach, 1.3 * (site["accuracy_m"] or 0), 1.3 * min(site["offset_m"] or 0, 10_000)),
    )
    km = site["chainage_km"]
    rows = (
        drawing.segments(conn, drawing.View(km - radius / 500 - 2, km + radius / 500 + 2)).rows
        if km is not None
        else ()
    )
    outlines = [list(part.exterior.coords) if part.geom_type == "Polygon" else list(part.coords)
                for part in shapely.get_parts(shape) if part.geom_type in {"Polygon", "LineString"}]  # fmt: skip
    spots = [Spot("site", lon, lat, main=True, accuracy_m=site["accuracy_m"])]
    spots += [Spot("observation", *middle(one["geometry"])) for one in site["observations"]]
    bounds = around(lon, lat, radius)
    shades = relief(BackdropSettings(), visitor.home, bounds)
    return Panel(
        bounds, road=[row["geometry"]["coordinates"] for row in rows], outlines=outlines, spots=spots,
        kilometres=[(*row["geometry"]["coordinates"][0][:2], f"km {row['km_from']:g}") for row in rows],
        relief=(shades.path, shades.bounds) if shades else None,
    )  # fmt: skip


def _states(
    page: Report, site: Mapping[str, Any], t: Callable[..., str], name: Callable[[str], str], kept: float
) -> None:
    states = site["states"]
    if not states:
        return
    rows = [
        [name(one["activity"]), _since(one, t), one["source"], short(one["note"] or "", 120)]
        for one in states[:MOST_STATES]
    ]
    _put(
        page,
        t,
        _Table(
            t("states.title"),
            [t("col.state"), t("states.since"), t("col.source"), t("col.note")],
            rows,
            [0.16, 0.14, 0.3, 0.4],
            len(states),
        ),
        kept,
    )


def _since(state: Mapping[str, Any], t: Callable[..., str]) -> str:
    day = state["since_on"]
    if day is None:
        return t("states.undated")
    return _day(day, state["precision"])


def _day(day: date, precision: str) -> str:
    """Return a day as exactly as it is known."""
    return f"{day}"[: {"year": 4, "month": 7}.get(precision, 10)]


def _claims(page: Report, site: Mapping[str, Any], t: Callable[..., str], lang: str, kept: float) -> None:
    sheet = compare([*site["claims"], *of_observations(site["observations"])])
    if not sheet.rows:
        return
    count = min(len(sheet.sources), MOST_SOURCES)
    rows = []
    for row in sheet.rows:
        label = forms.told(row.attribute, None, lang)[0]
        cells = [short(forms.told(row.attribute, value, lang)[1] if value else "", 60) for value in row.values[:count]]
        if any(cells):
            rows.append([f"{label} ({t('claims.differ')})" if row.differ else label, *cells])
    hidden = len(sheet.sources) - count
    head = [" ", *(short(source, 40) for source in sheet.sources[:count])]
    _put(page, t, _Table(t("claims.title"), head, rows[:MOST_CLAIMS], [0.3, *([0.7 / count] * count)], len(rows)), kept)
    if hidden:
        page.note(t("sheet.sources_more", n=hidden))


def _events(
    page: Report, site: Mapping[str, Any], t: Callable[..., str], name: Callable[[str], str], kept: float
) -> None:
    events = site["events"]
    if not events:
        return
    rows = [
        [_day(one["occurred_on"], one["precision"]), name(one["kind"]), short(one["name"], 90), one["source"]]
        for one in events[:MOST_EVENTS]
    ]  # fmt: skip
    _put(
        page,
        t,
        _Table(
            t("events.title"),
            [t("col.date"), t("col.kind"), t("col.name"), t("col.source")],
            rows,
            [0.13, 0.16, 0.41, 0.3],
            len(events),
        ),
        kept,
    )


def _put(page: Report, t: Callable[..., str], table: _Table, kept: float) -> None:
    """Write a table with what there is room for above the photos, and say how much is not on the page."""
    if page.left - kept < 24:
        page.note(f"{table.title}: {t('sheet.more', n=table.total)}")
        return
    page.heading(table.title)
    written = page.table(table.head, table.rows, table.shares, most_mm=page.left - kept - 6)
    if written < table.total:
        page.note(t("sheet.more", n=table.total - written))


def _photos(conn: Connection, site: Mapping[str, Any], visitor: Visitor) -> list[Photo]:
    """Return reduced copies of the photos of the observations that a site rests on, the newest first."""
    found = []
    for _, file in media.of_sites(conn, [site["id"]], accepted_only=not visitor.inside):
        path = media_files.path_of(visitor.home / "media", file.sha256)
        copy = copies.open_to_all(path, visitor.home / "copies", file.mime_type) if path.is_file() else None
        if copy is not None and copy[1].startswith("image/"):
            day = f"{file.taken_at:%Y-%m-%d}  " if file.taken_at else ""
            found.append(Photo(copy[0], f"{day}{short(file.filename, 34)}"))
    return found
