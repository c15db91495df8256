"""The routes of the API and the pages, one file a subject."""

from __future__ import annotations

from fastapi import APIRouter

from api.routes import (
    access,
    alerts,
    changes,
    checks,
    deliveries,
    displacement,
    downloads,
    exports,
    fieldform,
    files,
    health,
    home,
    ice,
    imagery,
    inventory,
    jobs,
    ledger,
    maps,
    observations,
    ogc,
    openrosa,
    phones,
    rating,
    register,
    reports,
    review,
    rules,
    segments,
    sensors,
    silences,
    stac,
    subscriptions,
)

ROUTERS: tuple[APIRouter, ...] = (
    ogc.router, downloads.router, subscriptions.router, imagery.router, home.router, segments.router, rating.router, maps.router,
    stac.router,
    fieldform.router, observations.router, openrosa.router, phones.router, review.router, exports.router,
    register.router, inventory.router, ledger.router, reports.router, ice.router, changes.router, displacement.router,
    silences.router, rules.router, checks.router, alerts.router,
    deliveries.router, files.router, access.router, sensors.router, jobs.router, health.router,
)  # fmt: skip
"""Every route of the application, in the order in which they are tried; map tiles are asked for most."""
