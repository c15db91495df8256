"""The ledger of the road: closures, works with what they cost, structures; engineers write it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field, StringConstraints

from api.bodies import answered, read_body
from api.listing import Asked
from api.pages import collection, data, feature, render, wants_page
from api.routes.inventory import Long, NewClosure, Number, Opening, Short, Told
from api.security import Engineer, Identity, Reader
from api.storage import reading, reading_as, writing
from hazard_db import ledger
from hazard_db.connect import Connection
from hazard_db.ledger import BOOKS, CLOSURES, WORKS, Book
from hazard_db.tables.ledger import STATUSES
from hazard_db.tables.ledger import WORKS as KINDS

router = APIRouter(tags=["ledger"])

Link = Annotated[int | None, Field(default=None, ge=1, lt=2**63)]
GoingOn = Annotated[bool, Query(description="Only those that have no end yet.")]
BookName = Literal["closures", "works"]


class Closure(NewClosure):
    """A closure, with what it came of."""

    event_id: Link = None


class Work(Told):
    """Maintenance of a stretch."""

    km_from: float = Field(ge=0, le=10_000)
    km_to: float = Field(ge=0, le=10_000)
    kind: Literal["clearing", "slope", "drainage", "pavement", "bridge", "tunnel", "protection", "inspection", "other"]
    status: Literal["planned", "under_way", "done", "stopped"] = "done"
    description: Short
    started_on: date
    ended_on: date | None = None
    cost: Decimal | None = Field(default=None, ge=0, lt=10**14, decimal_places=2)
    currency: (
        Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern="^[A-Za-z]{3}$")] | None
    ) = None
    contractor: Short | None = None
    closure_id: Link = None
    event_id: Link = None
    site_id: Link = None
    structure_id: Link = None
    source: Short


class RevisedClosure(Closure):
    """A closure as it should read."""

    revision: int = Field(ge=1, description="The one that this corrects.")


class RevisedWork(Work):
    """A work as it should read."""

    revision: int = Field(ge=1, description="The one that this corrects.")


class NewStructure(Told):
    """A bridge, tunnel or other structure."""

    kind: Literal["bridge", "tunnel", "gallery", "culvert", "wall", "other"]
    name: Short
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    accuracy_m: float | None = Field(default=None, ge=0, le=1_000_000)
    note: Long | None = None
    source: Short


@router.get("/closures")
def list_closures(request: Request, identity: Reader, window: Asked, *, going_on: GoingOn = False) -> Response:
    """Return the closures of a stretch and a time, the newest first; kind is the class of vehicles."""
    return _list(request, identity, CLOSURES, window, going_on)


@router.get("/works")
def list_works(request: Request, identity: Reader, window: Asked, *, going_on: GoingOn = False) -> Response:
    """Return the works of a stretch and a time, the newest first; what they cost only to those logged in."""
    return _list(request, identity, WORKS, window, going_on)


@router.get("/structures")
def list_structures(request: Request, identity: Reader, window: Asked) -> Response:
    """Return bridges and other structures along the road, with the lakes and glaciers whose water comes down to them."""
    del identity
    with reading(request) as conn:
        items = ledger.structures(conn, window.km_from, window.km_to)
    if wants_page(request, default_page=False):
        return render(request, "structures.html", items=items)
    return data(collection(items), media_type="application/geo+json")


@router.get("/closures/{number}")
def get_closure(request: Request, identity: Reader, number: Number) -> Response:
    """Return one closure; to those logged in with every version of it."""
    return _entry(request, identity, CLOSURES, number)


@router.get("/works/{number}")
def get_work(request: Request, identity: Reader, number: Number) -> Response:
    """Return one work; to those logged in with every version of it and with its cost."""
    return _entry(request, identity, WORKS, number)


@router.post("/closures", status_code=201, openapi_extra=Closure.described())
async def enter_closure(request: Request, identity: Engineer) -> Response:
    """Enter that the road was closed."""
    asked = await read_body(request, Closure)
    return await _enter(request, identity, CLOSURES, asked)


@router.post("/works", status_code=201, openapi_extra=Work.described())
async def enter_work(request: Request, identity: Engineer) -> Response:
    """Enter a work on the road."""
    asked = await read_body(request, Work)
    return await _enter(request, identity, WORKS, asked)


@router.post("/structures", status_code=201, openapi_extra=NewStructure.described())
async def enter_structure(request: Request, identity: Engineer) -> Response:
    """Enter a structure of the road; told again by the same source it is corrected."""
    asked = await read_body(request, NewStructure)

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            number = ledger.add_structure(conn, **asked.model_dump())
            return {"id": number}

    return await answered(request, "/structures", act, lambda made: made, 201)


@router.post("/closures/{number}", openapi_extra=RevisedClosure.described())
async def revise_closure(request: Request, identity: Engineer, number: Number) -> Response:
    """Correct a closure; the version before is kept."""
    asked = await read_body(request, RevisedClosure)
    return await _revise(request, identity, CLOSURES, number, asked)


@router.post("/works/{number}", openapi_extra=RevisedWork.described())
async def revise_work(request: Request, identity: Engineer, number: Number) -> Response:
    """Correct a work; the version before is kept."""
    asked = await read_body(request, RevisedWork)
    return await _revise(request, identity, WORKS, number, asked)


@router.post("/closures/{number}/open", openapi_extra=Opening.described())
async def open_road(request: Request, identity: Engineer, number: Number) -> Response:
    """Enter when the road was opened again."""
    asked = await read_body(request, Opening)
    return await _on(request, identity, CLOSURES, number, lambda conn: ledger.open_road(conn, number, asked.opened_at))


@router.post("/{book_name}/{number}/withdraw")
async def withdraw(request: Request, identity: Engineer, book_name: BookName, number: Number) -> Response:
    """Take an entry back that is wrong; it stays to be seen."""
    book = BOOKS[book_name]
    return await _on(
        request, identity, book, number, lambda conn: ledger.withdraw(conn, book, number, actor=identity.name)
    )


def _list(request: Request, identity: Identity, book: Book, window: Asked, going_on: bool) -> Response:
    published = not identity.sees_unreviewed
    with reading_as(request, identity) as conn:
        items = ledger.entries(conn, book, window, published=published, going_on=going_on)
        spent = (
            []
            if published or book is CLOSURES or window.km_from is None
            else ledger.costs(conn, window.km_from, window.km_to or 1e5)
        )
    if not wants_page(request, default_page=False):
        return data(collection(items), media_type="application/geo+json")
    return render(
        request, "ledger.html", book=book, items=items, spent=spent, limit=window.limit, offset=window.offset, kinds=KINDS,
        statuses=STATUSES, writes=_writes(identity), inside=not published,
    )  # fmt: skip


def _entry(request: Request, identity: Identity, book: Book, number: int) -> Response:
    with reading_as(request, identity) as conn:
        found = ledger.entry(conn, book, number, published=not identity.sees_unreviewed)
    if not wants_page(request, default_page=False):
        return data(feature(found), media_type="application/geo+json")
    return render(
        request, "ledger_entry.html", book=book, entry=found, kinds=KINDS, statuses=STATUSES, writes=_writes(identity)
    )


def _writes(identity: Identity) -> bool:
    return identity.may("engineer") and identity.how == "session"


async def _enter(request: Request, identity: Identity, book: Book, asked: Told) -> Response:
    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            number, _ = ledger.enter(conn, book, asked.model_dump())
            return ledger.entry(conn, book, number, published=False)

    return await answered(request, f"/{book.name}", act, feature, 201)


async def _revise(
    request: Request, identity: Identity, book: Book, number: int, asked: RevisedClosure | RevisedWork
) -> Response:
    told = asked.model_dump(exclude={"revision"})
    return await _on(
        request, identity, book, number, lambda conn: ledger.revise(conn, book, number, told, expected=asked.revision)
    )


async def _on(
    request: Request, identity: Identity, book: Book, number: int, change: Callable[[Connection], None]
) -> Response:
    """Return the entry after a change of it."""

    def act() -> dict[str, Any]:
        with writing(request, identity) as conn:
            change(conn)
            return ledger.entry(conn, book, number, published=False)

    return await answered(request, f"/{book.name}/{number}", act, feature)
