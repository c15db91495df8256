"""A catalogue in which every kind of page has something to show, and the list of those pages."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter
from sqlalchemy import text

from alerts import links
from alerts.deliver import subscribe
from alerts.settings import AlertSettings
from api.settings import ApiSettings
from api.settlement import detect_settlement
from detection.settlement.sums import SumFitter
from hazard_db import accounts, alerts, connect, fieldbook, ledger, risk, seed
from hazard_db.errors import ConflictError, DatabaseUnavailableError
from hazard_db.settings import DatabaseSettings
from ingest.displacement.load import ingest_displacement
from tests.displacement_files import write_scatterers
from tests.ice_catalogue import GLACIER, LAKE, fill_ice
from tests.map_catalogue import add_alert, add_changes

PASSWORD = "a long enough password"
NOW = datetime.now(UTC).replace(microsecond=0)
FIRST = date(2021, 1, 5)
OBSERVATION = str(uuid.UUID(int=1))


@dataclass(frozen=True)
class PageType:
    """A kind of page: where one is, who sees it, and whether a record has to be there."""

    path: str
    role: Literal["public", "admin"] = "public"
    record: bool = False
    road: bool = False
    """Kilometres have to be there; without them its address leads nowhere."""
    status: int = 200
    file: bool = False
    """Kept on a disk and opened from there, without a server."""
    sends: Mapping[str, str | int] = field(default_factory=dict)
    """What is seen once the form of the page was sent with this; a number is a text of that many characters."""
    times: int = 1


FAULTS = APIRouter(include_in_schema=False)
"""Addresses that only a served test has: what fails on a server's side cannot be asked for from outside."""


@FAULTS.get("/tests/fault")
def _fault() -> None:
    raise RuntimeError("provoked")


@FAULTS.get("/tests/away")
def _away() -> None:
    raise DatabaseUnavailableError


@FAULTS.get("/tests/conflict")
def _conflict() -> None:
    raise ConflictError("the record is at revision 4 by now, not 3; look again before you correct it")


PAGES = {
    "home": PageType("/"),
    "home-inside": PageType("/", "admin"),
    "login": PageType("/login"),
    "map-corridor": PageType("/maps/corridor"),
    "map-segment": PageType("/maps/segment?km=650-660", road=True),
    "map-file": PageType("/maps/segment?km=650-660&file=true", record=True, file=True),
    "map-change": PageType("/maps/change/1", "admin", record=True),
    "segments": PageType("/segments"),
    "stretch": PageType("/segments?km=650-660", road=True),
    "segment": PageType("/segments/657", road=True),
    "report": PageType("/reports/segment.html?km=650-660", road=True),
    "changes": PageType("/changes"),
    "change": PageType("/changes/1", "admin", record=True),
    "displacement": PageType("/displacement"),
    "displacement-set": PageType("/displacement/1", record=True),
    "displacement-plot": PageType("/displacement/plot?points=1,2", record=True),
    "displacement-point": PageType("/displacement/points/1", record=True),
    "displacement-areas": PageType("/displacement/areas", "admin"),
    "displacement-area": PageType("/displacement/areas/{area}", "admin", record=True),
    "alerts": PageType("/alerts"),
    "alerts-map": PageType("/alerts?view=map", "admin"),
    "alerts-calendar": PageType("/alerts?view=calendar", "admin"),
    "alert": PageType("/alerts/1", "admin", record=True),
    "reliability": PageType("/alerts/reliability", "admin"),
    "rules": PageType("/alerts/rules", "admin"),
    "rule-new": PageType("/alerts/rules/new", "admin"),
    "rule": PageType("/alerts/rules/{rule}", "admin", record=True),
    "checks": PageType("/alerts/checks", "admin"),
    "check": PageType("/alerts/checks/{check}", "admin", record=True),
    "take": PageType("/alerts/{alert}/take?token={token}", record=True),
    "silences": PageType("/alerts/silences", "admin"),
    "observations": PageType("/observations"),
    "observation": PageType(f"/observations/{OBSERVATION}", "admin", record=True),
    "observation-new": PageType("/observations/new"),
    "review": PageType("/review", "admin"),
    "sites": PageType("/sites"),
    "site": PageType("/sites/KKH-LS-0001", "admin", record=True),
    "events": PageType("/events"),
    "event": PageType("/events/1", "admin", record=True),
    "closures": PageType("/closures"),
    "closure": PageType("/closures/{closure}", "admin", record=True),
    "works": PageType("/works", "admin"),
    "work": PageType("/works/{work}", "admin", record=True),
    "structures": PageType("/structures"),
    "lakes": PageType("/lakes"),
    "lake": PageType(f"/lakes/{LAKE}", record=True),
    "glaciers": PageType("/glaciers"),
    "glacier": PageType(f"/glaciers/{GLACIER}", record=True),
    "ogc": PageType("/ogc"),
    "ogc-collections": PageType("/ogc/collections"),
    "ogc-collection": PageType("/ogc/collections/sites"),
    "ogc-items": PageType("/ogc/collections/sites/items"),
    "ogc-item": PageType("/ogc/collections/sites/items/1", record=True),
    "ogc-updates": PageType("/ogc/collections/sites/updates"),
    "ogc-metadata": PageType("/ogc/collections/sites/metadata"),
    "ogc-queryables": PageType("/ogc/collections/sites/queryables"),
    "ogc-schema": PageType("/ogc/collections/sites/schema"),
    "ogc-tiles": PageType("/ogc/collections/sites/tiles"),
    "ogc-tile-set": PageType("/ogc/collections/sites/tiles/WebMercatorQuad"),
    "ogc-schemes": PageType("/ogc/tileMatrixSets"),
    "ogc-scheme": PageType("/ogc/tileMatrixSets/WebMercatorQuad"),
    "ogc-conformance": PageType("/ogc/conformance"),
    "ogc-api": PageType("/ogc/api"),
    "docs": PageType("/docs"),
    "jobs": PageType("/jobs", "admin"),
    "subscriptions": PageType("/subscriptions", "admin"),
    "deliveries": PageType("/deliveries", "admin"),
    "phones": PageType("/phones", "admin"),
    "audit": PageType("/audit", "admin"),
    "problem": PageType("/segments/99999", status=404),
    "problem-nowhere": PageType("/nowhere", status=404),
    "problem-asked": PageType("/segments?km=north", status=400),
    "problem-form": PageType("/changes?limit=many", status=422),
    "problem-token": PageType("/alerts/1/take?token=none", status=403),
    "problem-record": PageType("/changes/99999", status=404),
    "problem-method": PageType("/logout", status=405),
    "problem-conflict": PageType("/tests/conflict", status=409),
    "problem-fault": PageType("/tests/fault", status=500),
    "problem-away": PageType("/tests/away", status=503),
    "problem-password": PageType("/login", status=401, sends={"name": "nobody-{once}", "password": "not this one"}),
    "problem-patience": PageType("/login", status=429, sends={"name": "hasty", "password": "nor this"}, times=6),
    "problem-old-form": PageType(
        "/login", status=403, sends={"csrf": "from.yesterday", "name": "amina", "password": "any"}
    ),
    "problem-large": PageType("/login", status=413, sends={"password": 26 * 2**20}),
}
"""Every kind of page, by a short name; {braces} are filled by `addresses`."""


def fill_pages(engine: Any, home: Path, *, changes: bool = True) -> dict[str, int | str]:
    """Store something for every kind of page, and return the numbers that their addresses need."""
    with connect.transaction(engine) as conn:
        connect.actor(conn, "tests")
        seed.load(conn)
        accounts.add(conn, "amina", "admin", PASSWORD)
        _observations(conn)
        if changes:
            add_changes(conn, home)
        for number, (scope, severity) in enumerate((("Public", "Severe"), ("Restricted", "Moderate"))):
            add_alert(conn, number, scope, severity, remark="")
        for name, language in (("control room", "en"), ("Gilgit office", "ur")):
            subscribe(
                conn,
                alerts.Subscription(name=name, channel="file", address="control", language=language),
                AlertSettings(),
            )
        numbers: dict[str, int | str] = {**_ledger(conn), **_duties(conn, home)}
    fill_ice(engine)
    file = write_scatterers(home / "track-27.csv", _ground(), [FIRST + timedelta(days=12 * step) for step in range(60)])
    ingest_displacement(engine, file, fitter=SumFitter(), actor="tests")
    detect_settlement(engine, home, since=FIRST, actor_name="tests")
    with connect.transaction(engine) as conn:
        risk.update(conn)
        numbers["area"] = conn.scalar(text("SELECT min(id) FROM deformation_area"))
    return numbers


def _ground() -> Any:
    """Return series of points one of whose corners starts to sink half way, mm."""
    rng = np.random.default_rng(2)
    rows, cols = np.mgrid[:16, :16]
    bowl = np.exp(-((rows - 8) ** 2 + (cols - 8) ** 2) / (2 * 3.0**2))
    years = np.arange(60) * 12 / 365.25
    return np.maximum(0.0, years - 1.0)[:, None, None] * -45 * bowl + rng.normal(size=(60, 16, 16)) * 0.7


def _observations(conn: Any) -> None:
    told = (("rockfall", "Fresh blocks on the upper lane", "submitted"), ("landslide", "Scarp widened since May", "accepted"),
            ("settlement", "Dip in the carriageway", "submitted"))  # fmt: skip
    for number, (kind, note, verdict) in enumerate(told):
        new = fieldbook.NewObservation(
            uuid.UUID(int=number + 1), kind, 74.860 + number / 500, 36.30, NOW - timedelta(days=number), "Sana", 12.0, note
        )  # fmt: skip
        fieldbook.create_observation(conn, new)
        fieldbook.review_observation(conn, new.id, verdict)


def _duties(conn: Any, home: Path) -> dict[str, int | str]:
    """Ask a team to look at an alert, and return the numbers of both, of a rule, and what acknowledges the alert."""
    alerts.add_team(conn, alerts.Team("Aliabad", 74.615, 36.307))
    alert = int(conn.scalar(text("SELECT id FROM alert WHERE group_key = 'test-1'")))
    (check,) = alerts.ask(conn, [alert], "Is the lower lane free?")
    key = ApiSettings(database=DatabaseSettings(home=home)).signing_key()
    rule = conn.scalar(text("SELECT min(id) FROM alert_rule"))
    return {"alert": alert, "check": check, "rule": rule, "token": links.token(key, alert, "duty officer")}


def _ledger(conn: Any) -> dict[str, int]:
    closure = {
        "km_from": 650.5, "km_to": 652.0, "closed_at": NOW - timedelta(days=40), "closed_precision": "minute",
        "opened_at": NOW - timedelta(days=38), "cause": "rockfall", "vehicle_class": "heavy", "detour": "none for lorries", "source": "NHA",
    }  # fmt: skip
    work = {
        "km_from": 651.0, "km_to": 651.4, "kind": "clearing", "status": "done", "description": "2,000 m³ of blocks", "started_on": FIRST,
        "ended_on": FIRST + timedelta(days=2), "cost": 1_250_000, "currency": "PKR", "source": "NHA",
    }  # fmt: skip
    return {
        name: ledger.enter(conn, book, {**dict.fromkeys(book.told), **told})[0]
        for name, book, told in (("closure", ledger.CLOSURES, closure), ("work", ledger.WORKS, work))
    }


def addresses(numbers: Mapping[str, int | str], *, filled: bool = True) -> dict[str, tuple[str, PageType]]:
    """Return each kind of page with its path; of an empty catalogue those that need no record, and what they are without a road."""
    return {
        name: (
            one.path.format(**numbers) if one.record else one.path,
            one if filled or not one.road else replace(one, status=404),
        )
        for name, one in PAGES.items()
        if filled or not one.record
    }
