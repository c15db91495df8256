"""Velocities of a million pixels beside MintPy's, the cost of gaps, and of the change bank; prints Markdown.

MintPy is not a dependency: give a Python that has it with --mintpy, else its design is fitted by numpy's lstsq, as it does itself. Run:
uv run --no-sync python benchmarks/settlement_speed.py --mintpy /path/to/venv/bin/python
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import h5py
import numpy as np

from detection.settlement.bank import bank, search
from detection.settlement.design import design, seasonal_for
from detection.settlement.fitting import fit

DATES = tuple(date(2019, 1, 5) + timedelta(days=12 * k) for k in range(150))
MM_PER_M = 1000.0
ATTRIBUTES = {
    "FILE_TYPE": "timeseries", "UNIT": "m", "X_FIRST": "500000", "Y_FIRST": "4020000", "X_STEP": "50", "Y_STEP": "-50",
    "X_UNIT": "meters", "EPSG": "32643", "REF_Y": "1", "REF_X": "2", "WAVELENGTH": "0.0554657", "REF_DATE": "20190105",
    "PROCESSOR": "isce", "DATA_TYPE": "float32",
}  # fmt: skip

OURS = """
import sys
import numpy as np
from pathlib import Path
from detection.settlement.design import design, seasonal_for
from detection.settlement.fitting import fit
from ingest.displacement.registry import open_displacement
source = open_displacement(Path(sys.argv[1]))
rows, cols = source.place.shape
G = design(source.times_yr, seasonal_for(source.times_yr))
velocity, std = np.empty((rows, cols), np.float32), np.empty((rows, cols), np.float32)
for start in range(0, rows, 50):
    part = source.read(start, min(start + 50, rows))
    found = fit(G, part.reshape(len(part), -1))
    velocity[start:start + 50] = found.velocity.reshape(-1, cols)
    std[start:start + 50] = found.velocity_std.reshape(-1, cols)
np.save(sys.argv[2], velocity / 1000)
"""
LSTSQ = """
import sys, h5py
import numpy as np
from datetime import date
with h5py.File(sys.argv[1]) as file:
    y = file["timeseries"][:]
    days = [date(int(d[:4]), int(d[4:6]), int(d[6:])) for d in file["date"][:].astype(str)]
t = np.array([d.year + (d.timetuple().tm_yday - 1) / 365.25 for d in days])
t -= t[0]
G = np.column_stack([np.ones_like(t), t, *(f(2 * np.pi * k * t) for k in (1, 2) for f in (np.sin, np.cos))]).astype(np.float32)
shape = y.shape
y = y.reshape(len(t), -1)
m, e2 = np.linalg.lstsq(G, y, rcond=None)[:2]
std = np.sqrt(np.linalg.inv(G.T @ G)[1, 1] * e2 / (len(t) - 6))
np.save(sys.argv[2], m[1].reshape(shape[1:]))
"""


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    wall_s: float
    cpu_s: float
    gigabytes: float

    def __str__(self) -> str:
        """Return a table cell."""
        return f"{self.wall_s:.1f} s wall, {self.cpu_s:.1f} s CPU, {self.gigabytes:.2f} GB"


def run(command: list[str], folder: Path) -> Cost:
    """Return what a command took; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{command[:3]} ended with {process.returncode}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6)


def write(path: Path, side: int, gaps: float) -> None:
    """Write a MintPy file of noise on slow bowls, side x side pixels."""
    rng = np.random.default_rng(1)
    rate = rng.uniform(-60, 10, (side, side)).astype(np.float32)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("timeseries", (len(DATES), side, side), np.float32)
        for k, day in enumerate(DATES):
            layer = rate * ((day - DATES[0]).days / 365.25) + rng.standard_normal((side, side), dtype=np.float32) * 3
            if gaps:
                layer[rng.random((side, side), dtype=np.float32) < gaps] = np.nan
            data[k] = layer / MM_PER_M
        file["date"] = np.array([day.strftime("%Y%m%d").encode() for day in DATES])
        file["bperp"] = np.zeros(len(DATES), np.float32)
        for name, value in {**ATTRIBUTES, "LENGTH": str(side), "WIDTH": str(side)}.items():
            file.attrs[name] = value


def peer(python: str | None, folder: Path) -> tuple[str, Cost, np.ndarray]:
    """Return name, cost and velocity (m/yr) of the peer."""
    if python is None:
        cost = run([sys.executable, "-c", LSTSQ, "whole.h5", "peer.npy"], folder)
        return "numpy lstsq, MintPy's design", cost, np.load(folder / "peer.npy")
    code = "from mintpy.cli.timeseries2velocity import main; main('whole.h5 --periodic 1.0 0.5 -o peer.h5'.split())"
    cost = run([python, "-c", code], folder)
    with h5py.File(folder / "peer.h5") as file:
        return "MintPy timeseries2velocity", cost, file["velocity"][:]


def bank_seconds() -> tuple[float, float]:
    """Return microseconds a series of the change bank and of the fit, in this process."""
    times = np.array([(day - DATES[0]).days for day in DATES]) / 365.25
    G = design(times, seasonal_for(times))
    changes = bank(times, G)
    assert changes is not None
    y = np.random.default_rng(2).standard_normal((150, 200_000), dtype=np.float32)
    fit(G, y[:, :1000])
    spans = []
    for work in (lambda: search(changes, y), lambda: fit(G, y)):
        best = np.inf
        for _ in range(3):
            started = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - started)
        spans.append(best / y.shape[1] * 1e6)
    return spans[0], spans[1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mintpy", help="a Python that has MintPy")
    parser.add_argument("--side", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="settlement-speed-") as name:
        folder = Path(name)
        write(folder / "whole.h5", given.side, 0.0)
        write(folder / "gappy.h5", given.side, 0.05)
        whole = run([sys.executable, "-c", OURS, "whole.h5", "ours.npy"], folder)
        label, other, theirs = peer(given.mintpy, folder)
        gappy = run([sys.executable, "-c", OURS, "gappy.h5", "gappy.npy"], folder)
        difference = float(np.abs(np.load(folder / "ours.npy") - theirs).max())
    search_us, fit_us = bank_seconds()
    print(
        f"\n{given.side} x {given.side} pixels x {len(DATES)} dates, linear + annual + half-year\n\n| | |\n| --- | --- |"
    )
    print(f"| this project, complete | {whole} |\n| {label} | {other} |\n| this project, 5 % gaps | {gappy} |")
    print(f"| wall against peer (goal <= 0.25) | {whole.wall_s / other.wall_s:.2f} |")
    print(f"| CPU against peer | {whole.cpu_s / other.cpu_s:.2f} |")
    print(f"| largest difference of velocity, m/yr (goal <= 1e-6) | {difference:.1e} |")
    print(
        f"| gaps against complete, wall and CPU (goal <= 2) | {gappy.wall_s / whole.wall_s:.2f}, {gappy.cpu_s / whole.cpu_s:.2f} |"
    )
    print(f"| memory, GB (goal <= 0.7) | {whole.gigabytes:.2f} |")
    print(f"| change bank, us a series (goal <= 1.5) | {search_us:.2f} (the fit itself {fit_us:.2f}) |")


if __name__ == "__main__":
    main()
