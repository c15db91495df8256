"""The tables of the catalogue; importing this module registers all of them."""

from __future__ import annotations

from hazard_db.tables import access, corridor, displacement, field, glaciers, imagery, ledger, risk, triggers, warning
from hazard_db.tables.base import Base

__all__ = [
    "Base",
    "access",
    "corridor",
    "displacement",
    "field",
    "glaciers",
    "imagery",
    "ledger",
    "risk",
    "triggers",
    "warning",
]
