"""Field observations: the list, sending one, its photos, its history and its review."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from pyproj import Geod
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from api import copies, differences
from api.bodies import answered, read_body
from api.incoming import IncomingObservation
from api.listing import EMPTY, Asked
from api.minimap import Mark, draw, middle, observation_mark, stretch_of
from api.openrosa import forms
from api.pages import VARY, collection, data, feature, language, render, wants_page
from api.security import FieldWorker, Identity, Reader, Reviewer, Viewer
from api.state import state_of
from api.storage import reading, reading_as, writing
from api.texts import term
from api.verdicts import ObservationVerdict
from hazard_db import evidence, fieldbook, media, media_files, remarks, submissions
from hazard_db.connect import Connection
from hazard_db.errors import AuthenticationError, NotFoundError
from hazard_db.evidence import LETTERS
from hazard_db.media import MediaRecord

router = APIRouter(tags=["observations"])

WGS84 = Geod(ellps="WGS84")

AGAIN: dict[int | str, dict[str, Any]] = {200: {"description": "It was stored before"}}

Id = Annotated[uuid.UUID, Path()]
Status = Literal["submitted", "accepted", "rejected", "asked"]
UPLOAD = {
    "requestBody": {
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        }
    }
}


@router.get("/observations")
def list_observations(
    request: Request, identity: Reader, window: Asked, status: Annotated[Status | None, EMPTY, Query()] = None
) -> Response:
    """Return observations, newest first; without names of people to those who are not logged in."""
    with reading_as(request, identity) as conn:
        items = fieldbook.list_observations(conn, window, published=not identity.sees_unreviewed, status=status)
    if wants_page(request, default_page=False):
        return render(
            request,
            "observations.html",
            kinds=LETTERS,
            items=items,
            limit=window.limit,
            offset=window.offset,
        )
    return data(collection(items), media_type="application/geo+json")


@router.post("/observations", status_code=201, responses=AGAIN, openapi_extra={
    "requestBody": {"content": {"application/json": {"schema": IncomingObservation.model_json_schema()}}}
})  # fmt: skip
async def create(
    request: Request, identity: FieldWorker, idempotency_key: Annotated[uuid.UUID | None, Header()] = None
) -> Response:
    """Store an observation: 201, or 200 where the very same one was stored before, or 409 where its id is another's."""
    incoming = await read_body(request, IncomingObservation)
    if incoming.id and idempotency_key and incoming.id != idempotency_key:
        raise RequestValidationError(
            [{"loc": ("header", "idempotency-key"), "msg": "differs from id", "type": "value_error"}]
        )
    new = incoming.record(incoming.id or idempotency_key or uuid.uuid4(), identity.name)

    def act() -> tuple[dict[str, Any], bool]:
        with writing(request, identity) as conn:
            fresh = fieldbook.create_observation(conn, new)
            return fieldbook.get_observation(conn, new.id, published=False), fresh

    stored, fresh = await run_in_threadpool(act)
    return data(
        feature(stored), 201 if fresh else 200, media_type="application/geo+json", location=f"/observations/{new.id}"
    )


@router.put("/observations/{identifier}", openapi_extra={
    "requestBody": {"content": {"application/json": {"schema": IncomingObservation.model_json_schema()}}}
})  # fmt: skip
async def correct(
    request: Request, identity: FieldWorker, identifier: Id, revision: Annotated[int, Query(ge=1)]
) -> Response:
    """Correct an observation of which you saw `revision`: the version before is kept, and it is reviewed again."""
    incoming = await read_body(request, IncomingObservation)
    new = incoming.record(identifier, identity.name)

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            return fieldbook.edit_observation(
                conn, new, editor=identity.name, is_reviewer=identity.may("reviewer"), expected_revision=revision
            )

    return data(feature(await run_in_threadpool(act)), media_type="application/geo+json")


@router.get("/observations/{identifier}")
def get_observation(
    request: Request, identity: Reader, identifier: Id,
    left: Annotated[int | None, Query(ge=1, lt=2**31)] = None, right: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
) -> Response:  # fmt: skip
    """Return one observation; its page compares the versions `left` and `right` where they are named."""
    with reading_as(request, identity) as conn:
        observation = fieldbook.get_observation(conn, identifier, published=not identity.sees_unreviewed)
    if not wants_page(request, default_page=False):
        return data(feature(observation), media_type="application/geo+json")
    lang = language(request)
    with reading(request) as conn:
        files = media.list_media(conn, identifier) if _may_see_media(observation, identity) else []
        more = _inside(conn, observation, (left, right)) if identity.sees_unreviewed else dict.fromkeys(INSIDE, ())
        marks = _marks(observation, files if identity.sees_unreviewed else [], more["nearby"], term(lang))
        minimap = draw(conn, marks, stretch_of([observation]), lang)
    session = identity.how == "session"
    return render(
        request, "observation.html", observation=observation,
        far=_far(observation, files) if identity.sees_unreviewed else {}, media=files, judge=identity.may("reviewer") and session,
        speak=identity.may("field") and session, minimap=minimap, left=left, right=right,
        correct=session and _may_correct(observation, identity),
        told=lambda name, value: forms.told(name, value, lang), **more,
    )  # fmt: skip


INSIDE = ("steps", "versions", "compared", "submissions", "nearby", "sites", "remarks")


def _inside(conn: Connection, observation: dict[str, Any], pair: tuple[int | None, int | None]) -> dict[str, Any]:
    """Return what those who are logged in see beside an observation."""
    identifier = observation["id"]
    past = fieldbook.history(conn, identifier)
    versions = differences.versions(observation, past)
    one, other = (versions.get(number or 0) for number in pair)
    return {
        "steps": differences.steps(observation, past),
        "versions": sorted(versions),
        "compared": differences.side_by_side(one, other) if one is not None and other is not None else (),
        "submissions": submissions.list_of(conn, identifier),
        "nearby": evidence.near(conn, identifier),
        "sites": evidence.sites_of(conn, identifier),
        "remarks": remarks.of_observation(conn, identifier),
    }


def _may_correct(observation: dict[str, Any], identity: Identity) -> bool:
    """Return whether a person may correct an observation: reviewers any, field workers their own until it is accepted."""
    own = observation.get("created_by") == identity.name and observation["review_status"] != "accepted"
    return identity.may("reviewer") or (identity.may("field") and own)


FAR_M = 500.0
"""A photo taken further away than this, beside the accuracy of the place, may belong elsewhere."""


def _far(observation: dict[str, Any], files: Sequence[MediaRecord]) -> dict[int, float]:
    """Return the distance, m, of photos that were taken far from the place of their observation, by number."""
    lon, lat = middle(observation["geometry"])
    away = {
        one.id: float(WGS84.inv(lon, lat, one.lon, one.lat)[2])
        for one in files if one.lon is not None and one.lat is not None
    }  # fmt: skip
    return {number: metres for number, metres in away.items() if metres > FAR_M + (observation["accuracy_m"] or 0)}


SYMBOL_OF = {"site": "site", "change": "change", "event": "event", "observation": "observation_new"}


def _marks(
    observation: dict[str, Any],
    files: Sequence[MediaRecord],
    nearby: Sequence[dict[str, Any]],
    words: Callable[[str], str],
) -> list[Mark]:
    """Return an observation, where its photos were taken, and what lies near it."""
    lon, lat = middle(observation["geometry"])
    here = Mark(
        observation_mark(observation),
        lon,
        lat,
        words(observation["kind"]),
        accuracy_m=observation["accuracy_m"],
        main=True,
    )
    photos = [
        Mark("photo", one.lon, one.lat, one.filename) for one in files if one.lon is not None and one.lat is not None
    ]
    near = [
        Mark(SYMBOL_OF[one["what"]], one["lon"], one["lat"], f"{words(one['kind'])} {one['distance_m']:.0f} m",
             f"/{one['what']}s/{one['id']}")
        for one in nearby
    ]  # fmt: skip
    return [here, *photos, *near]


@router.get("/observations/{identifier}/history")
def history(request: Request, identity: Viewer, identifier: Id) -> Response:
    """Return the earlier versions of an observation, newest first."""
    del identity
    with reading(request) as conn:
        return data(fieldbook.history(conn, identifier))


@router.get("/observations/{identifier}/submissions")
def list_submissions(request: Request, identity: Viewer, identifier: Id) -> Response:
    """Return what phones sent of an observation, newest first, with a receipt for each photo that arrived."""
    del identity
    with reading(request) as conn:
        fieldbook.get_observation(conn, identifier, published=False)
        return data(submissions.list_of(conn, identifier))


@router.post("/observations/{identifier}/review", openapi_extra=ObservationVerdict.described())
async def review(request: Request, identity: Reviewer, identifier: Id) -> Response:
    """Give a verdict on an observation: accepted, rejected, asked (a question to the observer), or submitted to take it back."""
    asked = await read_body(request, ObservationVerdict)

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            return fieldbook.review_observation(
                conn, identifier, asked.verdict, note=asked.note or None, expected_revision=asked.revision
            )

    return await answered(request, f"/observations/{identifier}", act, feature)


@router.get("/observations/{identifier}/media")
def list_media(request: Request, identity: Reader, identifier: Id) -> Response:
    """Return the photos and files of an observation, each with its checksum and link."""
    with reading_as(request, identity) as conn:
        observation = fieldbook.get_observation(conn, identifier, published=not identity.sees_unreviewed)
    with reading(request) as conn:
        return data([_told(file) for file in _media(conn, observation, identity)])


@router.post("/observations/{identifier}/media", status_code=201, openapi_extra=UPLOAD, responses=AGAIN)
async def add_media(request: Request, identity: FieldWorker, identifier: Id) -> Response:
    """Store a photo or file (field `file` of a form): 201, or 200 where it was stored before."""

    def allowed() -> None:
        with reading(request) as conn:
            media.check_may_add(conn, identifier, adder=identity.name, is_reviewer=identity.may("reviewer"))

    await run_in_threadpool(allowed)  # before megabytes are read for nothing
    async with request.form(max_files=1, max_fields=10) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            raise RequestValidationError(
                [{"loc": ("body", "file"), "msg": "send the file as multipart/form-data", "type": "missing"}]
            )
        stored, fresh = await run_in_threadpool(_store, request, identity, identifier, upload)
    return data(_told(stored), 201 if fresh else 200, location=_link(stored))


@router.get("/observations/{identifier}/media/{media_id}")
def get_media(
    request: Request, identity: Reader, identifier: Id, media_id: Annotated[int, Path(ge=1, lt=2**63)]
) -> Response:
    """Return a photo or file as it came in; to strangers without what the camera told of itself."""
    with reading_as(request, identity) as conn:
        observation = fieldbook.get_observation(conn, identifier, published=not identity.sees_unreviewed)
    with reading(request) as conn:
        found = [file for file in _media(conn, observation, identity) if file.id == media_id]
    if not found:
        raise NotFoundError(f"the observation has no file {media_id}")
    home = state_of(request).settings.home
    path = media_files.path_of(home / "media", found[0].sha256)
    if not path.is_file():
        raise NotFoundError(f"{found[0].filename} is in the catalogue, but not on this machine")
    if identity.sees_unreviewed:
        return _file(found[0], path, found[0].mime_type)
    copy = copies.open_to_all(path, home / "copies", found[0].mime_type)
    if copy is None:
        raise AuthenticationError("this file may tell of people and is for those who are logged in")
    return _file(found[0], *copy)


def _file(file: MediaRecord, path: FilePath, mime_type: str) -> Response:
    """Return a file so that a browser shows pictures and runs nothing."""
    return FileResponse(
        path, media_type=mime_type, filename=file.filename,
        content_disposition_type="inline" if mime_type.startswith("image/") else "attachment",
        headers={
            "Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{path.name}"', "Vary": VARY,
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )  # fmt: skip


def _store(request: Request, identity: Identity, identifier: uuid.UUID, upload: UploadFile) -> tuple[MediaRecord, bool]:
    name = media_files.plain_name(upload.filename)
    file = media_files.store(upload.file, state_of(request).settings.home / "media", name)
    with writing(request, identity) as conn:
        return media.add_media(
            conn, identifier, filename=name, sha256=file.sha256, size_bytes=file.size_bytes, mime_type=file.mime_type,
            taken_at=file.taken_at, lonlat=file.lonlat,
        )  # fmt: skip


def _may_see_media(observation: dict[str, Any], identity: Identity) -> bool:
    """Return whether the photos may be shown: one may show faces, so open are those of accepted observations."""
    return identity.sees_unreviewed or observation["review_status"] == "accepted"


def _media(conn: Connection, observation: dict[str, Any], identity: Identity) -> list[MediaRecord]:
    """Return the files of an observation.

    Raises
    ------
    AuthenticationError
        They are for those who are logged in.
    """
    if not _may_see_media(observation, identity):
        raise AuthenticationError("photos of an observation that is not accepted yet are for those who are logged in")
    return media.list_media(conn, observation["id"])


def _told(file: MediaRecord) -> dict[str, Any]:
    values = {name: getattr(file, name) for name in MediaRecord.__dataclass_fields__ if name != "created_by"}
    return values | {"href": _link(file)}


def _link(file: MediaRecord) -> str:
    return f"/observations/{file.observation_id}/media/{file.id}"
