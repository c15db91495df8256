"""Connections to the catalogue for one request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from api.security import Identity
from api.state import state_of
from hazard_db import connect
from hazard_db.connect import Connection


@contextmanager
def reading(request: Request) -> Iterator[Connection]:
    """Yield a connection of the application's role."""
    with connect.transaction(state_of(request).engine) as conn:
        yield conn


@contextmanager
def reading_as(request: Request, identity: Identity) -> Iterator[Connection]:
    """Yield a connection that can see what this visitor may: schema `published` only for those who are not logged in."""
    state = state_of(request)
    with connect.transaction(state.engine if identity.sees_unreviewed else state.public_engine) as conn:
        yield conn


@contextmanager
def writing(request: Request, identity: Identity) -> Iterator[Connection]:
    """Yield a connection whose writes are audited under the visitor's name."""
    with connect.transaction(state_of(request).engine) as conn:
        connect.actor(conn, identity.name)
        yield conn
