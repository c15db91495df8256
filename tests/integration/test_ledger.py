"""The ledger of the road: engineers write it, every version is kept, strangers see no costs, kilometres follow a new line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api import cli
from hazard_db import connect, corridor, ledger, risk
from hazard_db.search import Window
from tests.api_client import TestClient

pytestmark = pytest.mark.integration

CLOSURE = {
    "km_from": 650.5, "km_to": 652, "closed_at": "2026-05-01T14:30:00+05:00", "cause": "rockfall 落石", "vehicle_class": "heavy",
    "detour": "none for lorries", "source": "NHA",
}  # fmt: skip
WORK = {
    "km_from": 651, "km_to": 651.4, "kind": "clearing", "description": "2,000 m³ of blocks", "started_on": "2026-05-01",
    "ended_on": "2026-05-03", "cost": "1250000.50", "currency": "pkr", "source": "NHA",
}  # fmt: skip


def test_engineers_write_and_every_version_is_kept(client: TestClient, key: Any) -> None:
    engineer, reviewer = key("engineer"), key("reviewer")
    assert client.post("/closures", json=CLOSURE).status_code == 401
    assert client.post("/closures", json=CLOSURE, headers=reviewer).status_code == 403
    made = client.post("/closures", json=CLOSURE, headers=engineer)
    assert made.status_code == 201, made.text
    number, told = made.json()["id"], made.json()["properties"]
    assert made.json()["geometry"]["type"] == "LineString"
    assert client.post("/closures", json=CLOSURE, headers=engineer).json()["id"] == number  # sent twice it is one
    assert client.post("/closures", json=CLOSURE | {"cause": "other"}, headers=engineer).status_code == 409
    corrected = CLOSURE | {"km_to": 653, "revision": told["revision"]}
    right = client.post(f"/closures/{number}", json=corrected, headers=engineer)
    assert (right.json()["properties"]["chainage_to_km"], right.json()["properties"]["revision"]) == (653, 2)
    assert (
        client.post(f"/closures/{number}", json=corrected, headers=engineer).status_code == 409
    )  # somebody looked at an old one
    early = {"opened_at": "2026-04-30T08:00:00+05:00"}
    assert client.post(f"/closures/{number}/open", json=early, headers=engineer).status_code == 409
    opened = client.post(f"/closures/{number}/open", json={"opened_at": "2026-05-03T08:00:00+05:00"}, headers=engineer)
    versions = opened.json()["properties"]["versions"]
    assert [one["action"] for one in versions] == ["update", "update", "insert"]
    assert versions[1]["before"]["chainage_to_km"] == 652
    assert {one["actor"] for one in versions} == {"key:test engineer"}
    assert client.post(f"/closures/{number}/withdraw", headers=engineer).status_code == 200
    assert number not in [one["id"] for one in client.get("/closures?km=640-660").json()["features"]]
    assert client.get(f"/closures/{number}").status_code == 404
    assert (
        client.get(f"/closures/{number}", headers=engineer).json()["properties"]["withdrawn_by"] == "key:test engineer"
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [({"km_to": 600}, 400), ({"km_to": 5000}, 404), ({"event_id": 10**9}, 404), ({"opened_at": "2026-04-01T00:00:00Z"}, 400),
     ({"closed_at": "2126-05-01T00:00:00Z"}, 400), ({"closed_at": "2026-05-01T00:00:00"}, 422), ({"nonsense": 1}, 422)],
)  # fmt: skip
def test_what_cannot_be_is_refused(client: TestClient, key: Any, change: dict[str, Any], status: int) -> None:
    assert client.post("/closures", json=CLOSURE | change, headers=key("engineer")).status_code == status


def test_costs_stay_inside(client: TestClient, key: Any) -> None:
    engineer = key("engineer")
    made = client.post("/works", json=WORK, headers=engineer)
    assert made.status_code == 201, made.text
    assert made.json()["properties"]["cost"] == pytest.approx(1250000.5)
    outside = client.get("/works?km=640-660").json()["features"][0]["properties"]
    assert "cost" not in outside
    assert "contractor" not in outside
    assert (
        client.post("/works", json=WORK | {"currency": None, "description": "x"}, headers=engineer).status_code == 400
    )
    page = client.get("/works?km=640-660&f=html", headers=engineer).text
    assert "1,250,000 PKR" in page
    assert "1,250,000" not in client.get("/works?km=640-660&f=html").text
    for view in ("closures", "works", "structures"):
        assert client.get(f"/ogc/collections/{view}/items").status_code == 200
    for lang in ("en", "zh", "ur"):
        for page in ("/closures", "/works", "/structures", f"/works/{made.json()['id']}"):
            assert client.get(f"{page}?f=html&lang={lang}", headers=engineer).status_code == 200
    sheet = client.get("/exports/works.csv").text
    assert "2,000 m³" in sheet
    assert "1250000" not in sheet


def test_files_go_in_whole_and_correct_what_they_brought(
    database: Any, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, url in (("", database.url), ("APP_", database.app_url), ("PUBLIC_", database.public_url)):
        monkeypatch.setenv(f"HAZARD_DATABASE_{name}URL", url)
    monkeypatch.setenv("HAZARD_HOME", str(tmp_path))
    file = tmp_path / "closures.csv"

    def run(*rows: str) -> Any:
        file.write_text("km_from,km_to,closed_at,opened_at,cause,source\n" + "\n".join(rows), encoding="utf8")
        return CliRunner().invoke(cli.app, ["closure", "import", str(file), "--json"])

    good, late = "640,641,2024-07-01,,flood,NHA", "644,644.2,2025-01-02T08:00+05:00,2025-01-02T20:00+05:00,snow,NHA"
    bad = run(good, "650,649,2024-07-02,,flood,NHA")
    assert bad.exit_code == 1
    assert "closures.csv, line 3: km_from 650 lies behind km_to 649" in str(bad.exception)
    assert client.get("/closures?km=640-641").json()["features"] == []
    assert '"new": 2' in run(good, late).stdout
    assert '"unchanged": 2' in run(good, late).stdout
    assert '"revised": 1' in run("640,641,2024-07-01,2024-07-03,flood,NHA", late).stdout
    only = client.get("/closures?km=640-641").json()["features"]
    assert [(one["properties"]["closed_precision"], one["properties"]["opened_at"][:10]) for one in only] == [
        ("day", "2024-07-03")
    ]
    listed = CliRunner().invoke(cli.app, ["closure", "list", "--km", "640-645"])
    assert "2024-07-01" in listed.stdout
    assert "640-641" in listed.stdout


def test_kilometres_follow_a_new_line_and_withdrawn_ones_count_nowhere(
    database: Any, client: TestClient, tmp_path: Path
) -> None:
    with connect.transaction(database.engine) as conn:
        told = {"km_from": 700.0, "km_to": 703.0, "closed_at": datetime(2026, 1, 2, tzinfo=UTC), "cause": "snow",
                "vehicle_class": "all", "closed_precision": "day", "source": "NHA"}  # fmt: skip
        number, state = ledger.enter(conn, ledger.CLOSURES, told)
        assert state == "new"
        risk.update(conn)
        before = risk.show(conn, 701, 702)[0].score
        ledger.withdraw(conn, ledger.CLOSURES, number, actor="me")
        risk.update(conn)
        assert risk.show(conn, 701, 702)[0].score < before
        number, _ = ledger.enter(conn, ledger.CLOSURES, told)
        place = conn.scalar(text("SELECT ST_AsGeoJSON(alignment.geom) FROM alignment WHERE valid_to IS NULL"))
    file = tmp_path / "shifted.geojson"
    file.write_text('{"type": "Feature", "properties": {}, "geometry": ' + place + "}", encoding="utf8")
    with connect.transaction(database.engine) as conn:
        corridor.load(conn, file, version="shifted", start_km=100.0)
        moved = ledger.entry(conn, ledger.CLOSURES, number, published=False)
        first = corridor.locate_km(conn, moved["chainage_from_km"])
        old = corridor.locate_km(conn, 700.0, version="approximate-2026")
        assert moved["chainage_from_km"] != pytest.approx(700.0, abs=0.5)
        assert (first.lon, first.lat) == pytest.approx((old.lon, old.lat), abs=1e-4)
        assert moved["id"] in [one["id"] for one in ledger.entries(conn, ledger.CLOSURES, Window(), published=True)]


def test_water_from_above_leads_to_bridges(database: Any, client: TestClient) -> None:
    with connect.transaction(database.engine) as conn:
        bridge = next(one for one in ledger.structures(conn) if one["name"] == "Hassanabad bridge")
        assert bridge["cascades"] == []
        lake = conn.scalar(
            text("""INSERT INTO glacial_lake (lake_id, name, geom)
                    VALUES ('L1', 'Shisper', ST_Multi(ST_Buffer(ST_SetSRID(ST_MakePoint(74.61, 36.40), 4326), 0.003)))
                    RETURNING id""")
        )
        conn.execute(
            text("""INSERT INTO cascade (lake, dem, dem_sha256, pixel_m, geom)
                    SELECT :lake, 'd', 's', 30,
                           ST_SetSRID(ST_MakeLine(ST_MakePoint(74.61, 36.40, 2600), ST_MakePoint(ST_X(p), ST_Y(p), 2000)), 4326)
                    FROM point_at_chainage(:km, current_alignment()) AS p"""),
            {"lake": lake, "km": bridge["chainage_km"]},
        )
        above = next(one for one in ledger.structures(conn) if one["id"] == bridge["id"])["cascades"]
    assert [(one["kind"], one["id"]) for one in above] == [("lake", "L1")]
    assert "Shisper" in client.get("/structures?f=html").text
