"""Who is asking and what they may do: API keys, sessions, form tokens."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import jwt
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from api.settings import ApiSettings
from api.state import state_of
from hazard_db import accounts, connect
from hazard_db.accounts import Account
from hazard_db.errors import AccessDeniedError, AuthenticationError

SESSION_COOKIE = "kkh_session"
FORM_COOKIE = "kkh_form"
FORM_FIELD = "csrf"
FORM_HEADER = "x-csrf-token"
RANKS = ("none", "public", *accounts.ROLES)
"""Each may do what the ones before it may; `public` and `none` are for those who are not logged in."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class FormTokenError(AccessDeniedError):
    """The form is too old or not from here; load the page again."""


@dataclass(frozen=True)
class Identity:
    """Who is asking."""

    name: str
    role: str
    how: Literal["anonymous", "session", "key"]
    account: Account | None = None
    token_id: str = ""
    """Of the session, or of the browser that is not logged in: form tokens belong to it."""
    scope: str = "all"
    """`sensors`: may send what instruments measured, and nothing else."""

    def may(self, role: str) -> bool:
        """Return whether this role includes another."""
        return RANKS.index(self.role) >= RANKS.index(role)

    @property
    def sees_unreviewed(self) -> bool:
        """Whether candidates, restricted alerts and names may be shown."""
        return self.may("viewer")


def make_session(account: Account, key: str, hours: float) -> str:
    """Return the signed token of a new session."""
    now = int(time.time())
    claims = {
        "sub": str(account.id), "epoch": account.session_epoch, "iat": now, "exp": now + int(hours * 3600),
        "jti": secrets.token_urlsafe(12), "aud": "kkh-pages",
    }  # fmt: skip
    return jwt.encode(claims, key, algorithm="HS256")


def form_token(key: str, token_id: str) -> str:
    """Return a token for a form; another one each time, so that compressed pages do not betray it."""
    salt = secrets.token_urlsafe(9)
    return f"{salt}.{_form_mark(key, token_id, salt)}"


def right_form_token(key: str, token_id: str, token: str) -> bool:
    """Return whether a form's token was made for this session."""
    salt, _, mark = token.partition(".")
    return bool(token_id) and hmac.compare_digest(_form_mark(key, token_id, salt).encode(), mark.encode())


def _form_mark(key: str, token_id: str, salt: str) -> str:
    return hmac.new(key.encode(), f"form|{token_id}|{salt}".encode(), hashlib.sha256).hexdigest()


async def identify(request: Request) -> Identity:
    """Return who is asking; a wrong key is refused even where reading is open.

    Raises
    ------
    AuthenticationError
        The API key is not valid.
    """
    known: Identity | None = getattr(request.state, "identity", None)
    if known is None:
        if SESSION_COOKIE in request.cookies or sent_key(request) is not None:  # only these ask the catalogue
            known = await run_in_threadpool(_identify, request)
        else:
            known = _identify(request)
        request.state.identity = known
    return known


def _identify(request: Request) -> Identity:
    state = state_of(request)
    key = sent_key(request)
    if key is not None:
        with connect.transaction(state.engine) as conn:
            found = accounts.check_key(conn, key)
            if found.scope == "sensors":
                accounts.note_use(conn, found.id)
                return Identity(f"key:{found.name}", "none", "key", scope="sensors")
            if found.scope != "all":
                raise AuthenticationError("this key can only get and send the forms of phones, under /openrosa")
            accounts.note_use(conn, found.id)
        return Identity(f"key:{found.name}", found.role, "key")
    session = _session(request, state.settings)
    if session is not None:
        return session
    return Identity(
        "anonymous", state.settings.anonymous_role, "anonymous", token_id=request.cookies.get(FORM_COOKIE, "")
    )


def sent_key(request: Request) -> str | None:
    """Return the API key of the request, None where it carries none.

    Raises
    ------
    AuthenticationError
        The `Authorization` header carries something else than a key.
    """
    if (key := request.headers.get("x-api-key")) is not None:
        return key.strip()
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "bearer":
        raise AuthenticationError("send the API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`")
    return value.strip()


def _session(request: Request, settings: ApiSettings) -> Identity | None:
    """Return the identity of the session cookie; None where there is none or it has ended."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        return None
    state = state_of(request)
    try:
        claims = jwt.decode(
            token, state.signing_key, algorithms=["HS256"], audience="kkh-pages",
            options={"require": ["sub", "epoch", "exp", "jti"]},
        )  # fmt: skip
        with connect.transaction(state.engine) as conn:
            account = accounts.in_session(conn, int(claims["sub"]), int(claims["epoch"]))
    except (jwt.InvalidTokenError, AuthenticationError, ValueError):
        return None
    return Identity(account.name, account.role, "session", account, str(claims["jti"]))


def log_in(request: Request, name: str, password: str) -> Account:
    """Return the account of a name and password, counting wrong ones by name and by address.

    Raises
    ------
    AuthenticationError
        They belong to no account, or were wrong too often.
    """
    state = state_of(request)
    address = f"address:{request.client.host if request.client else secrets.token_hex(4)}"
    own = f"name:{name.casefold()}|{address}"
    state.patience.check(own, address)
    try:
        with connect.transaction(state.engine) as conn:
            connect.actor(conn, name[:100] or "anonymous")
            account = accounts.log_in(conn, name, password)
    except AuthenticationError:
        state.patience.failed(own, address)
        raise
    state.patience.succeeded(own)
    return account


def needs(role: str, *, writes: bool = True) -> Callable[..., Awaitable[Identity]]:
    """Return a dependency that gives the identity where it may do what `role` may, and refuses it elsewhere.

    Parameters
    ----------
    writes
        Whether a POST changes something; one that only asks (a search) may come from anywhere.

    Raises
    ------
    AuthenticationError
        By the dependency: nobody is logged in.
    AccessDeniedError
        By the dependency: the role is not enough.
    """

    async def check(request: Request) -> Identity:
        identity = await identify(request)
        if not identity.may(role):
            if identity.how == "anonymous":
                raise AuthenticationError("log in, or send an API key")
            raise AccessDeniedError(f"this needs the role {role}; {identity.name} has {identity.role}")
        if writes and request.method not in SAFE_METHODS:
            await check_origin(request, identity)
        return identity

    return check


async def check_origin(request: Request, identity: Identity) -> None:
    """Return quietly where a writing request was meant by whoever it comes from, not by another site's page.

    Raises
    ------
    AccessDeniedError
        It carries a session but not the form token that belongs to it.
    """
    if identity.how == "key":
        return  # a browser never adds a key by itself
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise FormTokenError("this was sent from another site's page")
    token = request.headers.get(FORM_HEADER)
    if token is None and "form" in request.headers.get("content-type", ""):
        token = _text(await request.form(), FORM_FIELD)
    if not right_form_token(state_of(request).signing_key, identity.token_id, token or ""):
        raise FormTokenError("the form is too old or not from here; load the page again")


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


async def sends_values(request: Request) -> Identity:
    """Return who may send what instruments measured: a key made for that, or an engineer.

    Raises
    ------
    AuthenticationError, AccessDeniedError
        It is somebody else.
    """
    identity = await identify(request)
    return identity if identity.scope == "sensors" else await needs("engineer")(request)


Reader = Annotated[Identity, Depends(needs("public"))]
Searcher = Annotated[Identity, Depends(needs("public", writes=False))]
Viewer = Annotated[Identity, Depends(needs("viewer"))]
FieldWorker = Annotated[Identity, Depends(needs("field"))]
Reviewer = Annotated[Identity, Depends(needs("reviewer"))]
Engineer = Annotated[Identity, Depends(needs("engineer"))]
Admin = Annotated[Identity, Depends(needs("admin"))]
Gauge = Annotated[Identity, Depends(sends_values)]
