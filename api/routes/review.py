"""Review of observations: the queue, many at once, what lies near, and the way into the inventory."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.concurrency import run_in_threadpool

from api.bodies import answered, read_body
from api.listing import Asked
from api.minimap import Mark, draw, middle, observation_mark, stretch_of
from api.pages import collection, data, language, render, wants_page
from api.security import FieldWorker, Reviewer, Viewer
from api.storage import reading, writing
from api.texts import term
from api.verdicts import ObservationVerdict
from hazard_db import evidence, fieldbook, remarks
from hazard_db.evidence import LETTERS

router = APIRouter(tags=["review"])

Id = Annotated[uuid.UUID, Path()]


class NewSite(BaseModel):
    """What an observation becomes: a new site, or a part of one that is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str | None = Field(default=None, max_length=100, description="Of a known site; without it a new one is made.")
    name: str | None = Field(default=None, max_length=500)


class Many(ObservationVerdict):
    """One verdict on many observations."""

    ids: list[uuid.UUID] = Field(min_length=1, max_length=500)
    revisions: dict[uuid.UUID, int] = Field(
        default_factory=dict,
        description="The revision that you saw of each; refused with 409 where one is another by now.",
    )


class NewRemark(BaseModel):
    """A question, an answer, or whatever helps those who look after an observation."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    body: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000)]


@router.get("/review")
def queue(request: Request, identity: Reviewer, window: Asked) -> Response:
    """Return the observations that wait for a verdict."""
    del identity
    with reading(request) as conn:
        items = fieldbook.list_observations(conn, window, published=False, status="submitted")
        if wants_page(request, default_page=False):
            lang = language(request)
            minimap = draw(conn, [_mark(one, term(lang)) for one in items], stretch_of(items), lang)
            return render(
                request,
                "review.html",
                items=items,
                limit=window.limit,
                offset=window.offset,
                minimap=minimap,
                kinds=LETTERS,
            )
    return data(collection(items), media_type="application/geo+json")


def _mark(item: dict[str, Any], words: Callable[[str], str]) -> Mark:
    when = f"{item['observed_at']:%Y-%m-%d}" if item["observed_at"] else "–"
    return Mark(
        observation_mark(item), *middle(item["geometry"]), f"{words(item['kind'])} {when}", f"/observations/{item['id']}",
        item["accuracy_m"], choice=f"{item['id']}:{item['revision']}",
    )  # fmt: skip


@router.post("/review")
async def decide(request: Request, identity: Reviewer) -> Response:
    """Give one verdict on many observations, on all of them or on none."""
    asked = await _many(request)

    def act() -> list[dict[str, Any]]:
        with writing(request, identity) as conn:
            return [
                fieldbook.review_observation(
                    conn, one, asked.verdict, note=asked.note or None, expected_revision=asked.revisions.get(one)
                )
                for one in sorted(set(asked.ids))  # in one order: two reviewers cannot wait for each other
            ]

    return await answered(request, "/review", act, collection)


async def _many(request: Request) -> Many:
    if "form" not in request.headers.get("content-type", ""):
        return await read_body(request, Many)
    form = await request.form()
    chosen = [str(value).partition(":")[::2] for value in form.getlist("id")]
    try:
        return Many.model_validate(
            {
                "ids": [one for one, _ in chosen], "verdict": form.get("verdict"), "note": form.get("note") or "",
                "revisions": {one: revision for one, revision in chosen if revision},
            }
        )  # fmt: skip
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False, include_url=False)) from error


@router.get("/observations/{identifier}/near")
def near(request: Request, identity: Viewer, identifier: Id) -> Response:
    """Return sites, changes and observations near an observation, the nearest first."""
    del identity
    with reading(request) as conn:
        fieldbook.get_observation(conn, identifier, published=False)
        return data(evidence.near(conn, identifier))


@router.post("/observations/{identifier}/site", status_code=201)
async def make_site(request: Request, identity: Reviewer, identifier: Id) -> Response:
    """Make the observation a site of the inventory, or evidence of one that is known (`code`); it is accepted by it."""
    asked = await read_body(request, NewSite)

    def act() -> str:
        with writing(request, identity) as conn:
            if asked.code is None:
                return evidence.promote(conn, identifier, asked.name)
            evidence.attach(conn, identifier, asked.code)
            return asked.code

    code = await run_in_threadpool(act)
    if "form" in request.headers.get("content-type", ""):
        return RedirectResponse(f"/sites/{code}", 303)
    return data({"code": code, "href": f"/sites/{code}"}, 201, location=f"/sites/{code}")


@router.get("/observations/{identifier}/remarks")
def list_remarks(request: Request, identity: Viewer, identifier: Id) -> Response:
    """Return what was said of an observation, oldest first."""
    del identity
    with reading(request) as conn:
        fieldbook.get_observation(conn, identifier, published=False)
        return data(remarks.of_observation(conn, identifier))


@router.post("/observations/{identifier}/remarks", status_code=201)
async def remark(request: Request, identity: FieldWorker, identifier: Id) -> Response:
    """Say something of an observation; the answer to a question brings it back into the queue."""
    asked = await read_body(request, NewRemark)

    def act() -> list[dict[str, Any]]:
        with writing(request, identity) as conn:
            remarks.say(conn, identifier, asked.body)
            return remarks.of_observation(conn, identifier)

    return await answered(request, f"/observations/{identifier}", act, lambda said: said, 201)
