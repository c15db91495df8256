"""Phones of field workers: each gets a key of its own, as a code to scan, which ends by itself and can be ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.bodies import read_body
from api.openrosa import codes
from api.openrosa.documents import site_of
from api.pages import render
from api.security import FieldWorker, Identity
from api.storage import reading, writing
from hazard_db import accounts
from hazard_db.accounts import Account, Key
from hazard_db.connect import Connection
from hazard_db.errors import AuthenticationError, NotFoundError

router = APIRouter(include_in_schema=False)


class NewPhone(BaseModel):
    """A phone that is to send forms."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1, max_length=100)
    days: int = Field(default=180, ge=1, le=730)


@router.get("/phones")
def list_phones(request: Request, identity: FieldWorker) -> Response:
    """Return the phones of who is logged in; all of them for those who administer."""
    with reading(request) as conn:
        return render(request, "phones.html", phones=_phones(conn, identity), made=None, now=datetime.now(UTC))


@router.post("/phones")
async def add(request: Request, identity: FieldWorker) -> Response:
    """Return the code of a new phone, this once."""
    account = _account(identity)
    asked = await read_body(request, NewPhone)

    def act() -> tuple[str, list[Key]]:
        with writing(request, identity) as conn:
            ends = datetime.now(UTC) + timedelta(days=asked.days)
            key = accounts.create_phone_key(conn, asked.name, account_id=account.id, expires_at=ends)
            return key, _phones(conn, identity)

    key, phones = await run_in_threadpool(act)
    address = f"{site_of(request)}/openrosa/t/{key}"
    prefix, _, secret = key.partition(".")
    made = {
        "name": asked.name, "address": address, "plain_address": f"{site_of(request)}/openrosa", "user": prefix,
        "password": secret, "code": codes.picture(codes.settings_of(address), asked.name),
    }  # fmt: skip
    headers = {"Cache-Control": "no-store"}
    return render(request, "phones.html", status=201, headers=headers, phones=phones, made=made, now=datetime.now(UTC))


@router.post("/phones/{prefix}/revoke")
async def revoke(request: Request, identity: FieldWorker, prefix: str) -> Response:
    """End a phone's key at once."""

    def act() -> None:
        with writing(request, identity) as conn:
            if prefix not in {phone.prefix for phone in _phones(conn, identity)}:
                raise NotFoundError("you have no such phone")
            accounts.revoke_key(conn, prefix)

    await run_in_threadpool(act)
    return RedirectResponse("/phones", 303)


def _account(identity: Identity) -> Account:
    if identity.account is None:
        raise AuthenticationError("log in: a phone belongs to a person")
    return identity.account


def _phones(conn: Connection, identity: Identity) -> list[Key]:
    """Return the keys of phones that somebody may see and end."""
    own = identity.account.id if identity.account is not None else None
    keys = [key for key in accounts.list_keys(conn) if key.scope == "forms"]
    return keys if identity.may("admin") else [key for key in keys if own is not None and key.account_id == own]
