"""What docs/extending.md tells to add works as it stands there, from a file to the catalogue, to changes, to a receiver."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from alerts import channels
from alerts.deliver import deliver_due
from alerts.outgoing import Channel
from alerts.settings import AlertSettings
from detection import methods
from detection.run import run_landslide
from hazard_db import connect, seed
from hazard_db.errors import InputError, RecordError
from ingest.load import ingest_survey
from ingest.survey import registry
from tests.detection_rasters import ground, stored, write_tif
from tests.integration.test_alerts_delivery import follow, raise_alerts, road, settings

__all__ = ["road", "settings"]
PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


def sentence(body: str) -> str:
    """Return a sentence of NMEA with its checksum."""
    total = 0
    for char in body:
        total ^= ord(char)
    return f"${body}*{total:02X}"


@pytest.fixture
def written() -> Iterator[dict[str, ModuleType]]:
    """Return the modules that the page shows, by the names that they would have."""
    found: dict[str, ModuleType] = {}
    for path, code in re.findall(
        r"^`(\S+\.py)`\n\n```python\n(.*?)^```", PAGE.read_text("utf8"), re.MULTILINE | re.DOTALL
    ):
        name = path.removesuffix(".py").replace("/", ".")
        module = ModuleType(name)
        sys.modules[name] = module  # pydantic and dataclasses look their module up
        exec(compile(code, path, "exec"), module.__dict__)
        found[name] = module
    yield found
    for name in found:
        del sys.modules[name]


def test_every_line_that_the_page_says_to_add_is_shown(written: dict[str, ModuleType]) -> None:
    assert sorted(written) == ["alerts.channels.syslog", "detection.methods.ndvi_drop", "ingest.survey.nmea"]


@pytest.mark.integration
def test_the_survey_format_brings_observations_and_tells_damaged_lines(
    database: Any, written: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nmea = written["ingest.survey.nmea"]
    csv = registry.FORMATS["CSV"]
    monkeypatch.delitem(registry.FORMATS, "CSV")  # the last one: the order is the same afterwards
    monkeypatch.setitem(registry.FORMATS, "NMEA", registry.Format(nmea.claims, nmea.read))
    monkeypatch.setitem(registry.FORMATS, "CSV", csv)
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    file = tmp_path / "walk.txt"
    lines = [
        sentence("GPRMC,053000,A,3618.900,N,07439.000,E,0,0,010526,,"),
        sentence("GPWPL,3618.900,N,07439.000,E,rockfall"),
        sentence("GPWPL,3619.500,N,07449.200,E,滑坡".encode("ascii", "replace").decode()),
        "$GPWPL,3619.500,N,07449.200,E,landslide*00",
    ]
    file.write_text("\n".join(lines))
    with pytest.raises(RecordError, match=r"line 4.*checksum"):
        ingest_survey(database.app_engine, file, actor="tester")
    report = ingest_survey(database.app_engine, file, actor="tester", skip_bad=True)
    assert (report.new, report.rejected) == (2, 1)
    with connect.transaction(database.engine) as conn:
        row = conn.execute(
            text(
                "SELECT observed_at, ST_X(geom) AS lon, ST_Y(geom) AS lat, chainage_km FROM observation WHERE kind = 'rockfall'"
            )
        ).one()
    assert row.observed_at.isoformat() == "2026-05-01T05:30:00+00:00"
    assert (row.lon, row.lat) == pytest.approx((74.65, 36.315))
    assert row.chainage_km is not None


def test_the_detector_finds_what_lost_its_plants(
    written: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(methods.DETECTORS, "ndvi_drop", written["detection.methods.ndvi_drop"].NdviDrop)
    slide = (slice(40, 70), slice(60, 100))
    files = []
    for number, day in enumerate(("20220701", "20230701")):
        bands = {"red": 0.05 + 0.01 * ground((200, 200)), "nir": 0.35 + 0.01 * ground((200, 200))}
        if number:
            bands["red"][slide], bands["nir"][slide] = 0.2, 0.22
        files.append(
            write_tif(
                tmp_path / f"x_{day}.tif",
                {**{name: stored(band) for name, band in bands.items()}, "scl": np.full((200, 200), 4)},
            )
        )
    result = run_landslide(files[:1], files[1:], tmp_path / "out.geojson", method="ndvi_drop", block_px=64)
    found = result.collection["features"]
    assert len(found) == 1
    assert found[0]["properties"]["area_m2"] == pytest.approx(30 * 40 * 100, rel=0.1)


@pytest.mark.integration
def test_the_channel_delivers_an_alert_once(
    road: Any, settings: AlertSettings, written: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    syslog = written["alerts.channels.syslog"]
    monkeypatch.setitem(channels.CHANNELS, "syslog", Channel(syslog.check, syslog.send))
    with pytest.raises(InputError, match="host or host:port"):
        follow(road, settings, "nowhere", "syslog", ":x")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(20)
        follow(road, settings, "control room", "syslog", f"127.0.0.1:{one.getsockname()[1]}")
        raise_alerts(road)
        told = [deliver_due(road.app_engine, settings).delivered for _ in range(2)]
        line = one.recv(65536).decode()
    assert told == [1, 0]
    assert line.startswith("<9>1 ")
    assert "km " in line
