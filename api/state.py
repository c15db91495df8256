"""What the running application holds: settings, engines, the key that signs sessions, measurements."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import FastAPI, Request

from alerts.settings import AlertSettings
from api.measures import Measures
from api.patience import Patience
from api.settings import ApiSettings
from hazard_db import connect, overview
from hazard_db.connect import Engine
from hazard_db.errors import HazardError


class Simulated:
    """Whether simulated data is in the catalogue; asked at most twice a minute."""

    def __init__(self, engine: Engine, lasts_s: float = 30.0) -> None:
        self._engine, self._lasts_s = engine, lasts_s
        self._known, self._until, self._lock = False, 0.0, threading.Lock()

    def __call__(self) -> bool:
        """Return what is known; without a catalogue, what was known last."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._until = time.monotonic() + self._lasts_s
                with suppress(HazardError), connect.transaction(self._engine) as conn:
                    self._known = overview.holds_simulated(conn)
            return self._known


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
    simulated: Simulated


def keep(app: FastAPI, state: State) -> None:
    """Make the state known to every request."""
    app.state.hazard = state


def state_of(request: Request) -> State:
    """Return the state of the application that answers a request."""
    state: State = request.app.state.hazard
    return state
