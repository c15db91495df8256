"""Files of triggers into the catalogue: each in one transaction, the same file again changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hazard_db.connect import Connection, Engine, transaction
from hazard_db.connect import actor as set_actor
from hazard_db.errors import InputError
from hazard_db.triggers import bulletins, quakes, rain
from hazard_db.triggers.quakes import Quake, Shaking
from ingest import files
from ingest.triggers.gdacs import read_bulletins
from ingest.triggers.intensity import ShakeGrid, estimate_along, sample
from ingest.triggers.quakes import read_quakes
from ingest.triggers.rain import read_rain

Then = Callable[[Connection, Sequence[int]], object]
"""What follows in the same transaction from what is new, such as alerts."""
USUAL_DEPTH_KM = 10.0
"""Taken where an agency tells none: shallow, so that shaking is not told too weak."""


@dataclass(frozen=True)
class TriggerReport:
    """What became of a file."""

    name: str
    status: str
    """stored, or unchanged where it told nothing new."""
    format: str
    records: int
    new: int
    """Told something that was not known."""
    rejected: int = 0
    at_road: int = 0
    """New ones that concern the road: rain cells, earthquakes that shook it, bulletins within 50 km."""
    ids: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


def ingest_rainfall(engine: Engine, path: Path, *, actor: str, then: Then | None = None) -> TriggerReport:
    """Return what became of a grid of satellite rain.

    Raises
    ------
    InputError
        It cannot be used, or there is no road yet.
    """
    with transaction(engine) as conn:
        cells = rain.cells(conn)
    if not len(cells):
        raise InputError("there is no road yet; load one with `kkh corridor load FILE`")
    grid = read_rain(path, cells)
    known = int(np.isfinite(grid.rain_mm).sum())
    with transaction(engine) as conn:
        set_actor(conn, actor)
        number = rain.store(conn, grid)
        if number is not None and then is not None:
            then(conn, [number])
    told = f"{grid.run} run {grid.version}, {grid.starts_at:%Y-%m-%d %H:%M} to {grid.ends_at:%Y-%m-%d %H:%M} UTC"
    most = f"at most {float(np.nanmax(grid.rain_mm)):.1f} mm in a cell at the road"
    return TriggerReport(
        path.name, "unchanged" if number is None else "stored", "imerg", known, 0 if number is None else known,
        at_road=known, ids=() if number is None else (number,), notes=(told, most),
    )  # fmt: skip


def ingest_earthquakes(engine: Engine, path: Path, *, actor: str, then: Then | None = None) -> TriggerReport:
    """Return what became of a file of earthquakes: where no ShakeMap tells it, how hard they shook the road is estimated.

    Raises
    ------
    InputError
        It cannot be used.
    """
    read = read_quakes(path)
    new, at_road = [], 0
    with transaction(engine) as conn:
        set_actor(conn, actor)
        segments, places = quakes.middles(conn)
        for quake in read.quakes:
            shaking = _shaking(quake, read.grid, segments, places) if len(segments) else None
            number, is_news = quakes.store(conn, quake, shaking)
            if is_news:
                new.append(number)
                at_road += shaking is not None and bool((shaking.mmi >= quakes.LEAST_MMI).any())
        if new and then is not None:
            then(conn, new)
    return TriggerReport(
        path.name, "stored" if new else "unchanged", read.format, len(read.quakes), len(new), len(read.rejected), at_road,
        tuple(new), read.rejected,
    )  # fmt: skip


def ingest_bulletins(engine: Engine, path: Path, *, actor: str, then: Then | None = None) -> TriggerReport:
    """Return what became of a feed of bulletins.

    Raises
    ------
    InputError
        It cannot be used.
    """
    read = read_bulletins(path)
    with transaction(engine) as conn:
        set_actor(conn, actor)
        new = bulletins.store(conn, read.bulletins)
        near = bulletins.list_bulletins(conn, ids=new)
        if new and then is not None:
            then(conn, new)
    return TriggerReport(
        path.name, "stored" if new else "unchanged", "gdacs", len(read.bulletins), len(new), len(read.rejected), len(near),
        tuple(new), read.rejected,
    )  # fmt: skip


def kind_of(path: Path) -> str:
    """Return which of the three a file is by its beginning: rainfall, earthquakes or bulletins."""
    files.facts(path)
    head = files.head(path)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return "earthquakes"
    if start.startswith(b"<"):
        return "bulletins" if b"<rss" in head[:4096] else "earthquakes"
    return "rainfall"


def _shaking(
    quake: Quake, grid: ShakeGrid | None, segments: npt.NDArray[np.int64], places: npt.NDArray[np.float64]
) -> Shaking | None:
    """Return how hard the segments were shaken; None where the earthquake's size is not known."""
    if grid is not None:
        mmi = sample(grid.mmi, grid, places)
        pga, pgv = (None if one is None else sample(one, grid, places) for one in (grid.pga_pct_g, grid.pgv_cm_s))
        return Shaking(segments, np.nan_to_num(mmi, nan=0.0), "shakemap", pga, pgv)
    if quake.magnitude is None or quake.status == "deleted":
        return None
    depth = USUAL_DEPTH_KM if quake.depth_km is None else quake.depth_km
    return Shaking(segments, estimate_along(quake.magnitude, depth, quake.lon, quake.lat, places), "estimated")
