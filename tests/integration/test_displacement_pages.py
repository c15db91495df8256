from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from api.app import create_app
from api.settlement import detect_settlement
from api.texts import texts
from detection.settlement.sums import SumFitter
from hazard_db import accounts, connect, deformation, seed
from ingest.displacement.load import ingest_displacement
from tests.api_client import TestClient
from tests.displacement_files import write_scatterers
from tests.map_catalogue import settings_of

FIRST = date(2021, 1, 5)
DATES = [FIRST + timedelta(days=12 * k) for k in range(60)]
LANGS = ("en", "zh", "ur")


def ground() -> Any:
    """Return series of points one of whose corners starts to sink half way."""
    rng = np.random.default_rng(2)
    rows, cols = np.mgrid[:24, :24]
    bowl = np.exp(-((rows - 12) ** 2 + (cols - 12) ** 2) / (2 * 3.0**2))
    t = np.arange(60) * 12 / 365.25
    y = np.maximum(0.0, t - 1.0)[:, None, None] * -45 * bowl + rng.normal(size=(60, 24, 24)) * 0.7
    y[20, 12, 12] = np.nan
    return y


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    path = write_scatterers(tmp_path / "=track 27.csv", ground(), DATES)
    ingest_displacement(database.app_engine, path, fitter=SumFitter(), actor="tester")
    detect_settlement(database.app_engine, tmp_path, since=FIRST, actor_name="tester")
    with TestClient(create_app(settings_of(database, tmp_path)), follow_redirects=False) as made:
        yield made


@pytest.fixture
def key(database: Any) -> Callable[[str], dict[str, str]]:
    def make(role: str) -> dict[str, str]:
        with connect.transaction(database.engine) as conn:
            return {"Authorization": f"Bearer {accounts.create_key(conn, role, role)}"}

    return make


def ids(database: Any) -> tuple[int, int]:
    """Return the point in the middle of the bowl, and the area."""
    with connect.transaction(database.engine) as conn:
        point = conn.scalar(text("SELECT id FROM displacement_point WHERE code = 'P12_12'"))
        (area,) = deformation.list_areas(conn, include_unreviewed=True)
    return point, area["id"]


def test_pages_in_every_language_name_the_reference(
    client: TestClient, database: Any, key: Callable[[str], dict[str, str]]
) -> None:
    point, area = ids(database)
    viewer = key("viewer")
    for path in ("/displacement", "/displacement/1", f"/displacement/points/{point}", f"/displacement/areas/{area}",
                 f"/displacement/plot?points={point},{point + 1}", "/displacement/areas"):  # fmt: skip
        for lang in LANGS:
            answer = client.get(path, headers={"Accept": "text/html", "Accept-Language": lang, **viewer})
            assert answer.status_code == 200, path
            assert f'<html lang="{lang}"' in answer.text
            if path != "/displacement/areas":
                assert texts()["displacement.not_told"][lang] in answer.text, path
    page = client.get(f"/displacement/points/{point}", headers={"Accept": "text/html"}).text
    assert 'stroke-dasharray="6 4"' in page  # the onset
    assert "rate changed" in page


def test_series_as_json_and_csv(client: TestClient, database: Any) -> None:
    point, _ = ids(database)
    told = client.get(f"/displacement/points/{point}").json()["properties"]
    assert told["reference"] == "not told by the file"
    assert told["model"]["class"] == "hinge"
    assert abs((date.fromisoformat(told["model"]["onset_date"]) - FIRST).days - 365) < 40
    assert [one["date"] for one in told["series"]] == [day.isoformat() for day in DATES]
    assert told["series"][20]["displacement_mm"] is None
    for path in (f"/displacement/points/{point}.csv", f"/displacement/plot?points={point},{point + 1}&f=csv"):
        answer = client.get(path)
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert {row["reference"] for row in rows} == {"not told by the file"}
        assert {row["set"] for row in rows} == {"'=track 27"}  # no spreadsheet runs it
        assert len(rows) == 60 * (2 if "plot" in path else 1)
        assert float(rows[59]["displacement_mm"]) == pytest.approx(ground()[59, 12, 12], abs=1e-3)


def test_behind_each_plot_lies_its_table(
    client: TestClient, database: Any, key: Callable[[str], dict[str, str]]
) -> None:
    point, area = ids(database)
    for path in (f"/displacement/points/{point}", f"/displacement/areas/{area}"):
        page = client.get(path, headers={"Accept": "text/html", **key("viewer")}).text
        table = page.partition("<caption>")[2].partition("</table>")[0]
        cells = [re.findall(r"<bdi dir=.ltr.>([^<]*)</bdi>", row) for row in table.split("<tr><td")[1:]]
        told = client.get(path, headers={"Accept": "application/json", **key("viewer")}).json()["properties"]["series"]
        wanted = [
            [one["displacement_mm"], one["std_mm"] if one["displacement_mm"] is not None else None, one["model_mm"]]
            for one in told
        ]
        assert cells == [["–" if value is None else f"{value:,.1f}" for value in row] for row in wanted]


def test_what_nobody_reviewed_is_not_public(
    client: TestClient, database: Any, key: Callable[[str], dict[str, str]]
) -> None:
    point, area = ids(database)
    assert client.get(f"/displacement/points/{point}").status_code == 200
    assert client.get(f"/displacement/areas/{area}").status_code == 404
    assert client.get("/displacement/areas").json()["features"] == []
    assert client.get(f"/displacement/areas/{area}", headers=key("viewer")).status_code == 200
    assert client.post(f"/displacement/areas/{area}/site", headers=key("viewer")).status_code == 403
    answer = client.post(f"/displacement/areas/{area}/site", headers=key("reviewer"), json={"name": "Test"})
    assert answer.status_code == 201
    assert answer.json()["code"].startswith("KKH-SE-")
    shown = client.get(f"/displacement/areas/{area}").json()["properties"]
    assert shown["status"] == "confirmed"
    assert not {"reviewed_by", "review_note", "parameters"} & set(shown)
    (feature,) = client.get("/ogc/collections/deformation_areas/items").json()["features"]
    assert feature["id"] == area


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/displacement/points/999999", 404), ("/displacement/999999", 404), ("/displacement/plot?points=", 400),
        ("/displacement/plot?points=1,x", 400), ("/displacement/plot?points=1,2,3,4,5,6,7,8,9", 400),
        ("/displacement/areas/999999.csv", 404), ("/displacement/points/x", 422),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code in {status, 422 if status == 400 else status}


def test_tiles_hold_few_points_from_afar_and_all_close_by(client: TestClient) -> None:
    base = "/ogc/collections/displacement_points/tiles/WebMercatorQuad"
    lon, lat = 75.005, 36.32
    sizes = {}
    for zoom in (5, 10, 16):
        x = int((lon + 180) / 360 * 2**zoom)
        y = int((0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)) * 2**zoom)
        answer = client.get(f"{base}/{zoom}/{y}/{x}?filter=set_id%3D1&properties=velocity_mm_yr")
        assert answer.status_code == 200
        sizes[zoom] = len(answer.content)
    assert sizes[5] < sizes[10]
    assert client.get("/ogc/collections/displacement_points/items?limit=1").json()["numberMatched"] == 576
