"""What the running application holds: settings, engines, the key that signs sessions, measurements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request

from alerts.settings import AlertSettings
from api.measures import Measures
from api.settings import ApiSettings
from hazard_db.connect import Engine

if TYPE_CHECKING:
    from api.security import Patience


@dataclass(frozen=True)
class State:
    """Built once when the application starts, passed down from there."""

    settings: ApiSettings
    alerts: AlertSettings
    engine: Engine
    """As the application's role."""
    public_engine: Engine
    """As the role that can read schema `published` only."""
    signing_key: str = field(repr=False)
    patience: Patience
    measures: Measures


def keep(app: FastAPI, state: State) -> None:
    """Make the state known to every request."""
    app.state.hazard = state


def state_of(request: Request) -> State:
    """Return the state of the application that answers a request."""
    state: State = request.app.state.hazard
    return state
