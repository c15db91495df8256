"""`python -m maps.assets`: gathers what pages need from the npm packages."""

from __future__ import annotations

import sys

from hazard_db.errors import MapError
from maps.assets import gather

try:
    gather()
except MapError as error:
    sys.exit(f"error: {error}")
