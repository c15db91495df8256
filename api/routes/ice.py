"""Glaciers and lakes: lists, and a page of each with what it has done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from api.exports import FORMATS
from api.minimap import Mark, draw, middle, outline
from api.pages import collection, data, feature, language, render, wants_page
from api.security import Reader
from api.storage import reading
from api.stretch import read_stretch
from api.texts import term, translate
from hazard_db import icebook
from maps import plots

router = APIRouter(tags=["ice"])

Stretch = Annotated[
    str | None, Query(description="Stretch of road A-B in kilometres; what lies above it along the water's way too.")
]
Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Identifier = Annotated[str, Path(max_length=200)]


@router.get("/glaciers")
def list_glaciers(
    request: Request, identity: Reader, *, km: Stretch = None, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """Return the glaciers with their latest outline, trend, and way to the road."""
    del identity
    return _list(request, "glaciers", icebook.list_glaciers, km, limit=limit, offset=offset)


@router.get("/lakes")
def list_lakes(
    request: Request, identity: Reader, *, km: Stretch = None, limit: Limit = 100, offset: Offset = 0
) -> Response:
    """Return the lakes that two dates or more have shown, as last seen, with their way to the road."""
    del identity
    return _list(request, "lakes", icebook.list_lakes, km, limit=limit, offset=offset)


@router.get("/glaciers/{glacier_id:path}")
def get_glacier(request: Request, identity: Reader, glacier_id: Identifier) -> Response:
    """Return a glacier with its lengths and outlines through time (`?f=csv`: the lengths as a table)."""
    del identity
    with reading(request) as conn:
        glacier = icebook.get_glacier(conn, glacier_id)
        if _table(request):
            return _csv(glacier["termini"], f"glacier-{glacier_id}")
        if wants_page(request, default_page=False):
            mark = Mark("glacier_surge" if glacier["trend"] == "surge" else "glacier", *middle(glacier["geometry"]),
                        glacier["name"] or glacier_id, main=True, shape=outline(glacier["geometry"]))  # fmt: skip
            return render(
                request, "glacier.html", glacier=glacier, lengths=_lengths(glacier, language(request)),
                minimap=draw(conn, _marks(mark, glacier), _near(glacier), language(request)),
            )  # fmt: skip
    return data(feature(glacier), media_type="application/geo+json")


@router.get("/lakes/{lake_id:path}")
def get_lake(request: Request, identity: Reader, lake_id: Identifier) -> Response:
    """Return a lake with its areas through time (`?f=csv`: as a table)."""
    del identity
    with reading(request) as conn:
        lake = icebook.get_lake(conn, lake_id)
        if _table(request):
            return _csv(lake["series"], f"lake-{lake_id}")
        if wants_page(request, default_page=False):
            mark = Mark("lake_dammed" if lake["ice_dammed"] else "lake", *middle(lake["geometry"]), lake["name"] or lake_id,
                        main=True, shape=outline(lake["geometry"]))  # fmt: skip
            return render(
                request, "lake.html", lake=lake, areas=_areas(lake, language(request)),
                minimap=draw(conn, _marks(mark, lake), _near(lake), language(request)),
            )  # fmt: skip
    return data(feature(lake), media_type="application/geo+json")


def _list(
    request: Request, what: str, find: Callable[..., list[dict[str, Any]]], km: str | None, *, limit: int, offset: int
) -> Response:
    km_from, km_to = read_stretch(km) if km else (None, None)
    with reading(request) as conn:
        items = find(conn, km_from=km_from, km_to=km_to, limit=limit, offset=offset)
    if _table(request):
        return _csv(items, what)
    if wants_page(request, default_page=False):
        return render(request, f"{what}.html", items=items, limit=limit, offset=offset)
    return data(collection(items), media_type="application/geo+json")


def _table(request: Request) -> bool:
    return request.query_params.get("f") == "csv"


def _csv(rows: Sequence[Mapping[str, Any]], name: str) -> Response:
    safe = "".join(char if char.isalnum() or char in ".-_" else "_" for char in name)
    named = {"Content-Disposition": f'attachment; filename="kkh-{safe}.csv"'}
    return Response(FORMATS["csv"].write(rows, name), media_type=FORMATS["csv"].media_type, headers=named)


def _near(item: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the kilometres that the small map shows: where the way meets the road, else the nearest."""
    km = item["road_km"] if item["road_km"] is not None else item["chainage_km"]
    return None if km is None else (km, km)


def _marks(mark: Mark, item: Mapping[str, Any]) -> list[Mark]:
    """Return what the small map shows: the thing itself, and the way down from it."""
    if item["way"] is None:
        return [mark]
    lon, lat, *_ = item["way"]["coordinates"][-1]
    return [
        mark,
        Mark("way", lon, lat, f"km {item['road_km']:.1f}", f"/segments/{item['road_km']:.3f}", shape=item["way"]),
    ]


def _lengths(glacier: Mapping[str, Any], lang: str) -> Any:
    """Return the picture of a glacier's length through time."""
    t, words = translate(lang), term(lang)
    rows = [row for row in glacier["termini"] if row["length_m"] is not None]
    lengths = [row["length_m"] for row in rows]
    told = [
        f"{row['observed_on']}: {row['length_m']:,.0f} ± {row['length_uncertainty_m']:,.0f} m, {words(row['trend'])}"
        for row in rows
    ]
    series = plots.Series(
        t("ice.length_plot"), [row["observed_on"] for row in rows], lengths, [row["length_uncertainty_m"] for row in rows],
        model=lengths, onset=next((row["surge_on"] for row in reversed(glacier["termini"]) if row["surge_on"]), None),
        onset_told=t("ice.surge"), told=told,
    )  # fmt: skip
    return plots.draw([series], t("ice.length_plot"), t("ice.length"), positive=True)


def _areas(lake: Mapping[str, Any], lang: str) -> Any:
    """Return the picture of a lake's area through time."""
    t, words = translate(lang), term(lang)
    marks: dict[str, plots.Mark] = {"water": "dot", "frozen": "hollow", "dry": "cross"}
    rows = lake["series"]
    areas, errors = ([row[name] / 1e6 for row in rows] for name in ("area_m2", "area_uncertainty_m2"))
    told = [
        f"{row['observed_on']}: {area:.3f} ± {error:.3f} km², {words(row['state'])}"
        for row, area, error in zip(rows, areas, errors, strict=True)
    ]
    series = plots.Series(
        t("ice.area_plot"), [row["observed_on"] for row in rows], areas, errors,
        model=areas, told=told, marks=[marks[row["state"]] for row in rows],
    )  # fmt: skip
    return plots.draw([series], t("ice.area_plot"), t("ice.area_km2"), positive=True)
