"""A catalogue with a little of everything that maps draw: reviewed and not, public and restricted, some of it hostile."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageDraw
from pydantic import SecretStr
from sqlalchemy import text

from api.settings import ApiSettings
from hazard_db import changes, connect, corridor, fieldbook, risk, seed
from hazard_db.connect import Connection, Engine
from hazard_db.panels import Panel, Panels
from hazard_db.settings import DatabaseSettings
from tests.map_records import HOSTILE

NOW = datetime.now(UTC).replace(microsecond=0)
OBSERVER = "Nobody But Me"
CONFIRMED, CANDIDATE, FALSE_ALARM = 1, 2, 3
"""Numbers of the changes."""


def settings_of(database: object, home: Path) -> ApiSettings:
    urls = {f"database_{name}": SecretStr(getattr(database, name)) for name in ("url", "app_url", "public_url")}
    return ApiSettings(database=DatabaseSettings(home=home, **urls))


def fill(engine: Engine, home: Path) -> None:
    """Store sites and events of the seed, three changes with pictures, three observations and two alerts near km 657."""
    with connect.transaction(engine) as conn:
        seed.load(conn)
        _observations(conn)
        add_changes(conn, home)
        for number, (scope, severity) in enumerate((("Public", "Severe"), ("Restricted", "Moderate"))):
            add_alert(conn, number, scope, severity)
        risk.update(conn)


def add_alert(conn: Connection, number: int, scope: str, severity: str, remark: str = HOSTILE) -> None:
    conn.execute(
        text("""INSERT INTO alert (group_key, kind, scope, severity, certainty, urgency, headline, description, expires_at, geom)
                VALUES (:key, 'landslide', :scope, :severity, 'Likely', 'Expected', CAST(:headline AS jsonb), '{"en": "x"}',
                        now() + interval '3 days', ST_Buffer(point_at_chainage(657 + :key_number, current_alignment()), 0.004))"""),
        {
            "key": f"test-{number}", "key_number": number, "scope": scope, "severity": severity,
            "headline": json.dumps({"en": f"{scope} alert {remark}", "ur": f"{scope} انتباہ"}),
        },
    )  # fmt: skip


def _observations(conn: Connection) -> None:
    for number, (note, verdict) in enumerate(((HOSTILE, "submitted"), ("Seen", "accepted"), ("Nonsense", "rejected"))):
        new = fieldbook.NewObservation(
            uuid.UUID(int=number + 1), "rockfall", 74.860 + number / 500, 36.30, NOW - timedelta(days=number), OBSERVER, 60.0, note
        )  # fmt: skip
        fieldbook.create_observation(conn, new)
        fieldbook.review_observation(conn, new.id, verdict)


def add_changes(conn: Connection, home: Path) -> None:
    found = [
        changes.ChangeRecord(
            kind="landslide", geometry={"type": "Polygon", "coordinates": [_ring(74.862 + step / 100, 36.337)]}, confidence=0.8,
            magnitude=6.0, area_m2=43_210.0 + step, area_uncertainty_m2=4_000.0, mean_slope_deg=31.0, observed_share=1.0,
            first_date=date(2026, 6, 1), last_date=date(2026, 6, 20),
        )
        for step in range(3)
    ]  # fmt: skip
    views = [
        changes.SegmentView(row.id, 0.9, 1.0, (NOW - timedelta(days=3)).date()) for row in corridor.segments(conn, 650, 660)
    ]  # fmt: skip
    run = changes.RunRecord("landslide", "m", "1", {}, [], "s", "t", NOW, NOW, 0.9, {}, None)
    for number in changes.store_run(conn, run, found, views).new:
        picture = home / "pictures" / f"change-{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        if number == CONFIRMED:
            add_panels(picture)
        else:
            Image.new("RGB", (728, 408), (90, 120, 90)).save(picture)  # as earlier versions made them
        changes.set_picture(conn, number, f"pictures/change-{number}.png")
    for number, verdict in ((CONFIRMED, "confirmed"), (FALSE_ALARM, "false_alarm")):
        changes.review(conn, number, verdict, "Reviewer Of Changes")


def add_panels(file: Path) -> Panels:
    """Write and return a picture that tells its panels: green before, with a brown patch after, and a score."""
    told = Panels(panels=tuple(Panel(layer=layer, box=box, day=day, platform=platform) for layer, box, day, platform in (
        ("before", (0, 24, 240, 264), "2024-07-01", "Sentinel-2A"), ("after", (248, 24, 488, 264), "2025-07-01", None),
        ("z", (0, 288, 240, 528), None, None),
    )), width_m=1200.0)  # fmt: skip
    picture = Image.new("RGB", (488, 552), "white")
    for panel, colour in zip(told.panels, ((90, 120, 90), (90, 120, 91), (30, 30, 30)), strict=True):
        picture.paste(colour, panel.box)
        left, top = panel.box[:2]
        if panel.layer == "after":
            picture.paste((150, 110, 70), (left + 80, top + 80, left + 160, top + 160))
        ImageDraw.Draw(picture).rectangle((left + 80, top + 80, left + 160, top + 160), outline=(255, 208, 0), width=2)
    picture.save(file, pnginfo=told.info)
    return told


def _ring(lon: float, lat: float) -> list[list[float]]:
    return [[lon, lat], [lon + 0.002, lat], [lon + 0.002, lat + 0.002], [lon, lat + 0.002], [lon, lat]]
