from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from alerts.cap import check, parse
from alerts.channels import CHANNELS
from alerts.deliver import deliver_due, subscribe
from alerts.outgoing import Channel, Outgoing
from alerts.run import process_run
from alerts.settings import AlertSettings
from hazard_db import alerts, changes, connect
from hazard_db.errors import DeliveryError, InputError

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SECRET = "a secret of some length"
ROAD = [(74.80, 36.33), (74.90, 36.34), (75.00, 36.36)]


class Receiver(ThreadingHTTPServer):
    """A receiver that keeps what it got and misbehaves by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.on_request: Any = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"

    def keys(self) -> Counter[str]:
        return Counter(headers["idempotency-key"] for _, headers, _ in self.got)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


class Answer(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        if self.server.on_request:
            self.server.on_request()
        if self.path == "/drip":
            for _ in range(100):
                self.wfile.write(b"H")
                self.wfile.flush()
                time.sleep(0.1)
        status = {"/ok": 204, "/api/v2/alerts": 200, "/moved": 302, "/broken": 500}[self.path]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/ok")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> AlertSettings:
    return AlertSettings(
        home=tmp_path, webhook_secret=SECRET, webhook_timeout_s=1.5, webhook_allowed_networks="127.0.0.0/8",
        base_url="https://kkh.example", smtp_security="none", smtp_from="KKH <alerts@kkh.example>",
    )  # fmt: skip


@pytest.fixture
def road(database: Any) -> Any:
    """A short road: delivery does not care how long it is."""
    with connect.transaction(database.engine) as conn:
        pairs = ", ".join(f"{lon} {lat} {km}" for km, (lon, lat) in zip((650, 659, 668), ROAD, strict=True))
        conn.execute(
            text("""INSERT INTO alignment (name, version, valid_from, source, km_from, km_to, geom)
                    VALUES ('road', 'v1', '2020-01-01', 'test', 650, 668, ST_GeomFromText(:line, 4326))"""),
            {"line": f"LINESTRING M ({pairs})"},
        )
        for km, (one, other) in enumerate(pairwise(ROAD)):
            conn.execute(
                text("""INSERT INTO alignment_part (alignment_id, km_from, km_to, geom)
                        SELECT id, :low, :high, ST_Transform(ST_GeomFromText(:line, 4326), 32643) FROM alignment"""),
                {
                    "low": 650 + 9 * km,
                    "high": 659 + 9 * km,
                    "line": f"LINESTRING ({one[0]} {one[1]}, {other[0]} {other[1]})",
                },
            )
    return database


def raise_alerts(road: Any, number: int = 1) -> list[int]:
    """Return the alerts raised by changes far enough apart to be one each."""
    listed = []
    for step in range(number):
        lon = 74.802 + 0.008 * step
        lat = 36.33 + 0.1 * (lon - 74.80)
        ring = [[lon, lat], [lon + 0.001, lat], [lon + 0.001, lat + 0.001], [lon, lat]]
        listed.append(
            changes.ChangeRecord(
                "landslide", {"type": "Polygon", "coordinates": [ring]}, 0.8, 6.0, 40_000.0, 4_000.0, 31.0, 1.0,
                date(2026, 6, 1), date(2026, 6, 20),
            )
        )  # fmt: skip
    told = []
    for first in range(0, number, 10):  # more from one look would be told as one
        run = changes.RunRecord("landslide", "m", "1", {}, [], os.urandom(4).hex(), "t", NOW, NOW, 0.9, {}, None)
        with connect.transaction(road.engine) as conn:
            told += process_run(conn, changes.store_run(conn, run, listed[first : first + 10], []).run_id, "watch")
    return [one.id for one in told]


def follow(road: Any, settings: AlertSettings, name: str, channel: str, address: str, **more: Any) -> None:
    wanted = alerts.Subscription(name, channel, address, scope="Restricted", **more)
    with connect.transaction(road.engine) as conn:
        subscribe(conn, wanted, settings)


def make_due(road: Any) -> None:
    """Let the time pass that leases and retries wait for."""
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE delivery SET next_try_at = now() - interval '1 second' WHERE status = 'waiting'"))


def status(road: Any) -> Counter[str]:
    with connect.transaction(road.engine) as conn:
        return Counter(one.status for one in alerts.deliveries(conn))


def test_webhook_is_signed_and_carries_cap(road: Any, receiver: Receiver, settings: AlertSettings) -> None:
    follow(road, settings, "ops", "webhook", receiver.url("ok"), language="zh")
    (alert,) = raise_alerts(road)
    assert deliver_due(road.app_engine, settings).delivered == 1
    assert deliver_due(road.app_engine, settings).delivered == 0
    ((_, headers, body),) = receiver.got
    fields = dict(part.split("=", 1) for part in headers["x-hazard-signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(fields["v1"], expected)
    told = json.loads(body)
    assert told["alert"]["id"] == alert
    assert told["headline"].startswith("未审核。")
    assert told["links"]["cap"] == f"https://kkh.example/alerts/{alert}/cap"
    assert told["idempotency_key"] == headers["idempotency-key"]
    assert check(parse(told["cap"].encode())) == []


def test_no_redirect_no_drip_no_error_counts_as_delivered(
    road: Any, receiver: Receiver, settings: AlertSettings
) -> None:
    for path in ("moved", "broken", "drip"):
        follow(road, settings, path, "webhook", receiver.url(path))
    follow(road, settings, "fine", "webhook", receiver.url("ok"))
    raise_alerts(road)
    started = time.monotonic()
    report = deliver_due(road.app_engine, settings)
    assert time.monotonic() - started < 5, "a receiver that drips is cut off"
    assert (report.delivered, report.waiting, report.failed) == (1, 3, 0)
    reasons = " ".join(report.errors)
    assert "moved: 127.0.0.1 answered 302" in reasons
    assert "broken: 127.0.0.1 answered 500" in reasons
    assert "drip: 127.0.0.1: TimeoutError" in reasons
    assert [path for path, _, _ in receiver.got].count("/ok") == 1


def test_private_addresses_need_permission(road: Any, receiver: Receiver, settings: AlertSettings) -> None:
    follow(road, settings, "inside", "webhook", receiver.url("ok"))
    raise_alerts(road)
    report = deliver_due(road.app_engine, settings.model_copy(update={"webhook_allowed_networks": ()}))
    assert report.delivered == 0
    assert "not a public address" in report.errors[0]
    assert receiver.got == []


def test_one_dead_receiver_does_not_hold_up_others(road: Any, receiver: Receiver, settings: AlertSettings) -> None:
    follow(road, settings, "dead", "webhook", receiver.url("drip"))
    follow(road, settings, "alive", "webhook", receiver.url("ok"))
    raised = raise_alerts(road, 10)
    assert len(raised) == 10
    started = time.monotonic()
    report = deliver_due(road.app_engine, settings)
    assert time.monotonic() - started < 8
    assert report.delivered == 10
    assert [path for path, _, _ in receiver.got].count("/drip") <= 4, "after the first failures the rest is put off"
    assert status(road) == {"delivered": 10, "waiting": 10}


def test_retries_wait_longer_and_end(road: Any, receiver: Receiver, settings: AlertSettings) -> None:
    follow(road, settings, "broken", "webhook", receiver.url("broken"))
    raise_alerts(road)
    waits = []
    for _ in range(3):
        assert deliver_due(road.app_engine, settings).waiting == 1
        assert deliver_due(road.app_engine, settings).waiting == 0, "not before its time"
        with connect.transaction(road.engine) as conn:
            (one,) = alerts.deliveries(conn)
            waits.append((one.next_try_at - conn.execute(text("SELECT now()")).scalar_one()).total_seconds())
        make_due(road)
    assert 20 < waits[0] < waits[1] < waits[2] < 150
    assert len(receiver.keys()) == 1
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE alert_event SET sent_at = now() - interval '4 days'"))
    assert deliver_due(road.app_engine, settings).failed == 1
    with connect.transaction(road.engine) as conn:
        (dead,) = alerts.deliveries(conn, status="failed")
    assert dead.attempts == 4
    assert dead.last_error == "127.0.0.1 answered 500"
    make_due(road)
    assert deliver_due(road.app_engine, settings).failed == 0


def test_a_clock_that_ran_ahead_does_not_hold_messages_back(
    road: Any, receiver: Receiver, settings: AlertSettings
) -> None:
    follow(road, settings, "ops", "webhook", receiver.url("ok"))
    raise_alerts(road)
    with connect.transaction(road.engine) as conn:  # put off by an hour while the clock was two days ahead
        conn.execute(text("UPDATE delivery SET next_try_at = now() + interval '49 hours'"))
    assert deliver_due(road.app_engine, settings).delivered == 1
    assert deliver_due(road.app_engine, settings).delivered == 0


def test_a_worker_killed_while_sending_loses_nothing(
    road: Any, receiver: Receiver, settings: AlertSettings, tmp_path: Path
) -> None:
    follow(road, settings, "ops", "webhook", receiver.url("ok"))
    raise_alerts(road)
    worker: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def kill() -> None:
        started.wait(20)
        worker[0].send_signal(signal.SIGKILL)
        worker[0].wait(10)

    receiver.on_request = kill
    code = (
        "import sys; from alerts.deliver import deliver_due; from alerts.settings import AlertSettings; "
        "from hazard_db.connect import engine; deliver_due(engine(sys.argv[1]), AlertSettings())"
    )
    environment = {
        **os.environ, "HAZARD_HOME": str(tmp_path), "HAZARD_WEBHOOK_SECRET": SECRET, "HAZARD_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "HAZARD_WEBHOOK_TIMEOUT_S": "30",
    }  # fmt: skip
    worker.append(
        subprocess.Popen([sys.executable, "-c", code, road.app_url], env=environment, cwd=Path(__file__).parents[2])
    )
    started.set()
    assert worker[0].wait(60) == -signal.SIGKILL
    receiver.on_request = None
    assert status(road) == {"waiting": 1}
    assert deliver_due(road.app_engine, settings).delivered == 0, "it is the dead worker's until the lease ends"
    make_due(road)
    assert deliver_due(road.app_engine, settings).delivered == 1
    assert list(receiver.keys().values()) == [2], "sent twice, under one key"
    assert status(road) == {"delivered": 1}


def test_a_claim_that_is_rolled_back_or_forgotten_is_claimed_again(road: Any, settings: AlertSettings) -> None:
    follow(road, settings, "folder", "file", "inbox")
    raise_alerts(road)
    with pytest.raises(RuntimeError), connect.transaction(road.app_engine) as conn:
        assert len(alerts.claim_deliveries(conn, 10)) == 1
        raise RuntimeError("killed before the commit")
    with connect.transaction(road.app_engine) as conn:
        (stale,) = alerts.claim_deliveries(conn, 10)
        assert alerts.claim_deliveries(conn, 10) == []
    make_due(road)
    with connect.transaction(road.app_engine) as conn:
        (ours,) = alerts.claim_deliveries(conn, 10)
    assert ours.key == stale.key
    with connect.transaction(road.app_engine) as conn:
        assert alerts.mark_delivered(conn, stale) == "lost"
        assert alerts.mark_failed(conn, stale, "x", retry_in=timedelta(0), give_up_after=timedelta(0)) == "lost"
        assert alerts.mark_delivered(conn, ours) == "delivered"


def test_two_workers_send_each_message_once(road: Any, receiver: Receiver, settings: AlertSettings) -> None:
    for name in ("one", "two", "three"):
        follow(road, settings, name, "webhook", receiver.url("ok"))
    raise_alerts(road, 12)
    workers = [threading.Thread(target=deliver_due, args=(road.app_engine, settings)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    deliver_due(road.app_engine, settings)
    assert len(receiver.keys()) == 36
    assert set(receiver.keys().values()) == {1}
    assert status(road) == {"delivered": 36}


def test_a_cancel_never_overtakes_its_alert(road: Any, settings: AlertSettings) -> None:
    follow(road, settings, "ops", "file", "ops")
    (alert,) = raise_alerts(road)
    with connect.transaction(road.engine) as conn:
        alerts.acknowledge(conn, alert, "bilal")
        alerts.resolve(conn, alert, "bilal")
    sent: list[str] = []
    broken = [True]

    def send(_: str, outgoing: Outgoing, __: AlertSettings) -> None:
        if broken[0]:
            raise DeliveryError("out of order")
        sent.append(outgoing.message.msg_type)

    channels = {"file": Channel(lambda *_: None, send)}
    assert deliver_due(road.app_engine, settings, channels=channels).waiting == 1
    broken[0] = False
    assert deliver_due(road.app_engine, settings, channels=channels).delivered == 0
    make_due(road)
    assert deliver_due(road.app_engine, settings, channels=channels).delivered == 3
    assert sent == ["Alert", "Ack", "Cancel"]


def test_a_fault_in_one_channel_is_noted_and_the_others_go_on(road: Any, settings: AlertSettings) -> None:
    def fault(*_: Any) -> None:
        raise ZeroDivisionError("a programming error")

    follow(road, settings, "one", "webhook", "http://127.0.0.1:9/")
    follow(road, settings, "two", "file", "two")
    raise_alerts(road)
    report = deliver_due(
        road.app_engine, settings, channels={"webhook": Channel(fault, fault), "file": CHANNELS["file"]}
    )
    assert (report.delivered, report.waiting) == (1, 1)
    assert report.errors == ("one: webhook: unexpected ZeroDivisionError: a programming error",)
    make_due(road)
    assert "there is no channel 'webhook'" in deliver_due(road.app_engine, settings, channels={}).errors[0]


def test_files_are_whole_and_written_once(road: Any, settings: AlertSettings) -> None:
    follow(road, settings, "folder", "file", "inbox/duty")
    raise_alerts(road, 3)
    assert deliver_due(road.app_engine, settings).delivered == 3
    files = sorted((settings.folder / "inbox" / "duty").iterdir())
    assert len(files) == 3
    assert all(check(parse(path.read_bytes())) == [] for path in files)
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE delivery SET status = 'waiting'"))
    make_due(road)
    assert deliver_due(road.app_engine, settings).delivered == 3
    assert sorted((settings.folder / "inbox" / "duty").iterdir()) == files


def test_subscribing_is_checked(road: Any, settings: AlertSettings) -> None:
    inside = "http://10.0.0.1/hook"
    for channel, address in (
        ("pigeon", "x"), ("file", "../.."), ("webhook", "gopher://x"), ("webhook", inside), ("alertmanager", inside),
        ("webhook", "https://no-such-host.invalid/"), ("apprise", "nonsense://x"), ("apprise", "syslog://"), ("sms", "json://10.0.0.1/"),
    ):  # fmt: skip
        with pytest.raises(InputError), connect.transaction(road.engine) as conn:
            subscribe(conn, alerts.Subscription("x", channel, address), settings)


class MailSession(socketserver.StreamRequestHandler):
    """Just enough of SMTP to take a message."""

    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go\r\n")
                body = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    body += part.removeprefix(b".") if part.startswith(b"..") else part
                self.server.mails.append(body)
            if verb == b"RCPT" and b"nobody" in line:
                self.wfile.write(b"550 no such user\r\n")
                continue
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MailSession)
        self.mails: list[bytes] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.shutdown()
    server.server_close()


def test_mail_speaks_the_subscribers_language(road: Any, mail: MailServer, settings: AlertSettings) -> None:
    with_mail = settings.model_copy(update={"smtp_host": "127.0.0.1", "smtp_port": mail.server_address[1]})
    follow(road, with_mail, "duty", "email", "duty@kkh.example", language="ur")
    follow(road, with_mail, "gone", "email", "nobody@kkh.example")
    (alert,) = raise_alerts(road)
    report = deliver_due(road.app_engine, with_mail)
    assert (report.delivered, report.waiting) == (1, 1)
    assert "550" in report.errors[0]
    assert "\n" not in report.errors[0]
    message = email.message_from_bytes(mail.mails[0], policy=email.policy.default)
    assert message["To"] == "duty@kkh.example"
    assert message["Subject"].startswith("غیر تصدیق شدہ")
    parts = {part.get_content_type(): part for part in message.walk()}
    assert "کارروائی سے پہلے تصدیق کریں" in parts["text/plain"].get_content()
    assert 'lang="ur" dir="rtl"' in parts["text/html"].get_content()
    assert f"https://kkh.example/alerts/{alert}" in parts["text/plain"].get_content()
    assert check(parse(parts["application/cap+xml"].get_content())) == []
    with connect.transaction(road.engine) as conn:
        conn.execute(text("UPDATE delivery SET status = 'waiting'"))
    make_due(road)
    deliver_due(road.app_engine, with_mail)
    again = email.message_from_bytes(mail.mails[1], policy=email.policy.default)
    assert again["Message-ID"] == message["Message-ID"]


def test_mail_without_a_server_waits(road: Any, settings: AlertSettings) -> None:
    follow(road, settings, "duty", "email", "duty@kkh.example")
    raise_alerts(road)
    assert "HAZARD_SMTP_HOST is not set" in deliver_due(road.app_engine, settings).errors[0]
    unreachable = settings.model_copy(update={"smtp_host": "127.0.0.1", "smtp_port": 1})
    make_due(road)
    assert "ConnectionRefusedError" in deliver_due(road.app_engine, unreachable).errors[0]
