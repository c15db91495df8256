"""Displacement: sets, their points, plots of series, and the areas that move."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from alerts.run import review_change
from api import motions
from api.bodies import answered, read_body
from api.motions import described, of_area, of_point, without_series
from api.pages import collection, data, feature, language, render, wants_page
from api.security import Reader, Reviewer
from api.state import state_of
from api.storage import reading, writing
from api.stretch import read_stretch
from api.texts import translate
from hazard_db import deformation, displacement
from hazard_db.errors import InputError
from maps import plots

router = APIRouter(prefix="/displacement", tags=["displacement"])

Id = Annotated[int, Path(ge=1, lt=2**63)]
MOST_POINTS = 8
"""Of a plot; more cannot be told apart."""
CSV = "text/csv; charset=utf-8"


class NewSite(BaseModel):
    """What an area becomes: a new site, or evidence of one that is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str | None = Field(default=None, max_length=100, description="Of a known site; without it a new one is made.")
    name: str | None = Field(default=None, max_length=500)
    note: str | None = Field(default=None, max_length=2000)


@router.get("")
def list_sets(request: Request, identity: Reader) -> Response:
    """Return the displacement sets, and the areas of their newest runs that move fastest."""
    with reading(request) as conn:
        sets = displacement.list_sets(conn)
        areas = deformation.list_areas(conn, include_unreviewed=identity.sees_unreviewed, limit=50)
    if wants_page(request, default_page=False):
        return render(request, "displacement_sets.html", sets=sets, areas=areas)
    shown = [{name: value for name, value in one.items() if name != "times_yr"} for one in sets]
    return data(collection(shown), media_type="application/geo+json")


@router.get("/plot")
def plot_points(
    request: Request,
    identity: Reader,
    points: Annotated[str, Query(max_length=400, description="Numbers of points, separated by commas.")],
) -> Response:
    """Return several points in one plot; as JSON or CSV (`f=csv`) their series."""
    del identity
    return _series(request, _numbers(points))


@router.get("/points/{name}")
def point(request: Request, identity: Reader, name: Annotated[str, Path(pattern=r"^\d{1,18}(\.csv)?$")]) -> Response:
    """Return one point with its series: a page, JSON, or CSV (`/displacement/points/12.csv`)."""
    del identity
    return _series(request, [int(name.removesuffix(".csv"))], as_csv=name.endswith(".csv"))


@router.get("/areas")
def list_areas(
    request: Request, identity: Reader, km: Annotated[str | None, Query(description="Stretch of road, A-B.")] = None,
    set_id: Annotated[int | None, Query(ge=1, lt=2**63)] = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:  # fmt: skip
    """Return the areas that move, those whose trend changed first, then the fastest."""
    with reading(request) as conn:
        items = deformation.list_areas(
            conn,
            include_unreviewed=identity.sees_unreviewed,
            set_id=set_id,
            km=read_stretch(km) if km else None,
            limit=limit,
        )
    if wants_page(request, default_page=False):
        return render(request, "displacement_areas.html", areas=items)
    return data(collection([without_series(one, identity) for one in items]), media_type="application/geo+json")


@router.get("/areas/{name}")
def area(request: Request, identity: Reader, name: Annotated[str, Path(pattern=r"^\d{1,18}(\.csv)?$")]) -> Response:
    """Return one area with its mean series: a page, GeoJSON, or CSV (`/displacement/areas/12.csv`)."""
    with reading(request) as conn:
        found = deformation.get_area(conn, int(name.removesuffix(".csv")), include_unreviewed=identity.sees_unreviewed)
        near = deformation.near_sites(conn, found["id"]) if identity.may("reviewer") else []
    told = of_area(found)
    if name.endswith(".csv"):
        return _csv([told], f"area-{found['id']}")
    if not wants_page(request, default_page=False):
        shown = without_series(found, identity) | described(told)
        return data(feature(shown), media_type="application/geo+json")
    words = translate(language(request))
    picture = motions.plot([told], words("displacement.area", id=found["id"]), words("displacement.axis"))
    return render(
        request,
        "displacement_area.html",
        area=found,
        told=told,
        plot=picture,
        near=near,
        kind=deformation.kind_of(found),
    )


@router.post(
    "/areas/{area_id}/site",
    responses={201: {"description": "A new site was made."}},
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": NewSite.model_json_schema()}}}},
)
async def make_site(request: Request, identity: Reviewer, area_id: Id) -> Response:
    """Make an area a site of the inventory, or evidence of a known one; it is confirmed by that, and its alerts follow."""
    wanted = await read_body(request, NewSite)

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            code = deformation.promote(conn, area_id, site_code=wanted.code, name=wanted.name)
            found = deformation.get_area(conn, area_id)
            if found["status"] != "confirmed":
                review_change(
                    conn, found["change_id"], "confirmed", identity.name, wanted.note, settings=state_of(request).alerts
                )
            return {"code": code, "change_id": found["change_id"]}

    return await answered(request, f"/displacement/areas/{area_id}", act, lambda told: told, 201)


@router.get("/{set_id}")
def one_set(request: Request, identity: Reader, set_id: Id) -> Response:
    """Return one set: what its files say, its fastest points, its areas."""
    with reading(request) as conn:
        found = displacement.get_set(conn, set_id)
        fastest = displacement.fastest_points(conn, set_id)
        areas = deformation.list_areas(conn, include_unreviewed=identity.sees_unreviewed, set_id=set_id, limit=100)
    if wants_page(request, default_page=False):
        return render(request, "displacement_set.html", set=found, fastest=fastest, areas=areas)
    told = found | {"fastest_points": fastest, "deformation_areas": [without_series(one, identity) for one in areas]}
    return data(feature(told), media_type="application/geo+json")


def _series(request: Request, ids: list[int], *, as_csv: bool = False) -> Response:
    with reading(request) as conn:
        told = [of_point(one) for one in displacement.get_points(conn, ids)]
    if as_csv or request.query_params.get("f") == "csv":
        return _csv(told, "-".join(["point", *map(str, ids)]))
    if not wants_page(request, default_page=False):
        shown = [_point(one.about) | described(one) for one in told]
        return data(feature(shown[0]) if len(ids) == 1 else collection(shown), media_type="application/geo+json")
    words = translate(language(request))
    title = (
        words("displacement.point", name=told[0].label) if len(told) == 1 else words("displacement.plot", n=len(told))
    )
    picture = motions.plot(told, title, words("displacement.axis"))
    numbers = ",".join(map(str, ids))
    return render(
        request, "displacement_point.html", told=told, plot=picture, title=title, sample=plots.sample, ids=numbers
    )


def _point(row: Any) -> dict[str, Any]:
    hidden = {"series", "times_yr", "dates"}
    return {name: value for name, value in row.items() if name not in hidden} | {
        "sign": "negative = away from the satellite", "unit": "mm",
    }  # fmt: skip


def _csv(told: list[motions.Told], name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(motions.as_csv(told), media_type=CSV, headers=headers)


def _numbers(text: str) -> list[int]:
    """Return the numbers of points; raises InputError where they are none or too many."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(re.fullmatch(r"\d{1,18}", part, re.ASCII) for part in parts):
        raise InputError("points is a list of numbers, for example points=12,15")
    ids = list(dict.fromkeys(int(part) for part in parts))
    if len(ids) > MOST_POINTS:
        raise InputError(f"points: {len(ids)} are too many for one plot; give up to {MOST_POINTS}")
    return ids
