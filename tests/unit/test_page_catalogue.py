"""The audit of pages leaves no page of the application out."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Match

from api import problems
from api.pages import render
from api.routes import ROUTERS
from tests.page_catalogue import PAGES


def test_every_route_that_draws_a_page_is_audited() -> None:
    routes = [one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)]
    drawn = {one.path.rstrip("/") for one in routes if "GET" in one.methods and _reaches(one.endpoint, render, set())}
    audited = {_route(routes, kind.path).rstrip("/") for kind in PAGES.values()}
    assert len(drawn) > 50
    assert drawn - audited == set()


def _reaches(function: Callable[..., Any], goal: Callable[..., Any], seen: set[object]) -> bool:
    """Return whether a function names another one of the application, or names one that does."""
    function = inspect.unwrap(function)
    if function is goal:
        return True
    if not isinstance(function, FunctionType) or function in seen or not function.__module__.startswith("api."):
        return False
    if function.__module__ == problems.__name__:
        return False  # every route may answer so
    seen.add(function)
    return any(_reaches(one, goal, seen) for one in _named(function))


def _named(function: FunctionType) -> Iterator[Callable[..., Any]]:
    """Yield what a function names: of its own module, or of a module that it has imported."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Name):
            found = function.__globals__.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = function.__globals__.get(node.value.id)
            found = getattr(module, node.attr, None) if inspect.ismodule(module) else None
        else:
            continue
        if callable(found):
            yield found


def _route(routes: list[APIRoute], path: str) -> str:
    """Return the pattern of the route that answers an address."""
    scope = {"type": "http", "method": "GET", "path": path.partition("?")[0].replace("{", "").replace("}", "")}
    return next((one.path for one in routes if one.matches(scope)[0] is Match.FULL), "")
