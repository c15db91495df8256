"""`make bench`: the same work by this project and by its peers, written to docs/benchmarks.md with versions, commands and machine.

    python -m benchmarks [NAME ...]

Each comparison is a script of its own, which prints Markdown; sizes here are such that all of them take about half an hour on two
cores. With names, those sections of the page are measured anew and the others stay as they are. One that fails says so on the page.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
LONGEST_S = 3600
PACKAGES = ("numpy", "scipy", "scikit-image", "rasterio", "sqlalchemy", "psycopg", "fastapi", "folium")


@dataclass(frozen=True)
class Comparison:
    """A script, the sizes it is run with here, and what it is compared with."""

    title: str
    peer: str
    arguments: tuple[str, ...] = ()


COMPARISONS = {
    "landslide_accuracy": Comparison("Landslides found", "rdNDVI and IR-MAD on the same scenes", ("--seeds", "4")),
    "landslide_speed": Comparison("Landslides, time and memory", "merely reading the same bands", ("--size", "2000")),
    "irmad_speed": Comparison("MAD, one pass", "Orfeo ToolBox, where it is installed", ("--size", "2000")),
    "settlement_accuracy": Comparison("Settlement found, dated and measured", "the simulated truth", ("--seeds", "5")),
    "settlement_speed": Comparison("Velocities of a million points", "MintPy's design by numpy's lstsq"),
    "glacier_accuracy": Comparison(
        "Glaciers and lakes measured", "the simulated truth; merely reading", ("--seeds", "3")
    ),
    "displacement_load": Comparison("Displacement series into the catalogue", "psql's \\copy of the same bytes"),
    "ogc_speed": Comparison("OGC API Features and Tiles", "tipg, and the bare SQL, on the same table"),
    "map_weight": Comparison("The corridor map on a slow phone", "plain Folium markers"),
    "field_import": Comparison("10,000 observations by import", "the same again, and all of them changed"),
    "field_phones": Comparison("200 phones at once", "nothing may be lost or doubled"),
    "risk_rating": Comparison("The whole corridor rated anew", "a tenth of the records", ("--sizes", "10000,100000")),
    "segment_page": Comparison("Pages of a stretch over a full catalogue", "300 ms", ("--size", "100000")),
    "alert_latency": Comparison("From a scene to a delivered alert", "each stage beside the others"),
    "alert_load": Comparison("Alerts over a full catalogue", "a quarter and four times the run"),
}


def main() -> int:
    """Return 0 where every comparison that was asked for was made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(COMPARISONS))
    names = parser.parse_args().names
    if unknown := sorted(set(names) - set(COMPARISONS)):
        parser.error(f"there is no comparison {', '.join(unknown)}; use {', '.join(COMPARISONS)}")
    sections = kept(PAGE.read_text(encoding="utf8")) if PAGE.is_file() else {}
    failed = 0
    for number, name in enumerate(names or COMPARISONS, 1):
        print(f"[{number}/{len(names or COMPARISONS)}] {name}", file=sys.stderr, flush=True)
        sections[name], well = section(name, COMPARISONS[name])
        failed += not well
        PAGE.write_text(page(sections), encoding="utf8")  # an interrupted run keeps what it has measured
    return 1 if failed else 0


def section(name: str, one: Comparison) -> tuple[str, bool]:
    """Return the section of a comparison after making it, and whether it went well."""
    command = ["python", f"benchmarks/{name}.py", *one.arguments]
    started = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, *command[1:]], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, timeout=LONGEST_S, check=False,
        )  # fmt: skip
        told, well = done.stdout, done.returncode == 0
    except subprocess.TimeoutExpired:
        told, well = f"not finished within {LONGEST_S} s", False
    minutes = (time.monotonic() - started) / 60
    body = told.strip() or "it printed nothing"
    if not well:
        body = f"**This run failed.**\n\n```\n{body[-2000:]}\n```"
    elif "|---" not in body.replace(" ", ""):  # aligned by spaces
        body = f"```\n{body}\n```"
    # headings of the script's own stand below ours
    body = re.sub(r"^(#+) ", lambda found: f"##{found[1]} ", body, flags=re.MULTILINE)
    when = f"{datetime.now(UTC):%Y-%m-%d}, version {version('kkh-hazard-watch')} {commit()}, {minutes:.1f} min, {machine()}"
    return f"## {one.title}\n\nBeside: {one.peer}. `{' '.join(command)}`\n\n{when}\n\n{body}\n", well


def kept(text: str) -> dict[str, str]:
    """Return the sections of a page by the name of their script."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    named = {found[1]: part for part in parts if (found := re.search(r"`python benchmarks/(\w+)\.py", part))}
    return {name: f"{part.rstrip()}\n" for name, part in named.items() if name in COMPARISONS}


def page(sections: dict[str, str]) -> str:
    """Return the page, its sections in the order of COMPARISONS."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    head = (
        "# Benchmarks\n\n"
        "This project beside its peers: the same work, on one machine, in one run. `make bench` measures all of it anew,\n"
        "`python -m benchmarks NAME` a part. What counts is the ratio; seconds are those of the machine that stands beside them.\n\n"
        f"Python {platform.python_version()}, {packages}.\n\n"
    )
    return head + "\n".join(sections[name] for name in COMPARISONS if name in sections)


def machine() -> str:
    """Return processor, cores and memory in a few words."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return f"{os.cpu_count()} cores ({cpu}), {memory / 2**20:.0f} GiB"


def commit() -> str:
    """Return the short name of the commit, with a plus where files differ from it; nothing outside a clone."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout.strip()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf8").splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
