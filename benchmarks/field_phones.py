"""200 phones at once: each sends a form with a photo, and sends it again; nothing may be lost or doubled. Prints latencies.

The server is a process of its own (one uvicorn worker), the phones are threads of this one. Run:
uv run --no-sync python benchmarks/field_phones.py [--phones 200] [--photo-kb 400]
"""

from __future__ import annotations

import argparse
import io
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
from field_catalogue import Bench, catalogue
from PIL import Image
from sqlalchemy import text

from api.openrosa import forms
from hazard_db import accounts, connect


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=200)
    parser.add_argument("--photo-kb", type=int, default=400)
    asked = parser.parse_args()
    version = forms.form("quick").version
    with catalogue() as bench, serving(bench) as address:
        with connect.transaction(bench.engine) as conn:
            keys = [accounts.create_phone_key(conn, f"phone {number}") for number in range(asked.phones)]
        image = photo(asked.photo_kb)
        jobs = [(key, filled(version), image + key.encode()) for key in keys]  # no two photos are the same
        with bench.spending() as spent, ThreadPoolExecutor(asked.phones) as pool:
            results = [one for both in pool.map(lambda job: send_twice(address, *job), jobs) for one in both]
        with connect.transaction(bench.engine) as conn:
            counts = conn.execute(text("SELECT (SELECT count(*) FROM observation), (SELECT count(*) FROM submission), "
                                       "(SELECT count(*) FROM media)")).one()  # fmt: skip
    statuses = sorted({status for status, _ in results})
    latency = sorted(seconds for _, seconds in results)
    at = [latency[min(len(latency) - 1, int(share * len(latency)))] for share in (0.5, 0.95, 0.99)]
    print(
        f"{asked.phones} phones, photo {len(image) / 1000:.0f} kB, each sent twice: {len(results)} POSTs, statuses {statuses}"
    )
    print(f"stored: {counts[0]} observations, {counts[1]} submissions, {counts[2]} photos")
    print(f"latency (s): median {at[0]:.2f}, 95 % {at[1]:.2f}, 99 % {at[2]:.2f}, longest {latency[-1]:.2f}")
    print(
        f"all in {spent[0].wall:.1f} s ({len(results) / spent[0].wall:.0f} POSTs/s); database CPU {spent[0].database_cpu:.1f} s"
    )
    assert statuses == [201]
    assert tuple(counts) == (asked.phones,) * 3


@contextmanager
def serving(bench: Bench) -> Iterator[str]:
    """Yield the address of `kkh serve`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from api.cli import main; main()", "serve", "--port", str(port)]
    environment = {**os.environ, "HAZARD_HOME": str(bench.settings.home)}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2).is_success:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def send_twice(address: str, key: str, xml: bytes, image: bytes) -> list[tuple[int, float]]:
    """Return status and seconds of both POSTs of a phone."""
    results = []
    with httpx.Client(timeout=120) as phone:
        for _ in range(2):
            files = {"xml_submission_file": ("s.xml", xml, "text/xml"), "a.jpg": ("a.jpg", image, "image/jpeg")}
            started = time.perf_counter()
            answer = phone.post(f"{address}/openrosa/t/{key}/submission", files=files)
            results.append((answer.status_code, time.perf_counter() - started))
    return results


def filled(version: str) -> bytes:
    """Return a filled quick report."""
    return (
        f'<?xml version="1.0"?><data xmlns:orx="http://openrosa.org/xforms" id="kkh_quick" version="{version}">'
        "<start>2026-05-01T14:29:00.000+05:00</start><position>36.3372 74.8690 2400 4.5</position>"
        "<observed_at>2026-05-01T14:30:00.000+05:00</observed_at><kind>rockfall</kind><road_state>open</road_state><photo>a.jpg</photo>"
        f"<orx:meta><orx:instanceID>uuid:{uuid.uuid4()}</orx:instanceID></orx:meta></data>"
    ).encode()


def photo(kilobytes: int) -> bytes:
    """Return a JPEG of about that size."""
    out = io.BytesIO()
    side = max(16, int((kilobytes * 1000 / 0.9) ** 0.5))
    Image.effect_noise((side, side), 80).convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()


if __name__ == "__main__":
    main()
