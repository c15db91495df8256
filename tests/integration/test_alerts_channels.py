"""What each channel sends, when, and what becomes of it."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from lxml import etree
from sqlalchemy import text

from alerts.cap import check, parse
from alerts.channels.webhook import signature
from alerts.deliver import deliver_due, send_test, subscribe
from alerts.run import process_run
from alerts.settings import AlertSettings
from hazard_db import alerts, changes, connect, corridor
from hazard_db.errors import InputError, NotFoundError
from tests.api_client import TestClient
from tests.integration.test_alerts_delivery import (
    NOW,
    SECRET,
    Receiver,
    follow,
    make_due,
    raise_alerts,
    receiver,
    road,
    settings,
    status,
)  # fmt: skip

__all__ = ["receiver", "road", "settings"]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Mailbox:
    """Keeps what a mail server is handed."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's own name
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=0)
    server.port = _free_port()
    server.start()
    yield box, server.port
    server.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_mail_carries_the_picture_in_the_text_and_the_cap_document(
    road: Any, mailbox: tuple[Mailbox, int], settings: AlertSettings
) -> None:
    box, port = mailbox
    with_mail = settings.model_copy(update={"smtp_host": "127.0.0.1", "smtp_port": port})
    follow(road, with_mail, "duty", "email", "duty@kkh.example", language="zh")
    raise_alerts(road)
    (with_mail.home / "pictures").mkdir()
    (with_mail.home / "pictures/change-1.png").write_bytes(PNG)
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE change SET picture = 'pictures/change-1.png'"))
    assert deliver_due(road.app_engine, with_mail).delivered == 1
    (mail,) = box.mails
    parts = {part.get_content_type(): part for part in mail.walk()}
    assert parts["image/png"].get_content() == PNG
    name = parts["image/png"]["Content-ID"].strip("<>")
    assert f'src="cid:{name}"' in parts["text/html"].get_content()
    assert [part.get_content_type() for part in mail.iter_parts()] == ["multipart/alternative", "application/cap+xml"]
    assert check(parse(parts["application/cap+xml"].get_content())) == []


def test_alertmanager_gets_the_same_labels_again_and_the_end(
    road: Any, receiver: Receiver, settings: AlertSettings
) -> None:
    follow(road, settings, "ops", "alertmanager", receiver.url("").rstrip("/"))
    (alert,) = raise_alerts(road)
    with connect.transaction(road.engine) as conn:
        alerts.resolve(conn, alert, "bilal")
    assert deliver_due(road.app_engine, settings).delivered == 2
    assert {path for path, _, _ in receiver.got} == {"/api/v2/alerts"}
    first, last = (json.loads(body)[0] for _, _, body in sorted(receiver.got, key=lambda one: b"Cancel" in one[2]))
    assert first["labels"] == last["labels"]
    assert first["labels"]["alertname"] == "kkh_landslide"
    assert datetime.fromisoformat(first["endsAt"]) > datetime.now(UTC) + timedelta(days=1)
    assert datetime.fromisoformat(last["endsAt"]) <= datetime.now(UTC)
    assert set(first) == {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}


def test_apprise_and_sms_reach_an_allowed_host(road: Any, receiver: Receiver, settings: AlertSettings) -> None:
    address = receiver.url("ok").replace("http://", "json://")
    follow(road, settings, "many", "apprise", address)
    follow(road, settings, "phone", "sms", address, language="ur")
    (alert,) = raise_alerts(road)
    report = deliver_due(road.app_engine, settings)
    assert (report.delivered, report.errors) == (2, ())
    told = [json.loads(body) for _, _, body in receiver.got]
    short, full = sorted(told, key=lambda one: len(one["message"]))
    assert short["message"].endswith(f"https://kkh.example/alerts/{alert}")
    assert len(short["message"].encode("utf-16-be")) // 2 <= 70
    assert "Unreviewed" in full["title"]
    assert "verify before acting" in full["message"]
    outside = settings.model_copy(update={"webhook_allowed_networks": ()})
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE delivery SET status = 'waiting'"))
    make_due(road)
    assert deliver_due(road.app_engine, outside).delivered == 0, "the permission is asked at each sending"


def test_quiet_hours_put_off_all_but_the_extreme(road: Any, settings: AlertSettings) -> None:
    now = datetime.now(UTC)
    around = {
        "quiet_from": (now - timedelta(hours=1)).time(),
        "quiet_to": (now + timedelta(hours=1)).time(),
        "timezone": "UTC",
    }
    before = {
        "quiet_from": (now - timedelta(hours=3)).time(),
        "quiet_to": (now - timedelta(hours=1)).time(),
        "timezone": "UTC",
    }
    follow(road, settings, "asleep", "file", "asleep", **around)
    follow(road, settings, "awake", "file", "awake", **before)
    raise_alerts(road)
    assert deliver_due(road.app_engine, settings).delivered == 1
    with connect.transaction(road.engine) as conn:
        assert {one.subscription: one.status for one in alerts.deliveries(conn)} == {
            "asleep": "waiting",
            "awake": "delivered",
        }
        conn.execute(text("""UPDATE alert_event SET content = jsonb_set(content, '{severity}', '"Extreme"')"""))
    assert deliver_due(road.app_engine, settings).delivered == 1


@pytest.mark.parametrize(
    ("begin", "end", "hour", "quiet"),
    [("22:00", "06:00", 23, True), ("22:00", "06:00", 5, True), ("22:00", "06:00", 6, False), ("22:00", "06:00", 12, False),
     ("01:00", "03:00", 2, True), ("01:00", "03:00", 3, False), ("05:00", "05:00", 5, False)],
)  # fmt: skip
def test_quiet_is_by_the_receivers_own_clock(database: Any, begin: str, end: str, hour: int, quiet: bool) -> None:
    moment = datetime(2026, 7, 1, hour, 0, tzinfo=UTC) - timedelta(hours=5)  # Karachi is five hours ahead
    with connect.transaction(database.app_engine) as conn:
        asked = text("SELECT is_quiet(CAST(:a AS time), CAST(:b AS time), 'Asia/Karachi', :at)")
        assert conn.scalar(asked, {"a": begin, "b": end, "at": moment}) is quiet


def test_who_does_not_answer_is_passed_over_once(road: Any, settings: AlertSettings) -> None:
    for name, more in (
        ("director", {}),
        ("deputy", {"escalate_to": "director", "escalate_after_min": 30}),
        ("duty", {"escalate_to": "deputy", "escalate_after_min": 10}),
    ):
        follow(road, settings, name, "file", name, min_severity="Minor" if name == "duty" else "Extreme", **more)
    answered, open_one = raise_alerts(road, 2)
    with connect.transaction(road.engine) as conn:
        alerts.acknowledge(conn, answered, "bilal")

    def pass_on(minutes: int) -> list[str]:
        with connect.transaction(road.engine) as conn:
            conn.execute(text("UPDATE delivery SET queued_at = queued_at - make_interval(mins => :m)"), {"m": minutes})
        with connect.transaction(road.app_engine) as conn:
            new = alerts.pass_on(conn)
            return [one.subscription for one in alerts.deliveries(conn, alert_id=open_one) if one.id in new]

    assert pass_on(9) == []
    assert pass_on(2) == ["deputy"]
    assert pass_on(20) == []
    assert pass_on(11) == ["director"]
    assert pass_on(500) == []
    with connect.transaction(road.engine) as conn:
        assert {one.subscription for one in alerts.deliveries(conn, alert_id=answered)} == {"duty"}
        reasons = {one.subscription: one.reason for one in alerts.deliveries(conn, alert_id=open_one)}
    assert reasons == {"duty": "subscribed", "deputy": "escalated", "director": "escalated"}
    with pytest.raises(InputError, match="come back to itself"):
        follow(road, settings, "director", "file", "x", escalate_to="duty", escalate_after_min=5)
    with pytest.raises(NotFoundError, match="to pass on to"):
        follow(road, settings, "x", "file", "x", escalate_to="nobody", escalate_after_min=5)


def test_hazards_choose_and_bad_choices_are_refused(road: Any, settings: AlertSettings) -> None:
    follow(road, settings, "slides", "file", "slides", hazards=("landslide", "rockfall"))
    follow(road, settings, "floods", "file", "floods", hazards=("flood",))
    raise_alerts(road)
    with connect.transaction(road.engine) as conn:
        assert [one.subscription for one in alerts.deliveries(conn)] == ["slides"]
        assert alerts.get_subscription(conn, "slides").hazards == ("landslide", "rockfall")
    for more, words in (
        ({"timezone": "Mars/Base"}, "no time zone"), ({"quiet_from": datetime.now(UTC).time()}, "beginning and an end"),
        ({"escalate_after_min": 5}, "name to whom"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            follow(road, settings, "x", "file", "x", **more)


def test_dead_letters_are_listed_and_tried_again(road: Any, receiver: Receiver, settings: AlertSettings) -> None:
    follow(road, settings, "broken", "webhook", receiver.url("broken"))
    raise_alerts(road)
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE alert_event SET sent_at = now() - interval '4 days'"))
    assert deliver_due(road.app_engine, settings).failed == 1
    follow(road, settings, "broken", "webhook", receiver.url("ok"))
    with connect.transaction(road.app_engine) as conn:
        (dead,) = alerts.deliveries(conn, status="dead")
        assert alerts.try_again(conn, [dead.id]) == 1
    assert deliver_due(road.app_engine, settings).delivered == 1
    assert list(receiver.keys().values()) == [2]
    with connect.transaction(road.app_engine) as conn:
        assert alerts.deliveries(conn, status="dead") == []
        assert alerts.try_again(conn) == 0


def test_a_test_message_says_so_and_leaves_nothing_behind(
    road: Any, receiver: Receiver, settings: AlertSettings
) -> None:
    follow(road, settings, "ops", "webhook", receiver.url("ok"))
    with connect.transaction(road.engine) as conn:
        send_test(conn, "ops", settings)
    told = json.loads(receiver.got[0][2])
    assert told["status"] == "Test"
    assert told["headline"].startswith("TEST.")
    root = parse(told["cap"].encode())
    assert root.findtext("{*}status") == "Test"
    assert check(root) == []
    assert status(road) == {}


def test_cap_is_signed_where_a_key_is_set(road: Any, settings: AlertSettings, tmp_path: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from signxml.verifier import XMLVerifier

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "kkh.example")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    certificate = (
        made.not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "cert.pem").write_bytes(pem)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    signing = settings.model_copy(
        update={"cap_signing_key": tmp_path / "key.pem", "cap_signing_certificate": tmp_path / "cert.pem"}
    )
    follow(road, signing, "folder", "file", "inbox")
    raise_alerts(road)
    assert deliver_due(road.app_engine, signing).delivered == 1
    (file,) = (signing.folder / "inbox").iterdir()
    document = file.read_bytes()
    assert check(parse(document)) == [], "a signature has its place in the schema"
    verifier = XMLVerifier()
    assert verifier.verify(document, x509_cert=pem.decode(), require_x509=True).signed_xml is not None
    with pytest.raises(Exception, match=r"(?i)digest|mismatch|invalid"):
        verifier.verify(document.replace(b"Landslide", b"Rockfall!"), x509_cert=pem.decode())


def test_receivers_tell_what_became_of_a_message(
    client: TestClient, database: Any, key: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = AlertSettings(webhook_secret=SECRET)
    client.app.state.hazard.__dict__["alerts"] = shared
    with connect.transaction(database.engine) as conn:
        subscribe(conn, alerts.Subscription("ops", "file", "ops", scope="Restricted"), AlertSettings())
    raise_at(database, 650)
    with connect.transaction(database.app_engine) as conn:
        (claim,) = alerts.claim_deliveries(conn, 1)

    def tell(state: str, *, signed: bool = True, of: str = claim.key, at: int | None = None) -> int:
        body = json.dumps({"idempotency_key": of, "receipt": state, "note": "seen by Bilal"}).encode()
        headers = {"Content-Type": "application/json"}
        if signed:
            headers |= signature(body, shared, int(time.time()) if at is None else at)
        return int(client.post("/deliveries/receipts", content=body, headers=headers).status_code)

    assert tell("delivered", signed=False) == 401
    assert tell("delivered", at=int(time.time()) - 4000) == 401, "caught and sent again"
    assert tell("eaten") == 422
    assert tell("delivered", of="nothing-1") == 404
    assert tell("acknowledged") == 200
    assert tell("bounced") == 200
    (told,) = client.get("/deliveries", headers=key("reviewer")).json()
    assert (told["status"], told["receipt"], told["receipt_note"]) == ("delivered", "acknowledged", "seen by Bilal")
    assert client.get("/deliveries", headers=key("viewer", "v")).status_code == 403


def raise_at(database: Any, km: float) -> None:
    """Raise an alert of a change on the seed road."""
    with connect.transaction(database.engine) as conn:
        place = corridor.locate_km(conn, km)
        ring = [[place.lon + dx, place.lat + dy] for dx, dy in ((0, 0), (0.001, 0), (0.001, 0.001), (0, 0))]
        change = changes.ChangeRecord(
            "landslide", {"type": "Polygon", "coordinates": [ring]}, 0.9, 6.0, 40_000.0, 4_000.0, 31.0, 1.0,
            date(2026, 6, 1), date(2026, 6, 20),
        )  # fmt: skip
        run = changes.RunRecord("landslide", "m", "1", {}, [], "sha", "t", NOW, NOW, 0.9, {}, None)
        assert process_run(conn, changes.store_run(conn, run, [change], []).run_id, "watch")


ATOM = "{http://www.w3.org/2005/Atom}"


def test_the_feed_keeps_the_rules_of_the_w3c_validator(road: Any, settings: AlertSettings) -> None:
    """The validator itself is no package: its rules for Atom feeds, errors and warnings, are spelled out here."""
    from alerts.run import open_feed

    with connect.transaction(road.engine) as conn:
        for alert in raise_alerts(road, 5):
            alerts.approve(conn, alert, "amina")
        alerts.resolve(conn, 2, "amina")
        feeds = {language: open_feed(conn, language=language, settings=settings) for language in ("en", "zh", "ur")}
    for language, document in feeds.items():
        root = etree.fromstring(document)
        assert root.tag == f"{ATOM}feed"
        assert document.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
        entries = root.findall(f"{ATOM}entry")
        assert len(entries) == 5
        assert root.find(f"{ATOM}author/{ATOM}name") is not None, "MissingElement: author"
        own = [link for link in root.findall(f"{ATOM}link") if link.get("rel") == "self"]
        assert [link.get("href") for link in own] == [root.findtext(f"{ATOM}id")], (
            "MissingSelf, SelfDoesntMatchLocation"
        )
        assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == language
        newest = _rfc3339(root.findtext(f"{ATOM}updated"))
        ids, updates = set(), set()
        for element in [root, *entries]:
            for name in ("id", "title", "updated"):
                assert len(element.findall(f"{ATOM}{name}")) == 1, f"{name}: missing, or there twice"
                assert (element.findtext(f"{ATOM}{name}") or "").strip(), f"NotBlank: {name}"
            assert (element.findtext(f"{ATOM}id") or "").startswith(("https://", "urn:uuid:")), "InvalidFullLink"
        for entry in entries:
            ids.add(entry.findtext(f"{ATOM}id"))
            updates.add(entry.findtext(f"{ATOM}updated"))
            assert _rfc3339(entry.findtext(f"{ATOM}updated")) <= newest
            assert _rfc3339(entry.findtext(f"{ATOM}published")) <= _rfc3339(entry.findtext(f"{ATOM}updated"))
            links = entry.findall(f"{ATOM}link")
            kinds = [(one.get("rel"), one.get("type"), one.get("hreflang")) for one in links]
            assert len(set(kinds)) == len(kinds), "DuplicateAtomLink"
            assert any(one[0] == "alternate" for one in kinds), "MissingAlternateLink, as there is no content"
            assert all((one.get("href") or "").startswith("https://kkh.example/") for one in links), "ContainsRelRef"
            assert "<" not in (entry.findtext(f"{ATOM}title") or ""), "ContainsHTML"
            assert entry.findtext(f"{ATOM}summary")
        assert len(ids) == 5, "DuplicateIds"
        assert len(updates) == 5, "DuplicateUpdated"


def _rfc3339(value: str | None) -> datetime:
    import re

    assert value is not None
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", value), value
    return datetime.fromisoformat(value)
