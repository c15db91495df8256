"""The routes of the API and the pages, one file a subject."""

from __future__ import annotations

from fastapi import APIRouter

from api.routes import (
    access,
    alerts,
    changes,
    displacement,
    exports,
    fieldform,
    files,
    health,
    home,
    inventory,
    maps,
    observations,
    ogc,
    openrosa,
    phones,
    register,
    review,
    segments,
)

ROUTERS: tuple[APIRouter, ...] = (
    home.router, segments.router, maps.router, fieldform.router, observations.router, openrosa.router, phones.router,
    review.router, exports.router, register.router, inventory.router, changes.router, displacement.router,
    alerts.router, files.router, access.router,
    health.router, ogc.router,
)  # fmt: skip
"""Every route of the application, in the order in which they are tried."""
