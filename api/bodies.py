"""Bodies that come from a form of ours or as JSON from a program, and the answer each of them gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.pages import data
from api.security import FORM_FIELD

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")


class Body(BaseModel):
    """What comes from a form or a program."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def described(cls) -> dict[str, Any]:
        """Return the request body for the description of the API."""
        return {"requestBody": {"content": {"application/json": {"schema": cls.model_json_schema()}}}}


async def read_body(request: Request, model: type[Model]) -> Model:
    """Return the body, from a form of ours or as JSON, as its model says it should be.

    Raises
    ------
    RequestValidationError
        A field cannot be used.
    HTTPException
        415 for a body of another type.
    """
    kind = _kind(request)
    if kind in FORMS:
        form = await request.form()
        values: Any = {
            name: _told(form.getlist(name)) for name in form if name != FORM_FIELD and any(form.getlist(name))
        }
    elif kind in {"application/json", ""} or kind.endswith("+json"):
        values = _json(await request.body())
    else:
        raise HTTPException(415, f"send application/json, not {kind[:60]}")
    if not storable(values):
        raise RequestValidationError(
            [{"loc": ("body",), "msg": "a text holds NUL or half a character", "type": "text"}]
        )
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_input=False, include_url=False)]
        ) from error


def _told(values: list[Any]) -> Any:
    """Return what a field of a form tells; what was chosen of several boxes as a list with commas."""
    return values[0] if len(values) == 1 else ",".join(str(one) for one in values if one)


def storable(value: Any) -> bool:
    """Return whether PostgreSQL can keep every text of a body."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return all(storable(part) for pair in value.items() for part in pair)
    return not isinstance(value, list) or all(storable(part) for part in value)


def _json(body: bytes) -> Any:
    if not body.strip():
        return {}
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestValidationError([{"loc": ("body",), "msg": "this is no JSON", "type": "json_invalid"}]) from error


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def answered(
    request: Request, page: str, act: Callable[[], Result], told: Callable[[Result], Any], status: int = 200
) -> Response:
    """Return what came of an action: the page to look at for a form, the record for a program."""
    result = await run_in_threadpool(act)
    if _kind(request) in FORMS:
        return RedirectResponse(page, 303)
    return data(told(result), status)
