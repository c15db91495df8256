"""The main job from files to a map, on simulated data near a real kilometre; repeating it costs seconds and adds nothing."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from alerts.deliver import deliver_due, subscribe
from alerts.settings import AlertSettings
from api.console import progress, put, put_table, tell
from api.demo_data import CENTRE_KM, COLLECTION, DemoFiles, make_files, write_displacement
from api.demo_ice import add_ice
from api.demo_records import add_records, confirm_largest
from api.landslides import detect_landslides
from api.opening import Catalogue, ensure_running, ensure_schema, opened
from api.packing import write_map
from api.passes import DetectionSettings
from api.settings import ApiSettings
from api.settlement import detect_settlement
from detection.settlement.sums import SumFitter
from hazard_db import accounts, alerts, changes, connect, overview, risk, seed
from hazard_db.alerts import Subscription
from hazard_db.errors import ConflictError, NotFoundError
from hazard_db.settings import DatabaseSettings
from ingest.displacement.load import ingest_displacement
from ingest.imagery.load import ingest_scene
from ingest.load import ingest_survey

ACTOR = "demo"
RECEIVER = "demonstration"
ACCOUNT = "demo"
HOST = "127.0.0.1"
AROUND_KM = 8.0
DISPLACEMENT = "SIMULATED scatterers"
EVER = date(2000, 1, 1)


@dataclass
class _Progress:
    """What was done so far."""

    files: list[Path] = field(default_factory=list)
    found: list[int] = field(default_factory=list)


def run_demo(*, serve: bool, port: int) -> None:
    """Do the main job, tell what came of it, and serve it where asked to."""
    started = time.perf_counter()
    settings = DatabaseSettings()
    put("KKH Hazard Watch, demonstration with SIMULATED survey and scenes")
    with _step("database and schema"):
        ensure_running(settings)
        ensure_schema(settings, migrate_old=True)
    done = _Progress()
    with (
        opened("owner") as catalogue,
        _step("road, sites and events of public sources"),
        connect.transaction(catalogue.engine) as conn,
    ):
        connect.actor(conn, ACTOR)
        seed.load(conn)
    with opened() as catalogue:
        _check_alone(catalogue)
        _work(catalogue, done)
        _summarise(catalogue, done, time.perf_counter() - started)
    if serve:
        _serve(port)


def _work(catalogue: Catalogue, done: _Progress) -> None:
    engine, home = catalogue.engine, catalogue.home
    folder = home / "demo"
    with _step("simulated survey and scenes"), connect.transaction(engine) as conn:
        files = make_files(conn, folder, datetime.now(UTC))
    done.files += [files.survey, *files.scenes, files.dem]
    with _step("field observations into the catalogue"), progress() as shown:
        ingest_survey(engine, files.survey, dataset=COLLECTION, actor=ACTOR, progress=shown)
    with _step("scenes into the catalogue"), progress() as shown:
        scenes = list(files.scenes)
        ingest_scene(engine, scenes, home=home, collection=COLLECTION, actor=ACTOR, progress=shown)
    with _step("landslides between the dates"):
        _detect(catalogue, files)
    with _step("ground that moves, in a simulated displacement set"):
        done.files.append(_settle(catalogue, folder))
    with _step("simulated ice, books and triggers; a review"), connect.transaction(engine) as conn:
        connect.actor(conn, ACTOR)
        add_ice(conn, datetime.now(UTC))
        add_records(conn, datetime.now(UTC), ACTOR)
        confirm_largest(conn, ACTOR)
    with _step("risk by kilometre"), connect.transaction(engine) as conn:
        connect.actor(conn, ACTOR)
        risk.update(conn)
    with _step("alerts to a folder"):
        done.files += _deliver(catalogue)
    with _step("maps"):
        done.files += _maps(catalogue, folder, done)


def _detect(catalogue: Catalogue, files: DemoFiles) -> None:
    settings = DetectionSettings().model_copy(update={"dem": files.dem})
    with progress() as shown:
        report = detect_landslides(
            catalogue.engine, catalogue.home, since=files.since, actor_name=ACTOR, settings=settings, progress=shown
        )
    for message in report.messages:
        tell(message)


def _settle(catalogue: Catalogue, folder: Path) -> Path:
    """Return the displacement file, after areas that move were looked for in it."""
    path = folder / "simulated_displacement.csv"
    with connect.transaction(catalogue.engine) as conn:
        write_displacement(conn, path, datetime.now(UTC))
    with progress() as shown:
        ingest_displacement(
            catalogue.engine, path, fitter=SumFitter(), name=DISPLACEMENT, unit="mm", actor=ACTOR, progress=shown
        )
        report = detect_settlement(catalogue.engine, catalogue.home, since=EVER, actor_name=ACTOR, progress=shown)
    for message in report.messages:
        tell(message)
    return path


def _deliver(catalogue: Catalogue) -> list[Path]:
    settings = AlertSettings().model_copy(update={"home": catalogue.home})
    receiver = Subscription(name=RECEIVER, channel="file", address="demo", scope="Restricted")
    with connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, ACTOR)
        known = any(one.name == RECEIVER for one in alerts.subscriptions(conn))
        if not known:
            subscribe(conn, receiver, settings)
    deliver_due(catalogue.engine, settings)
    return sorted((settings.folder / "demo").glob("*.xml"))


def _maps(catalogue: Catalogue, folder: Path, done: _Progress) -> list[Path]:
    with connect.transaction(catalogue.engine) as conn:
        near = changes.list_changes(
            conn, include_unreviewed=True, km_from=CENTRE_KM - AROUND_KM, km_to=CENTRE_KM + AROUND_KM
        )
    done.found = [change["id"] for change in near]
    written = [
        write_map(catalogue, "corridor", folder / "corridor.html"),
        write_map(
            catalogue, "segment", folder / "segment.html", km_from=CENTRE_KM - AROUND_KM, km_to=CENTRE_KM + AROUND_KM
        ),
    ]
    largest = sorted(near, key=lambda change: -change["area_m2"])[:3]
    return written + [
        write_map(catalogue, "change", folder / f"change-{change['id']}.html", change_id=change["id"])
        for change in largest
    ]


def _check_alone(catalogue: Catalogue) -> None:
    """Return quietly where nothing simulated would come among real records, and nobody would be told of it.

    Raises
    ------
    ConflictError
        The catalogue holds records of its own, or somebody receives alerts from it.
    """
    with connect.transaction(catalogue.engine) as conn:
        real = overview.measured(conn)
        told = [one.name for one in alerts.subscriptions(conn, enabled_only=True) if one.name != RECEIVER]
    own = "give the demonstration a home of its own: HAZARD_HOME=/tmp/kkh-demo kkh demo"
    if real:
        raise ConflictError(f"this catalogue holds {', '.join(real)} that are not simulated; {own}")
    if told:
        raise ConflictError(f"{', '.join(told)} would be sent alerts of simulated landslides; {own}")


def _summarise(catalogue: Catalogue, done: _Progress, seconds: float) -> None:
    with connect.transaction(catalogue.engine) as conn:
        now = overview.look(conn)
        raised = alerts.list_alerts(conn, limit=1000)
    put()
    put_table(
        ("what", "count", "where"),
        [
            ("records", now.observations + now.sites + now.events,
             f"{now.observations} observations, {now.sites} sites, {now.events} events"),
            ("scenes", now.scenes, str(catalogue.home / "rasters")),
            ("changes found", now.changes, f"{len(done.found)} within km {CENTRE_KM - AROUND_KM:g}-{CENTRE_KM + AROUND_KM:g}"),
            ("alerts raised", len(raised), f"{now.alerts_open} open; CAP files in {catalogue.home / 'alerts' / 'demo'}"),
            ("files written", len(done.files), str(catalogue.home / "demo")),
        ],
    )  # fmt: skip
    put(f"\ndone in {seconds:.1f} s")
    sys.stdout.flush()


def _serve(port: int) -> None:
    from api.server import bind, run  # noqa: PLC0415 - not needed without serving

    listener = bind(HOST, port, or_free=True)
    address = f"http://{HOST}:{listener.getsockname()[1]}"
    settings = ApiSettings().model_copy(update={"anonymous_role": "viewer", "base_url": address})
    password = _renew_account()

    def ready() -> None:
        put(f"\nserving at {address}  (open for reading on this machine only; Ctrl-C ends it)")
        put(f"to review changes and alerts log in as {ACCOUNT!r} with the password {password} (another one each time)")
        sys.stdout.flush()

    run(settings, listener, worker=True, ready=ready)
    tell("ended; the database goes on running, `kkh db down` stops it")


def _renew_account() -> str:
    """Return the new password of the demonstration's account."""
    password = secrets.token_urlsafe(9)
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, ACTOR)
        try:
            accounts.set_password(conn, ACCOUNT, password)
        except NotFoundError:
            accounts.add(conn, ACCOUNT, "engineer", password)
    return password


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Print what was done and how long it took."""
    started = time.perf_counter()
    yield
    put(f"{time.perf_counter() - started:7.2f} s  {name}")
    sys.stdout.flush()
