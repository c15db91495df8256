"""The road by kilometre: ratings, what they are made of, what was seen and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from api import finding, stretches
from api.charts import telling
from api.motions import without_series
from api.pages import collection, data, language, render, wants_page
from api.plain import plain
from api.rated import told
from api.roadtables import Tables
from api.security import Identity, Reader
from api.state import state_of
from api.storage import reading, reading_as
from api.stretch import read_stretch
from api.stretches import View
from api.viewing import AskedView
from hazard_db import alerts, changes, corridor, deformation, fieldbook, register, risk
from hazard_db.connect import Connection
from hazard_db.corridor import SegmentRow
from hazard_db.errors import InputError, NotFoundError
from hazard_db.risk import SegmentRisk
from hazard_db.risk_weights import GRADES
from hazard_db.search import Window
from hazard_db.triggers import quakes, rain, sensors
from maps import panel_svg, strip, strip_svg
from maps import texts as map_texts
from maps.style import LOOK_EXPIRES_DAYS, symbol_sample

router = APIRouter(tags=["road"])

WORST = 25
NEAR = 20
ALWAYS = {"kilometres", "closures", "looks"}
"""Tables that say so where they are empty."""
LOOK_EXPIRES = timedelta(days=60)
"""A clear look older than this is told as `not observed since`."""

Kilometre = Annotated[float, Path(ge=-1e4, le=1e5, description="Any kilometre of the segment.")]


@router.get("/segments")
def list_segments(
    request: Request, identity: Reader, view: AskedView, *,
    find: Annotated[
        str | None, Query(max_length=120, description="Kilometre, stretch, place in any script, site, or latitude, longitude.")
    ] = None,
    km: Annotated[str | None, Query(max_length=40, description="Stretch A-B in kilometres.")] = None,
) -> Response:  # fmt: skip
    """Return the segments with their ratings, as GeoJSON or as a page: the whole road, or a stretch with strip, map and tables."""
    if find and find.strip():
        return _found(request, find)
    page = wants_page(request, default_page=False)
    if view is not None and page:
        return _stretch(request, identity, view)
    km_from, km_to = read_stretch(km) if km else (None, None)
    with reading(request) as conn:
        rows = corridor.segments(conn, km_from, km_to)
        low, high = (rows[0].km_from, rows[-1].km_to) if rows else (0.0, 0.0)
        rated = {rating.segment_id: rating for rating in risk.show(conn, low, high, hazard="all")}
    items = [_summary(row, rated.get(row.id)) for row in rows]
    if page:
        worst = sorted((item for item in items if item["score"]), key=lambda item: -item["score"])[:WORST]
        return render(request, "segments.html", tens=_tens(items), worst=worst)
    return data(collection(items), media_type="application/geo+json")


def _tens(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return segments by tens of kilometres, each with its highest grade; one that is not known counts below `low`."""
    order = ("unknown", *GRADES)
    tens = []
    for ten, group in groupby(items, key=lambda item: int(item["km_from"] // 10)):
        inside = list(group)
        worst = max((item["grade"] or "unknown" for item in inside), key=order.index)
        tens.append({"km_from": 10 * ten, "km_to": 10 * ten + 10, "worst": worst, "segments": inside})
    return tens


def _found(request: Request, asked: str) -> Response:
    """Return where something is: programs get it as JSON, people are sent to its stretch."""
    with reading(request) as conn:
        found = finding.find(conn, asked)
    if not wants_page(request, default_page=False):
        return data(found)
    return RedirectResponse(f"/segments?km={found.km_from:.6g}-{found.km_to:.6g}&f=html", 303)


def _stretch(request: Request, identity: Identity, view: View) -> Response:
    lang, home, inside = language(request), state_of(request).settings.home, identity.sees_unreviewed
    views = [view, replace(view, km_from=view.beside[0], km_to=view.beside[1])] if view.beside else [view]
    with reading(request) as conn, reading_as(request, identity) as visitor:
        looks = [stretches.look(conn, visitor, one, inside=inside, lang=lang, home=home) for one in views]
        differences = stretches.compared(conn, view, identity)
        spent = stretches.spent(conn, view, inside=inside)
    known, words = looks[0].known, map_texts.translate(lang)
    tables = [table for table in Tables(known, lang).all(spent)[1:] if table.rows or table.name in ALWAYS]
    return render(
        request, "stretch.html", view=view, looks=looks, tables=tables, differences=differences,
        hazards=sorted({*known.hazards, *filter(None, [view.hazard])}),
        keys=strip.legend(telling(lang)), sample=strip_svg.sample, symbols=symbol_sample, mt=words, panel_svg=panel_svg.draw,
        expires=LOOK_EXPIRES_DAYS, today=datetime.now(UTC).date(), shifted=lambda steps: _shifted(request, view, steps),
    )  # fmt: skip


def _shifted(request: Request, view: View, steps: int) -> str:
    """Return the address of the stretch before or after."""
    long = view.km_to - view.km_from
    first = max(0.0, view.km_from + steps * long)
    url = request.url.include_query_params(km=f"{first:g}-{first + long:g}", f="html")
    return f"{url.path}?{url.query}"


@router.get("/segments/locate")
def locate(
    request: Request, identity: Reader, *, km: Annotated[float | None, Query(description="Kilometre to find.")] = None,
    lon: Annotated[float | None, Query(description="Degrees east.")] = None,
    lat: Annotated[float | None, Query(description="Degrees north.")] = None,
    version: Annotated[str | None, Query(max_length=200, description="An earlier version of the alignment.")] = None,
) -> Response:  # fmt: skip
    """Return the place of a kilometre (km), or the kilometre of a place (lon, lat)."""
    del identity
    with reading(request) as conn:
        if km is not None and lon is None and lat is None:
            return data(corridor.locate_km(conn, km, version=version))
        if km is None and lon is not None and lat is not None:
            return data(corridor.locate_point(conn, lon, lat, version=version))
    raise InputError("give either km, or lon and lat")


@router.get("/segments/go", include_in_schema=False)
def go(km: Annotated[str, Query(max_length=40)]) -> Response:
    """Redirect to the page of a kilometre or to the map of a stretch, from the form on the road's page."""
    km_from, km_to = read_stretch(km)
    return RedirectResponse(f"/maps/segment?km={km_from:g}-{km_to:g}" if "-" in km else f"/segments/{km_from:g}", 303)


@router.get("/segments/{km}")
def segment(request: Request, identity: Reader, km: Kilometre) -> Response:
    """Return the segment that a kilometre lies in: ratings with their contributions, visibility, what lies near."""
    with reading(request) as conn:
        row, previous, following = _find(conn, km)
        ratings = [told(one, identity) for one in risk.show(conn, row.km_from, row.km_to) if one.segment_id == row.id]
        looks = [look for look in changes.last_looks(conn, row.km_from, row.km_to) if look["segment_id"] == row.id]
        near = _near(conn, row, identity) | _triggers(conn, row)
    with reading_as(request, identity) as conn:
        near |= _recorded(conn, row, published=not identity.sees_unreviewed)
    seen = ratings[0] if ratings else None
    last_good = seen.last_good_look if seen else None
    answer: dict[str, Any] = {
        "segment": row,
        "ratings": ratings,
        "looks": looks,
        "last_look": seen.last_look if seen else None,
        "last_good_look": last_good,
        "not_observed_since": bool(last_good and datetime.now(UTC).date() - last_good > LOOK_EXPIRES),
        **near,
    }
    if wants_page(request, default_page=True):
        return render(request, "segment.html", previous=previous, following=following, **answer)
    answer["segment"] = {**plain(row), "geometry": {"type": "LineString", "coordinates": row.lonlat}}
    del answer["segment"]["lonlat"]
    return data(answer)


def _find(conn: Connection, km: float) -> tuple[SegmentRow, float | None, float | None]:
    """Return the segment of a kilometre and where its neighbours begin."""
    rows = corridor.segments(conn, km - 3, km + 3)
    for index, row in enumerate(rows):
        if row.km_from <= km < row.km_to or (index == len(rows) - 1 and km == row.km_to):
            previous = rows[index - 1].km_from if index else None
            following = rows[index + 1].km_from if index + 1 < len(rows) else None
            return row, previous, following
    raise NotFoundError(f"the road has no kilometre {km:g}")


def _near(conn: Connection, row: SegmentRow, identity: Identity) -> dict[str, Any]:
    inside = identity.sees_unreviewed
    ends = (row.km_from, row.km_to)
    return {
        "alerts": alerts.list_alerts(conn, state="live", scope=None if inside else "Public", km=ends, limit=NEAR),
        "changes": changes.list_changes(conn, include_unreviewed=inside, km_from=ends[0], km_to=ends[1], limit=NEAR),
        "deformation": [
            without_series(one, identity)
            for one in deformation.list_areas(conn, include_unreviewed=inside, km=ends, limit=NEAR)
        ],
        "radar_views": [one for one in deformation.segment_views(conn, *ends) if one["km_from"] == row.km_from],
    }


def _triggers(conn: Connection, row: SegmentRow) -> dict[str, Any]:
    ends = (row.km_from, row.km_to)
    return {
        "rain": rain.windows(conn, km=ends),
        "shaking": quakes.shaking_of_segment(conn, row.id),
        "sensors": sensors.list_sensors(conn, km=ends),
    }


def _recorded(conn: Connection, row: SegmentRow, *, published: bool) -> dict[str, Any]:
    window = Window(row.km_from, row.km_to, limit=NEAR)
    return {
        "sites": register.list_sites(conn, window, published=published),
        "events": register.list_events(conn, window, published=published),
        "observations": fieldbook.list_observations(conn, window, published=published),
    }


def _summary(row: SegmentRow, rating: SegmentRisk | None) -> dict[str, Any]:
    return {
        "id": row.id, "km_from": row.km_from, "km_to": row.km_to, "place": row.place, "basis": row.basis,
        "country": row.country, "consequence": row.consequence,
        "grade": rating.grade if rating else None, "score": rating.score if rating else None,
        "confidence": rating.confidence if rating else None,
        "last_look": rating.last_look if rating else None,
        "last_good_look": rating.last_good_look if rating else None,
        "geometry": {"type": "LineString", "coordinates": row.lonlat},
    }  # fmt: skip
