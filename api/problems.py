"""What went wrong, as a problem document (RFC 9457) for programs and as a page for people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from rio_tiler.errors import RioTilerError, TileOutsideBounds
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Scope

from api.explaining import explain, fields_of, kind_of, minutes
from api.pages import language, render, wants_page
from api.patience import TooManyAttemptsError
from api.state import state_of
from hazard_db.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConflictError,
    DatabaseUnavailableError,
    HazardError,
    InputError,
    NotFoundError,
)

log = logging.getLogger("api")

MEDIA_TYPE = "application/problem+json"
STATUS: Mapping[type[HazardError], int] = {
    TooManyAttemptsError: 429,
    AuthenticationError: 401,
    AccessDeniedError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    InputError: 400,
    DatabaseUnavailableError: 503,
}
"""The first that fits; what is not here is our own fault."""

OURS = "Something went wrong on our side. It has been noted under the id below."
NOTHING: Mapping[str, object] = {}
BUSY = "The catalogue does not answer at the moment; try again soon."


def problem(
    request: Request,
    status: int,
    detail: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    kind: str | None = None,
    values: Mapping[str, object] = NOTHING,
    **more: Any,
) -> Response:
    """Return the answer that tells of a problem, as the one who asked wants it.

    Parameters
    ----------
    kind
        Of `explaining.KINDS`, for the page; by default what the status says.
    values
        What the words of the kind name.
    more
        Further members of the document for programs.
    """
    title = HTTPStatus(status).phrase
    identifier = getattr(request.state, "request_id", "")
    if wants_page(request, default_page=False):
        kind = kind or kind_of(status, None, request.url.path)
        wrong = [str(one["where"]).rpartition("/")[2] for one in more.get("errors", ())] or fields_of(request, detail)
        told = explain(
            request,
            language(request),
            kind,
            fields=wrong if kind == "value" else (),
            values={
                "id": identifier,
                "seconds": (headers or {}).get("Retry-After", "10"),
                "mb": f"{state_of(request).settings.max_upload_mb:g}",
                **values,
            },
        )
        return render(
            request, "problem.html", status=status, headers=headers, told=told, code=status, detail=detail, request_id=identifier
        )  # fmt: skip
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": identifier, **more}
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(HazardError, _hazard_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _validation_error)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http_error)  # type: ignore[arg-type]
    app.add_exception_handler(RioTilerError, _raster_error)  # type: ignore[arg-type]


def failure(status: int, detail: str) -> Callable[[Scope], ASGIApp]:
    """Return what makes the answer to a request that did not get as far as a route."""

    def answer(scope: Scope) -> ASGIApp:
        return problem(Request(scope), status, detail)

    return answer


def status_of(error: HazardError) -> int:
    """Return the status that tells of an error."""
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)


def _hazard_error(request: Request, error: HazardError) -> Response:
    status = status_of(error)
    if status >= 500:
        log.error("%s", error, exc_info=error)
        return problem(
            request, status, BUSY if status == 503 else OURS, headers={"Retry-After": "10"} if status == 503 else None
        )
    headers: dict[str, str] = {}
    values: dict[str, object] = {}
    if isinstance(error, TooManyAttemptsError):
        headers["Retry-After"] = str(int(error.wait_s) + 1)
        values["minutes"] = minutes(error.wait_s)
    elif status == 401:
        if request.method == "GET" and wants_page(request, default_page=False) and request.url.path != "/login":
            return RedirectResponse(f"/login?next={quote(_local(request))}", 303)
        headers["WWW-Authenticate"] = 'Bearer realm="kkh"'
    kind = kind_of(status, error, request.url.path)
    return problem(request, status, str(error), headers=headers, kind=kind, values=values)


def _local(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _validation_error(request: Request, error: RequestValidationError) -> Response:
    errors = [{"where": "/".join(map(str, one["loc"])), "what": one["msg"]} for one in error.errors()]
    detail = "; ".join(f"{one['where']}: {one['what']}" for one in errors[:3])
    return problem(request, 422, detail, errors=errors)


def _raster_error(request: Request, error: RioTilerError) -> Response:
    return problem(request, 404 if isinstance(error, TileOutsideBounds) else 400, " ".join(str(error).split())[:300])


def _http_error(request: Request, error: HTTPException) -> Response:
    detail = {404: "There is nothing at this address.", 405: "This cannot be done at this address."}.get(
        error.status_code, ""
    )
    given = str(error.detail) if error.detail and error.detail != HTTPStatus(error.status_code).phrase else ""
    return problem(request, error.status_code, given or detail, headers=error.headers)
