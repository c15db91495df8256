"""Feeds by HTTP: only what is new, only where a request may go, and silence is known."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hazard_db import connect, seed
from hazard_db.errors import InputError, UnreachableError
from hazard_db.triggers import quakes, sources
from ingest.triggers.polling import poll
from tests.api_client import TestClient

LOCAL = (ip_network("127.0.0.0/8"),)


def quake(number: str, mag: float) -> dict[str, Any]:
    properties = {"mag": mag, "time": 1700000000000, "updated": 1700000100000}
    return {"id": number, "properties": properties, "geometry": {"type": "Point", "coordinates": [74.8, 36.3, 12.0]}}


class Feed(ThreadingHTTPServer):
    """A feed that knows its version."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.version, self.body, self.status = 1, b"", 200
        self.asked: list[dict[str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/all_day.geojson"

    def show(self, *features: dict[str, Any]) -> None:
        self.version += 1
        self.body = json.dumps({"features": features}).encode()


class Answer(BaseHTTPRequestHandler):
    server: Feed

    def do_GET(self) -> None:
        self.server.asked.append({name.lower(): value for name, value in self.headers.items()})
        tag = f'"v{self.server.version}"'
        status = 304 if self.headers.get("If-None-Match") == tag else self.server.status
        body = gzip.compress(self.server.body) if status == 200 else b""
        self.send_response(status)
        self.send_header("ETag", tag)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Encoding", "gzip" if body else "identity")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def feed() -> Iterator[Feed]:
    server = Feed()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def road(database: Any) -> Any:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    return database


def ask(road: Any, feed: Feed, networks: Any = LOCAL) -> Any:
    return poll(road.app_engine, feed.url, networks=networks, silent_after_s=600, actor="test", timeout_s=5)


def test_only_what_is_new_is_taken(road: Any, feed: Feed) -> None:
    feed.show(quake("us1", 6.0))
    assert ask(road, feed).new == 1
    assert ask(road, feed) is None
    assert feed.asked[-1]["if-none-match"] == f'"v{feed.version}"'
    feed.show(quake("us1", 6.0), quake("us2", 5.5))
    assert ask(road, feed).new == 1
    with connect.transaction(road.app_engine) as conn:
        assert [one.source_id for one in quakes.list_quakes(conn)] == ["us2", "us1"]


def test_what_could_not_be_taken_is_asked_for_again(road: Any, feed: Feed) -> None:
    feed.show(quake("us1", 6.0))
    whole, feed.body = feed.body, feed.body[:40]
    with pytest.raises(InputError, match="is no JSON"):
        ask(road, feed)
    with connect.transaction(road.app_engine) as conn:
        (state,) = sources.states(conn)
        assert state.heard_at is None
        assert "is no JSON" in (state.error or "")
    feed.body = whole
    assert ask(road, feed).new == 1
    feed.status = 503
    feed.version += 1
    with pytest.raises(UnreachableError, match="answered 503"):
        ask(road, feed)
    feed.status = 302
    with pytest.raises(UnreachableError, match="answered 302"):
        ask(road, feed)
    assert len(feed.asked) == 4, "nothing is followed elsewhere"


def test_a_feed_must_not_lie_where_only_this_machine_can_reach(road: Any, feed: Feed) -> None:
    with pytest.raises(UnreachableError, match="not a public address"):
        ask(road, feed, ())
    for address in ("file:///etc/passwd", "http://user:secret@127.0.0.1/"):
        with pytest.raises(InputError):
            poll(road.app_engine, address, networks=LOCAL, silent_after_s=600, actor="test")
    assert feed.asked == []


def test_silence_is_told_to_those_who_keep_watch(client: TestClient, database: Any) -> None:
    with connect.transaction(database.app_engine) as conn:
        sources.heard(conn, "imerg", "feed", silent_after_s=3600)
    assert "silent_sources" not in client.get("/readyz").json()
    assert 'kkh_source_silent{kind="feed",source="imerg"} 0.0' in client.get("/metrics").text
    with connect.transaction(database.engine) as conn:
        conn.execute(text("UPDATE source SET answered_at = now() - interval '2 hours'"))
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["silent_sources"], ready.json()["workers"]) == (200, ["imerg"], 0)
    metrics = client.get("/metrics").text
    assert 'kkh_source_silent{kind="feed",source="imerg"} 1.0' in metrics
    assert "kkh_workers 0.0" in metrics


def test_the_command_watches_a_feed(road: Any, feed: Feed, tmp_path: Path) -> None:
    feed.show(quake("us1", 6.0))
    environment = {
        **os.environ, "HAZARD_HOME": str(tmp_path), "HAZARD_DATABASE_URL": road.app_url, "HAZARD_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }  # fmt: skip
    command = [sys.executable, "-m", "api.cli", "watch", feed.url, "--once"]
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert "1 records, 1 new, 1 at the road" in done.stderr.decode()
