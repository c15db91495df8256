"""Whole collections as streams: how long a million features take in each format, and what they cost the server in memory.

The peak of the resident set is told above that before the download, of the server's process; first a small download of each format
loads what it needs. `PYTHONPATH=. python benchmarks/ogc_stream.py --rows 1000000`
"""

from __future__ import annotations

import argparse
import subprocess
import time
import urllib.request
from pathlib import Path

from benchmarks.ogc_speed import Cpu, catalogue, free_port, served

FORMATS = ("geojson", "geojsonseq", "csv", "fgb", "gpkg")
BLOCK = 1 << 20


def server_of(pid: int) -> int:
    """Return the process that answers: `kkh` itself, or the one it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid


def resident_mb(pid: int, name: str) -> float:
    """Return VmRSS or VmHWM of a process."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith(name))
    return int(line.split()[1]) / 1024


def downloaded(address: str) -> int:
    """Return how many bytes came."""
    size = 0
    with urllib.request.urlopen(address) as answer:
        while block := answer.read(BLOCK):
            size += len(block)
    return size


def main() -> None:
    """Measure and print a line a format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=FORMATS, choices=FORMATS)
    given = parser.parse_args()
    with catalogue(given.rows) as (kkh, env, _):
        port = free_port()
        with served([kkh, "serve", "--port", str(port)], port, "/healthz", env):
            pid = server_of(Cpu.roots[-1])
            address = f"http://127.0.0.1:{port}/ogc/collections/bench/download?f="
            for form in given.formats:
                downloaded(f"{address}{form}&filter=id<1000")
            for form in given.formats:
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
                before, begun, spent = resident_mb(pid, "VmRSS"), time.perf_counter(), Cpu.spent_s()
                size = downloaded(address + form)
                rise = resident_mb(pid, "VmHWM") - before
                seconds, cpu = time.perf_counter() - begun, Cpu.spent_s() - spent
                print(
                    f"{form:10} {size / 1e6:7.1f} MB in {seconds:6.1f} s, CPU {cpu:6.1f} s, memory {before:.0f} MB + {rise:.1f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.stderr) from error
