"""From a scene in a watched folder to a delivered alert: how long each stage takes. Simulated scenes, a mail server and a receiver here.

uv run --no-sync python benchmarks/alert_latency.py [--pixels 400]
"""

from __future__ import annotations

import argparse
import os
import socket
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from field_catalogue import catalogue
from sqlalchemy import text

from alerts.deliver import deliver_due
from alerts.run import open_feed
from alerts.settings import AlertSettings
from api import demo_data
from api.opening import Catalogue
from api.watching import watch_folder
from hazard_db import alerts, connect


class Taken(BaseHTTPRequestHandler):
    """Takes whatever is posted."""

    def do_POST(self) -> None:  # noqa: D102
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...  # noqa: D102


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pixels", type=int, default=400)
    demo_data.PIXELS = (parser.parse_args().pixels,) * 2
    mail = Controller(Sink(), hostname="127.0.0.1", port=free_port())
    mail.start()
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Taken)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    try:
        with catalogue() as bench:
            measure(bench, mail.port, hook.server_address[1])
    finally:
        mail.stop()
        hook.shutdown()


def measure(bench: Any, mail_port: int, hook_port: int) -> None:
    home = bench.settings.home.absolute()
    settings = AlertSettings(
        home=home,
        smtp_host="127.0.0.1",
        smtp_port=mail_port,
        smtp_security="none",
        webhook_allowed_networks="127.0.0.0/8",
    )
    with connect.transaction(bench.engine) as conn:
        files = demo_data.make_files(conn, home / "simulated", datetime.now(UTC))
        alerts.add_subscription(conn, alerts.Subscription("mail", "email", "duty@kkh.example", scope="Restricted"))
        address = f"http://127.0.0.1:{hook_port}/"
        alerts.add_subscription(conn, alerts.Subscription("hook", "webhook", address, scope="Restricted"))
    os.environ["HAZARD_DEM"] = str(files.dem)
    folder = home / "incoming"
    folder.mkdir()
    watched = Catalogue(bench.settings, bench.engine)
    *before, first, _ = files.scenes
    for scene in before:
        (folder / scene.name).hardlink_to(scene)
    watch_folder(watched, folder, once=True, interval_s=1, settle_s=0)
    dropped, cpu = time.time(), time.process_time()
    (folder / first.name).hardlink_to(first)
    watch_folder(watched, folder, once=True, interval_s=1, settle_s=0)
    report = deliver_due(bench.engine, settings)
    cpu = time.process_time() - cpu
    with connect.transaction(bench.engine) as conn:
        at = conn.execute(text(STAGES), {"scene": first.stem}).one()
        (number, *_), began = [one.id for one in alerts.list_alerts(conn)], time.time()
        alerts.approve(conn, number, "benchmark")
        feed = open_feed(conn, settings=settings)
    assert b"<entry>" in feed
    assert report.waiting == report.failed == 0
    print(
        f"scene {demo_data.PIXELS[0]} x {demo_data.PIXELS[1]} pixels, {report.delivered} messages delivered; seconds:"
    )
    ends = [("taken into the catalogue", at.stored), ("looking began", at.began), ("changes found", at.found),
            ("alert raised", at.raised), ("first delivery", at.first), ("last delivery", at.last)]  # fmt: skip
    last = dropped
    for name, moment in ends:
        print(f"  {name:26s} +{moment.timestamp() - last:7.2f}  = {moment.timestamp() - dropped:7.2f}")
        last = moment.timestamp()
    print(f"  approved, in the feed        {time.time() - began:6.2f}")
    print(
        f"CPU of this process {cpu:.1f} s. With --settle 5 and --interval 60 of `kkh watch` a scene waits 5-65 s before."
    )


STAGES = """SELECT (SELECT max(at) FROM audit_log WHERE table_name = 'scene') AS stored,
    (SELECT min(started_at) FROM detection_run WHERE kind = 'landslide' AND CAST(inputs AS text) LIKE '%' || :scene || '%') AS began,
    (SELECT min(finished_at) FROM detection_run WHERE kind = 'landslide' AND CAST(inputs AS text) LIKE '%' || :scene || '%') AS found,
    (SELECT min(sent_at) FROM alert_event) AS raised, (SELECT min(delivered_at) FROM delivery) AS first,
    (SELECT max(delivered_at) FROM delivery) AS last"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    main()
