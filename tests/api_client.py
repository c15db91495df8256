"""The application as a test asks it, without a socket."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():  # it asks for a successor of httpx, which the application itself does not need
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

__all__ = ["TestClient"]
