"""What people do with the inventory by hand: states through time, sources side by side, events, closures, search."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from api.claims import compare
from api.differences import side_by_side
from hazard_db import changes, connect
from tests.api_client import TestClient
from tests.integration.test_review import PAGE, log_in, observation, send
from tests.integration.test_risk import found, run
from tests.phones import photo

pytestmark = pytest.mark.integration

SITE = "/sites/KKH-LS-0001"


def states(client: TestClient, headers: dict[str, str]) -> list[tuple[str, str | None]]:
    told = client.get(SITE, headers=headers).json()["properties"]
    return [(one["activity"], one["since_on"]) for one in told["states"]], told["activity"]  # type: ignore[return-value]


def test_a_site_is_what_its_newest_state_says(client: TestClient, key: Any, database: Any) -> None:
    reviewer, field = key("reviewer"), key("field")
    assert states(client, reviewer) == ([("suspended", None)], "suspended")  # as the register told it
    for activity, since in (
        ("active", "2010-01-04"),
        ("dormant", "2016-05-01"),
        ("reactivated", "2026-03-02"),
        ("stabilised", "2014-07-01"),
    ):
        made = client.post(
            f"{SITE}/states", json={"activity": activity, "since": since, "source": "survey"}, headers=reviewer
        )
        assert made.status_code == 201, made.text
    told, now = states(client, reviewer)
    assert now == "reactivated"
    assert told == [
        ("reactivated", "2026-03-02"),
        ("dormant", "2016-05-01"),
        ("stabilised", "2014-07-01"),
        ("active", "2010-01-04"),
        ("suspended", None),
    ]
    newest = client.get(SITE, headers=reviewer).json()["properties"]["states"][0]
    assert newest["created_by"] == "key:test reviewer"
    assert client.post(f"{SITE}/states/{newest['id']}/withdraw", json={}, headers=reviewer).status_code == 200
    assert states(client, reviewer)[1] == "dormant"
    assert client.post(f"{SITE}/states/{newest['id']}/withdraw", json={}, headers=reviewer).status_code == 404
    assert [one[0] for one in states(client, {})[0]] == [
        "dormant",
        "stabilised",
        "active",
        "suspended",
    ]  # strangers: what stands
    assert "created_by" not in client.get(SITE).json()["properties"]["states"][0]
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    for bad, status in (
        ({"activity": "asleep", "since": "2020-01-01"}, 422), ({"activity": "active", "since": tomorrow}, 400),
        ({"activity": "active"}, 422),
    ):  # fmt: skip
        assert client.post(f"{SITE}/states", json=bad, headers=reviewer).status_code == status
    assert (
        client.post(f"{SITE}/states", json={"activity": "active", "since": "2020-01-01"}, headers=field).status_code
        == 403
    )
    assert (
        client.post(
            "/sites/KKH-LS-9999/states", json={"activity": "active", "since": "2020-01-01"}, headers=reviewer
        ).status_code
        == 404
    )
    with connect.transaction(database.engine) as conn:
        seen = conn.scalars(text("SELECT action FROM audit_log WHERE table_name = 'site_state' ORDER BY id")).all()
    assert seen[-5:] == ["insert"] * 4 + ["update"]


def test_what_is_told_of_a_site_enters_its_history(database: Any, client: TestClient, key: Any) -> None:
    code = client.post(f"/observations/{send(client, key('field'))}/site", json={}, headers=key("reviewer")).json()[
        "code"
    ]
    told = client.get(f"/sites/{code}", headers=key("viewer")).json()["properties"]["states"]
    assert [(one["activity"], one["since_on"], one["source"]) for one in told] == [
        ("active", "2026-05-01", "field observation")
    ]
    with connect.transaction(database.engine) as conn:
        conn.execute(text("SELECT set_config('hazard.state_on', '2020', true)"))
        conn.execute(text("UPDATE site SET activity = 'dormant' WHERE code = :code"), {"code": code})
        assert (
            conn.scalar(text("SELECT activity FROM site WHERE code = :code"), {"code": code}) == "active"
        )  # 2026 is newer
        rows = conn.execute(text("SELECT t.activity, precision FROM site_state AS t JOIN site AS s ON s.id = t.site_id WHERE code = :code "
                                 "ORDER BY since_on"), {"code": code}).all()  # fmt: skip
    assert [tuple(row) for row in rows] == [("dormant", "year"), ("active", "day")]


def test_sources_stand_side_by_side_and_disagree_openly(client: TestClient, database: Any, key: Any) -> None:
    reviewer = key("reviewer")
    for source, value in (("survey 2024", "1.2"), ("InSAR 2025", "1.9")):
        told = {"attribute": "volume_mm3", "value": value, "unit": "Mm³", "source": source}
        assert client.post(f"{SITE}/claims", json=told, headers=reviewer).status_code == 201
    assert (
        client.post(
            f"{SITE}/claims", json={"attribute": "Drop Table", "value": "1", "source": "x"}, headers=reviewer
        ).status_code
        == 422
    )
    assert (
        client.post(
            "/events/999999/claims", json={"attribute": "dead", "value": "1", "source": "x"}, headers=reviewer
        ).status_code
        == 404
    )
    log_in(client, database, "reviewer")
    page = client.get(SITE, headers=PAGE).text
    assert "sources disagree" in page
    assert "1.9 Mm³" in page


def test_claims_compare() -> None:
    sheet = compare([
        {"attribute": "depth", "value": "109", "unit": "m", "source": "a"},
        {"attribute": "dead", "value": "19", "unit": None, "source": "a"},
        {"attribute": "dead", "value": "20", "unit": None, "source": "b"},
    ])  # fmt: skip
    assert sheet.sources == ("a", "b")
    assert [(row.attribute, row.values, row.differ) for row in sheet.rows] == [
        ("dead", ("19", "20"), True),
        ("depth", ("109 m", ""), False),
    ]


def test_events_close_the_road_and_it_opens_again(client: TestClient, key: Any) -> None:
    reviewer = key("reviewer")
    event = {
        "kind": "debris_flow", "name": "Culvert 12 blocked", "occurred_on": "2026-07-01", "longitude": 74.868, "latitude": 36.337,
        "fatalities": 0, "source": "NHA report", "site": "KKH-LS-0001",
    }  # fmt: skip
    made = client.post("/events", json=event, headers=reviewer)
    assert made.status_code == 201, made.text
    number = made.json()["id"]
    assert client.post("/events", json=event, headers=reviewer).json()["id"] == number  # sent twice: once there
    assert made.json()["chainage_km"] == pytest.approx(657, abs=1.5)
    closure = {
        "km_from": 656,
        "km_to": 658,
        "closed_at": "2026-07-01T08:00:00+05:00",
        "cause": "debris",
        "source": "NHA report",
    }
    closed = client.post(f"/events/{number}/closures", json=closure, headers=reviewer).json()["closures"]
    assert (closed[0]["chainage_from_km"], closed[0]["opened_at"]) == (656, None)
    path = f"/events/{number}/closures/{closed[0]['id']}/open"
    assert client.post(path, json={"opened_at": "2026-06-01T08:00:00+05:00"}, headers=reviewer).status_code == 409
    opened = client.post(path, json={"opened_at": "2026-07-02T08:00:00+05:00"}, headers=reviewer)
    assert opened.json()["closures"][0]["opened_at"] == "2026-07-02T03:00:00Z"
    assert client.post(path, json={"opened_at": "2026-07-03T08:00:00+05:00"}, headers=reviewer).status_code == 409
    assert number in {one["id"] for one in client.get(SITE).json()["properties"]["events"]}
    for bad in ({"occurred_on": "2999-01-01"}, {"latitude": None}):
        assert client.post("/events", json=event | bad, headers=reviewer).status_code == 400
    assert client.post("/events", json=event | {"site": "KKH-LS-9999"}, headers=reviewer).status_code == 404
    assert client.post(f"/events/{number}/closures", json=closure | {"km_to": 1}, headers=reviewer).status_code == 400


def test_records_are_found_by_words_kind_place_and_days(client: TestClient, key: Any) -> None:
    field, viewer = key("field"), key("viewer")
    here = send(client, field, note="Fresh CRACKS above the culvert 新裂缝", observed_at="2026-05-01T10:00:00+05:00")
    far = send(
        client,
        field,
        kind="rockfall",
        note="50% of the lane",
        latitude=35.47,
        longitude=74.55,
        observed_at="2026-06-01T10:00:00+05:00",
    )

    def ids(query: str) -> set[str]:
        answer = client.get(f"/observations?{query}", headers=viewer)
        assert answer.status_code == 200, answer.text
        return {one["id"] for one in answer.json()["features"]}

    assert ids("q=新裂缝") == {here}
    assert ids("q=slide_planar") == {here, far}  # in the attributes of both
    assert ids("q=cracks above") == {here}
    assert ids("q=50%25") == {far}
    assert ids("q=%25") == {far}  # a percent sign is one, not any text
    assert ids("place=Attabad landslide&within_km=5") == ids("place=阿塔巴德滑坡&within_km=5") == {here}
    assert ids("place=36.337, 74.868&within_km=2") == ids("place=KKH-LS-0001&within_km=5") == {here}
    assert ids("until=2026-05-31") == {here}
    assert ids("since=2026-05-02&until=2026-06-01") == {far}
    assert ids("kind=rockfall&q=&km=&place=&since=&until=&within_km=&status=") == {far}
    nowhere = client.get("/observations?place=36.337, 74.868&within_km=5e-324", headers=viewer)
    assert nowhere.status_code == 422, "a distance that no number of the database can be made of"
    unknown = client.get("/observations?place=Timbuktu", headers=viewer)
    assert (unknown.status_code, "Timbuktu" in unknown.json()["detail"]) == (400, True)
    assert client.get("/observations?q=slide_planar").json()["features"] == []  # attributes are not for strangers
    assert {one["properties"]["code"] for one in client.get("/sites?q=attabad").json()["features"]} == {"KKH-LS-0001"}
    assert client.get("/events?q=attabad&until=2010-12-31").json()["numberReturned"] == 1
    assert "rockfall" in client.get("/exports/observations.csv?place=35.47,74.55", headers=viewer).text


def test_questions_are_answered_and_come_back(client: TestClient, database: Any, key: Any) -> None:
    field, reviewer = key("field", "sana"), key("reviewer", "omar")
    identifier = send(client, field)
    talk = f"/observations/{identifier}/remarks"
    client.post(
        f"/observations/{identifier}/review", json={"verdict": "asked", "note": "which side?"}, headers=reviewer
    )
    client.post(talk, json={"body": "I mean of the river"}, headers=reviewer)
    status = lambda: client.get(f"/observations/{identifier}", headers=field).json()["properties"]["review_status"]  # noqa: E731
    assert status() == "asked"  # who asked has not answered
    said = client.post(talk, json={"body": "the left one"}, headers=field)
    assert (said.status_code, status()) == (201, "submitted")
    assert [(one["body"], one["verdict"], one["created_by"]) for one in said.json()] == [
        ("which side?", "asked", "key:omar"), ("I mean of the river", None, "key:omar"), ("the left one", None, "key:sana"),
    ]  # fmt: skip
    assert client.post(talk, json={"body": "  "}, headers=field).status_code == 422
    assert client.post(talk, json={"body": "x"}, headers=key("viewer")).status_code == 403
    assert client.get(talk).status_code == 401
    assert client.post(f"/observations/{uuid.uuid4()}/remarks", json={"body": "x"}, headers=field).status_code == 404
    app_role = connect.engine(database.app_url)
    with pytest.raises(Exception, match="permission denied"), connect.transaction(app_role) as conn:
        conn.execute(text("UPDATE remark SET body = 'never said'"))
    app_role.dispose()


def test_what_changed_meanwhile_is_not_judged_unseen(client: TestClient, key: Any) -> None:
    field, reviewer = key("field", "sana"), key("reviewer")
    one, other = send(client, field, note="a"), send(client, field, note="b")
    assert (
        client.put(f"/observations/{other}?revision=1", json=observation(id=other, note="c"), headers=field).status_code
        == 200
    )
    verdict = {"ids": [one, other], "verdict": "accepted", "revisions": {one: 1, other: 1}}
    assert client.post("/review", json=verdict, headers=reviewer).status_code == 409
    assert client.get("/review", headers=reviewer).json()["numberReturned"] == 2
    assert client.post("/review", json=verdict | {"revisions": {one: 1, other: 2}}, headers=reviewer).status_code == 200


def test_photos_are_added_to_ones_own_and_what_was_accepted_is_looked_at_again(client: TestClient, key: Any) -> None:
    own, other, reviewer = key("field", "own"), key("field", "other"), key("reviewer")
    identifier = send(client, own)
    path = f"/observations/{identifier}/media"
    assert client.post(path, files={"file": ("a.jpg", photo("red"))}, headers=other).status_code == 403
    client.post(f"/observations/{identifier}/review", json={"verdict": "accepted"}, headers=reviewer)
    assert client.post(path, files={"file": ("late.jpg", photo("red"))}, headers=own).status_code == 201
    now = client.get(f"/observations/{identifier}", headers=reviewer).json()["properties"]
    assert (now["review_status"], now["revision"]) == ("submitted", 3)
    assert client.get(path).status_code == 401  # nobody has looked at it: not for strangers


def test_a_photo_taken_elsewhere_is_marked(client: TestClient, database: Any, key: Any) -> None:
    own = key("field", "own")
    identifier = send(client, own, accuracy_m=10)
    for name, lat in (("here.jpg", 20.23), ("there.jpg", 22.0)):
        exif = Image.Exif()
        exif[0x8825] = {1: "N", 2: (36.0, lat, 0.0), 3: "E", 4: (74.0, 52.14, 0.0)}
        image = photo("red", (32, 24), exif=exif)
        client.post(f"/observations/{identifier}/media", files={"file": (name, image)}, headers=own)
    log_in(client, database, "viewer")
    page = client.get(f"/observations/{identifier}", headers=PAGE).text
    assert page.count("away from the place") == 1
    assert re.search(r"there\.jpg</a>.*taken 3,\d{3} m away", page)


def test_an_event_is_entered_on_its_page(client: TestClient, database: Any) -> None:
    log_in(client, database, "reviewer")
    page = client.get("/events", headers=PAGE).text
    token = re.search(r'name="csrf" value="([^"]+)"', page[page.index('action="/events"') :])
    assert token
    told = {"kind": "rockfall", "name": "Lane blocked", "occurred_on": "2026-05-02", "fatalities": "1", "source": "NHA",
            "site": "KKH-LS-0001",
            "latitude": "", "longitude": "", "note": "", "injuries": "", "csrf": token[1]}  # fmt: skip
    assert client.post("/events", data=told).status_code == 303
    listed = client.get("/events?q=lane blocked").json()["features"]
    assert [(one["properties"]["fatalities"], one["geometry"] is not None) for one in listed] == [(1, True)]
    page = client.get(f"/events/{listed[0]['id']}", headers=PAGE).text
    assert "<dt>Dead</dt><dd>1</dd>" in page


def test_two_versions_side_by_side(client: TestClient, database: Any, key: Any) -> None:
    own = key("field", "own")
    identifier = send(client, own)
    client.put(f"/observations/{identifier}?revision=1", json=observation(id=identifier, note="second"), headers=own)
    client.put(f"/observations/{identifier}?revision=2", json=observation(id=identifier, note="third"), headers=own)
    log_in(client, database, "viewer")
    page = client.get(f"/observations/{identifier}?left=1&right=3&lang=zh", headers=PAGE).text
    compared = page[page.index('id="compared"') :]
    assert "fresh cracks" in compared
    assert "third" in compared
    assert "second" not in compared
    assert "平面滑动" in compared  # answers in the reader's language
    assert side_by_side({"note": "a", "kind": "x"}, {"note": "b", "kind": "x"}) == [
        ("kind", "x", "x", False),
        ("note", "a", "b", True),
    ]


def test_the_neighbourhood_of_a_site_becomes_its_evidence(client: TestClient, database: Any, key: Any) -> None:
    reviewer = key("reviewer")
    with connect.transaction(database.engine) as conn:
        change = changes.store_run(conn, run(), [found(74.868, 36.337)], []).new[0]
    attach = {"what": "change", "id": change}
    assert client.post(f"{SITE}/evidence", json=attach, headers=reviewer).status_code == 409  # nobody has confirmed it
    client.post(f"/changes/{change}/review", json={"verdict": "confirmed"}, headers=reviewer)
    log_in(client, database, "reviewer")
    assert f'name="id" value="{change}"' in client.get(SITE, headers=PAGE).text
    assert client.post(f"{SITE}/evidence", json=attach, headers=reviewer).status_code == 201
    assert client.post(f"{SITE}/evidence", json=attach, headers=reviewer).status_code == 201
    assert [one["id"] for one in client.get(SITE).json()["properties"]["changes"]] == [change]
    assert f'name="id" value="{change}"' not in client.get(SITE, headers=PAGE).text
