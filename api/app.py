"""The application: pages and API over the catalogue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette_compress import CompressMiddleware, add_compress_type

from alerts.settings import AlertSettings
from api import definition, problems
from api.leaving import Leaving
from api.measures import Measures
from api.middleware import AnyEncoding, EntityTags, SizeLimit, Surroundings
from api.patience import Patience
from api.problems import OURS, failure
from api.routes import ROUTERS
from api.settings import ApiSettings
from api.state import Simulated, State, keep
from hazard_db import connect, database, media_files

POOL = 10
for kind in ("application/geo+json-seq", "application/schema+json", "application/vnd.oai.openapi+json"):
    add_compress_type(kind)
ODD = "The address holds a character (NUL) that no address needs."
DESCRIPTION = "Geohazards of the Karakoram Highway: observations, sites, events, changes, risk by kilometre, alerts."


def create_app(settings: ApiSettings) -> FastAPI:
    """Return the application; the catalogue is connected when it starts and let go when it ends.

    Raises
    ------
    SettingsError
        A secret cannot be used, or the database's address is not known.
    """
    measures = Measures()
    engine = connect.engine(database.url(settings.database, "app"), pool_size=POOL)
    state = State(
        settings=settings,
        alerts=_alert_settings(settings),
        engine=engine,
        public_engine=connect.engine(database.url(settings.database, "public"), readonly=True, pool_size=POOL),
        signing_key=settings.signing_key(),
        patience=Patience(),
        measures=measures,
        simulated=Simulated(engine),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        media_files.tidy(settings.home / "media")
        yield
        state.engine.dispose()
        state.public_engine.dispose()

    app = FastAPI(
        title="KKH Hazard Watch",
        description=DESCRIPTION,
        version=version("kkh-hazard-watch"),
        lifespan=lifespan,
        docs_url=None,  # its pages load scripts from other hosts; ours is /docs
        redoc_url=None,
    )
    keep(app, state)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = definition.told(app)  # type: ignore[method-assign]
    most_bytes = int(settings.max_upload_mb * 2**20)
    too_large = failure(413, f"A request may have up to {settings.max_upload_mb:g} MB.")
    # the last one added is the outermost
    app.add_middleware(Leaving, prefix="/ogc/")
    app.add_middleware(EntityTags)
    app.add_middleware(CompressMiddleware, minimum_size=1000, zstd=False)
    app.add_middleware(AnyEncoding)
    app.add_middleware(SizeLimit, most_bytes=most_bytes, refuse=too_large)
    app.add_middleware(Surroundings, measures=measures, fail=failure(500, OURS), refuse=failure(400, ODD))
    return app


def _alert_settings(settings: ApiSettings) -> AlertSettings:
    """Return the settings of alerts, with links to where this application is reached."""
    own = AlertSettings()
    return own.model_copy(update={"base_url": settings.base_url}) if settings.base_url else own
