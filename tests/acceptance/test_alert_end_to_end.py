"""A scene dropped into a watched folder becomes one notification by mail, webhook and feed, however often it comes."""

from __future__ import annotations

import email
import email.policy
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from lxml import etree
from sqlalchemy import text

from alerts.cap import check, parse
from alerts.deliver import deliver_due
from alerts.settings import AlertSettings
from api import demo_data
from api.app import create_app
from api.demo_data import make_files
from api.opening import Catalogue
from api.watching import watch_folder
from hazard_db import accounts, alerts, connect, seed
from tests.api_client import TestClient
from tests.integration.test_alerts_channels import Mailbox, _free_port
from tests.integration.test_alerts_delivery import SECRET, Receiver, receiver
from tests.phones import settings_of

__all__ = ["receiver"]

COPIES = 100
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def mail() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=_free_port())
    server.start()
    yield box, server.port
    server.stop()


class Watch:
    """A watched folder, its catalogue, and who is told."""

    def __init__(self, database: Any, home: Path, settings: AlertSettings) -> None:
        self.database, self.settings, self.folder = database, settings, home / "incoming"
        self.folder.mkdir()
        self.catalogue = Catalogue(settings_of(database, home).database, database.app_engine)

    def drop(self, scene: Path, name: str = "") -> None:
        (self.folder / (name or scene.name)).hardlink_to(scene)

    def look(self) -> None:
        watch_folder(self.catalogue, self.folder, once=True, interval_s=1, settle_s=0)
        deliver_due(self.database.app_engine, self.settings)

    def sent(self) -> Counter[str]:
        with connect.transaction(self.database.engine) as conn:
            assert conn.scalars(text("SELECT last_error FROM delivery WHERE status <> 'delivered'")).all() == []
            return Counter(one.channel for one in alerts.deliveries(conn))


def test_one_notification_from_a_scene_in_a_folder(
    database: Any, tmp_path: Path, receiver: Receiver, mail: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, port = mail
    settings = AlertSettings(
        home=tmp_path, smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", webhook_secret=SECRET,
        webhook_allowed_networks="127.0.0.0/8", base_url="http://testserver", smtp_from="KKH <alerts@kkh.example>",
    )  # fmt: skip
    monkeypatch.setattr(demo_data, "PIXELS", (160, 160))
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        files = make_files(conn, tmp_path / "simulated", datetime.now(UTC))
        alerts.add_subscription(
            conn, alerts.Subscription("duty", "email", "duty@kkh.example", "ur", scope="Restricted")
        )
        alerts.add_subscription(conn, alerts.Subscription("room", "webhook", receiver.url("ok"), scope="Restricted"))
        key = {"X-API-Key": accounts.create_key(conn, "reviewer", "reviewer")}
    monkeypatch.setenv("HAZARD_DEM", str(files.dem))
    watch = Watch(database, tmp_path, settings)
    before, (first, last) = files.scenes[:-2], files.scenes[-2:]
    for scene in before:
        watch.drop(scene)
    watch.look()
    assert watch.sent() == {}, "nothing has moved yet"
    watch.drop(first)
    watch.look()
    told = watch.sent()
    assert told["email"] == told["webhook"] == len(box.mails) == len(receiver.got) > 0
    bodies = [json.loads(body) for _, _, body in receiver.got]
    assert len({one["alert"]["id"] for one in bodies}) == len(bodies), "one message an alert"
    assert {one["msg_type"] for one in bodies} == {"Alert"}
    assert check(parse(bodies[0]["cap"].encode())) == []
    assert all("image/png" in {part.get_content_type() for part in one.walk()} for one in box.mails)
    assert isinstance(box.mails[0], email.message.EmailMessage)

    # sent again, the watch and the worker started anew, and the same scene a hundred times under other names
    os.utime(first)
    for number in range(COPIES):
        watch.drop(first, f"copy_{number:03d}_{first.name}")
    watch.look()
    assert watch.sent() == told
    assert set(receiver.keys().values()) == {1}

    # a person makes one public: the feed has it, and an Update refers to the Alert
    number = bodies[0]["alert"]["id"]
    with TestClient(create_app(settings_of(database, tmp_path))) as client:
        assert etree.fromstring(client.get("/alerts/feed.atom").content).findall(f"{ATOM}entry") == []
        assert client.post(f"/alerts/{number}/approve", json={}, headers=key).status_code == 200
        (entry,) = etree.fromstring(client.get("/alerts/feed.atom").content).findall(f"{ATOM}entry")
        document = parse(client.get(f"/alerts/{number}/cap").content)
    assert entry.findtext(f"{ATOM}id") == f"urn:uuid:{bodies[0]['alert']['identifier']}"
    assert document.findtext("{*}msgType") == "Update"
    assert bodies[0]["identifier"] in (document.findtext("{*}references") or "")
    deliver_due(database.app_engine, settings)
    assert len(receiver.got) == len(bodies) + 1

    # another date that shows the same is not another alert
    watch.drop(last)
    watch.look()
    with connect.transaction(database.engine) as conn:
        listed = alerts.list_alerts(conn)
        facts = alerts.change_facts(conn, [row.id for row in conn.execute(text("SELECT id FROM change"))])
    assert len(listed) == len(bodies)
    assert None not in [one.measure("height_above_road_m") for one in facts], "rules may ask how high above the road"
    kinds = Counter(json.loads(body)["msg_type"] for _, _, body in receiver.got)
    assert kinds["Alert"] == len(bodies)
