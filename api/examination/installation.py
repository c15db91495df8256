"""Whether the installation is sound: its settings, programs, home, database and logins."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Callable, Iterator

import rasterio
from pyproj import Transformer

from alerts.settings import AlertSettings
from api.backdrop import BackdropSettings
from api.examination.finding import Finding
from api.keeping import KeepSettings
from api.logs import LogSettings
from api.passes import DetectionSettings
from api.settings import ApiSettings
from hazard_db import checkup, database, install, schema
from hazard_db.errors import HazardError
from hazard_db.ogr import pyogrio
from hazard_db.settings import PREFIX, DatabaseSettings, Settings
from ingest.imagery import space
from ingest.imagery.remote import ArchiveSettings
from ingest.imagery.space import SpaceSettings
from maps import assets

SETTINGS: tuple[type[Settings], ...] = (
    DatabaseSettings, ApiSettings, AlertSettings, ArchiveSettings, SpaceSettings, BackdropSettings, DetectionSettings,
    LogSettings, KeepSettings,
)  # fmt: skip
ELSEWHERE = {"OWNER_PASSWORD", "APP_PASSWORD", "PUBLIC_PASSWORD", "BIND", "PORT", "DEBUG", "TEST_DATA", "TEST_PICTURES"}
"""Variables that are read by the compose file and the tests."""
RASTER_DRIVERS = ("GTiff", "COG", "JP2OpenJPEG", "MEM")
VECTOR_DRIVERS = ("GeoJSON", "GPKG", "FlatGeobuf", "KML", "ESRI Shapefile")


def variables(_: DatabaseSettings) -> Iterator[Finding]:
    """Yield what is wrong with the environment: values that cannot be used, and names that nothing reads."""
    wrong = False
    for group in SETTINGS:
        try:
            group()
        except HazardError as error:
            wrong = True
            yield Finding("settings", "trouble", str(error), "correct it in the environment")
    known = {str(group.model_config["env_prefix"]) + name.upper() for group in SETTINGS for name in group.model_fields}
    known |= {PREFIX + name for name in ELSEWHERE}
    for name in sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known):
        wrong = True
        close = difflib.get_close_matches(name, known, n=1)
        yield Finding(
            "settings", "warning", f"{name} is read by nothing", f"is {close[0]} meant?" if close else "remove it"
        )
    if not wrong:
        yield Finding("settings", "well", "every variable that is set is read and can be used")


def programs(settings: DatabaseSettings) -> Iterator[Finding]:
    """Yield whether PostgreSQL, GDAL's formats, the projections and the files for browsers are here."""
    if settings.embedded:
        found = install.find()
        if found is None:
            yield Finding(
                "PostgreSQL", "trouble", "PostgreSQL with PostGIS is not on this machine", "run `make postgis`"
            )
        else:
            yield Finding("PostgreSQL", "well", f"PostgreSQL {found.version} with PostGIS {found.postgis}")
    missing = sorted((set(RASTER_DRIVERS) - set(_raster_drivers())) | (set(VECTOR_DRIVERS) - set(_vector_drivers())))
    if missing:
        yield Finding(
            "formats", "trouble", f"GDAL reads no {', '.join(missing)}", "install the locked packages: `make python`"
        )
    else:
        yield Finding("formats", "well", f"GDAL reads {', '.join((*RASTER_DRIVERS, *VECTOR_DRIVERS))}")
    x_m, y_m = Transformer.from_crs(4326, 32643, always_xy=True).transform(75.0, 36.0)
    sound = abs(x_m - 500_000.0) < 1.0 and abs(y_m - 3_983_948.0) < 2.0
    yield (
        Finding("projections", "well", "WGS 84 and UTM zone 43N agree with each other")
        if sound
        else Finding(
            "projections", "trouble", f"75 E 36 N became {x_m:.1f} {y_m:.1f} in UTM 43N", "unset PROJ_LIB, PROJ_DATA"
        )
    )
    for name in assets.FILES:
        assets.text(name)
    yield Finding("pages", "well", f"{len(assets.FILES)} files for browsers")


def place(settings: DatabaseSettings) -> Iterator[Finding]:
    """Yield whether the home can be written, has room, and keeps its secrets to itself."""
    home = settings.home.expanduser().absolute()
    if not home.is_dir():
        yield Finding(
            "home", "warning", f"{home} is not there yet", "it is made at the first `kkh db up` or `kkh serve`"
        )
        return
    with tempfile.TemporaryFile(dir=home) as probe:
        probe.write(b"x" * 4096)
    free_mb, least_mb = space.free_bytes(home) / 1e6, SpaceSettings().min_free_mb
    if free_mb < least_mb:
        yield Finding(
            "home", "trouble", f"{free_mb:,.0f} MB are free under {home}, {least_mb:,.0f} are needed", "make room"
        )
    else:
        yield Finding("home", "well", f"{home} can be written, {free_mb:,.0f} MB are free")
    for path in sorted((home / "secrets").glob("*")):
        if path.stat().st_mode & 0o077:
            yield Finding("secrets", "trouble", f"{path} can be read by others", f"chmod 600 {path}")


def server(settings: DatabaseSettings) -> Iterator[Finding]:
    """Yield whether the database answers, has our schema, and lets the three logins do what is theirs alone."""
    told = database.status(settings)
    if not told.running:
        todo = "start it with `kkh db up`" if settings.embedded else "start the server, check HAZARD_DATABASE_URL"
        yield Finding("database", "trouble", told.problem or "the private cluster is not running", todo)
        return
    size_mb = (told.database_size_bytes or 0) / 1e6
    yield Finding(
        "database",
        "well",
        f"{told.host}:{told.port}, PostgreSQL {told.version}, PostGIS {told.postgis}, {size_mb:,.0f} MB",
    )
    found = schema.look(database.url(settings, "app"))
    if not found.current:
        told_schema = f"the schema is {found.present or 'not there yet'}, this program needs {found.needed}"
        todo = (
            "run `kkh db migrate`, after a backup where there are records"
            if found.known
            else "update this installation"
        )
        yield Finding("schema", "trouble", told_schema, todo)
        return
    yield Finding("schema", "well", f"schema {found.present}")
    yield from logins(settings)


def logins(settings: DatabaseSettings) -> Iterator[Finding]:
    """Yield which login of those that serve may do more than it needs."""
    app, public = (checkup.login(database.url(settings, role)) for role in ("app", "public"))
    too_much = [
        *(["can change the schema"] if app.makes_tables else []),
        *(["can edit the audit trail"] if app.edits_trail else []),
    ]
    todo = "set HAZARD_DATABASE_APP_URL and HAZARD_DATABASE_PUBLIC_URL, then `kkh db up`"
    if app.superuser or public.superuser:
        yield Finding("logins", "trouble", f"{app.name if app.superuser else public.name} is a superuser", todo)
    elif too_much or public.reads_passwords:
        what = f"{app.name} {' and '.join(too_much)}" if too_much else f"{public.name} can read password hashes"
        yield Finding("logins", "warning", what, todo)
    else:
        yield Finding(
            "logins", "well", f"{app.name} serves and cannot edit the trail, {public.name} reads what is published"
        )


CHECKS: dict[str, Callable[[DatabaseSettings], Iterator[Finding]]] = {
    "settings": variables, "programs": programs, "home": place,
}  # fmt: skip
"""What can be looked at without a database."""


def _raster_drivers() -> list[str]:
    with rasterio.Env() as env:
        return list(env.drivers())


def _vector_drivers() -> list[str]:
    return list(pyogrio.list_drivers(read=True))
