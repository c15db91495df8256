"""Logging in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from api.explaining import explain, minutes
from api.pages import inside_path, language, render
from api.patience import TooManyAttemptsError
from api.security import (
    SESSION_COOKIE,
    Identity,
    check_origin,
    identify,
    log_in,
    make_session,
)
from api.state import state_of
from api.storage import writing
from hazard_db import accounts
from hazard_db.errors import AuthenticationError

router = APIRouter(include_in_schema=False)

Anyone = Annotated[Identity, Depends(identify)]


@router.get("/login")
def login_page(request: Request, identity: Anyone, next: str = "/") -> Response:
    """Return the form."""
    if identity.how == "session":
        return RedirectResponse(inside_path(next), 303)
    return render(request, "login.html", told=None, name="", next=inside_path(next))


@router.post("/login")
async def login(request: Request, identity: Anyone) -> Response:
    """Log a person in and go on to where they wanted to be."""
    await check_origin(request, identity)
    form = await request.form()
    name, password, then = (str(form.get(field, ""))[:2000] for field in ("name", "password", "next"))
    try:
        account = await run_in_threadpool(log_in, request, name, password)
    except AuthenticationError as error:
        return _refused(request, error, name, then)
    state = state_of(request)
    hours = state.settings.session_hours
    response = RedirectResponse(inside_path(then), 303)
    response.set_cookie(
        SESSION_COOKIE, make_session(account, state.signing_key, hours), max_age=int(hours * 3600), httponly=True,
        samesite="lax", secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


def _refused(request: Request, error: AuthenticationError, name: str, then: str) -> Response:
    """Return the form again, with what to do: mind the keyboard, or wait."""
    kind, status, values, headers = "password", 401, {}, {}
    if isinstance(error, TooManyAttemptsError):
        kind, status, values = "patience", 429, {"minutes": minutes(error.wait_s)}
        headers = {"Retry-After": str(int(error.wait_s) + 1)}
    told = explain(request, language(request), kind, values=values)
    return render(request, "login.html", status=status, headers=headers, told=told, name=name, next=inside_path(then))


@router.post("/logout")
async def logout(request: Request, identity: Anyone) -> Response:
    """End every session of the account."""
    await check_origin(request, identity)
    if identity.account is not None:
        await run_in_threadpool(_end, request, identity, identity.account.id)
    response = RedirectResponse("/", 303)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")
    return response


def _end(request: Request, identity: Identity, account_id: int) -> None:
    with writing(request, identity) as conn:
        accounts.end_sessions(conn, account_id)
