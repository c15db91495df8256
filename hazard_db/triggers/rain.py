"""Rain along the road: cells of 0.1 degree, sums of 24 to 240 hours, and how rare they are in their climate zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, text

from hazard_db.connect import raw_copy

Run = Literal["early", "late", "final"]
RUNS: tuple[Run, ...] = ("early", "late", "final")
"""The later the better: more satellites, then gauges."""
WINDOWS_H = (24, 48, 72, 120, 168, 240)
LEVELS = (50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9)
"""Percentiles that are kept; the landslide model LHASA warns from the 99th on [@Stanley2021]."""
FEWEST_DAYS = 365
"""Of a zone's record before anything is said of how rare a sum is."""


@dataclass(frozen=True)
class RainGrid:
    """What a file of satellite rain says of the cells at the road."""

    product: str
    run: Run
    version: str
    starts_at: datetime
    ends_at: datetime
    file_name: str
    sha256: str
    cells: npt.NDArray[np.int16]
    """(n, 2): tenths of a degree east of 180 W and north of 90 S."""
    rain_mm: npt.NDArray[np.float64]
    """(n,): fallen from `starts_at` to `ends_at`; NaN = not measured."""


@dataclass(frozen=True)
class RainWindow:
    """The rain of a segment in the hours before a moment."""

    segment_id: int
    km_from: float
    km_to: float
    zone: str
    ends_at: datetime
    window_h: int
    rain_mm: float
    observed_share: float
    """Of the window's hours; below 1 the sum is a lower bound."""
    percentile: float | None
    """At least this one of the zone's days; None where too few days are known."""
    climate_days: int | None

    @property
    def intensity_ratio(self) -> float:
        """Mean intensity against the landslide threshold of the Nepal Himalaya, I = 73.90 D^-0.79 [@DahalHasegawa2008]."""
        return float(self.rain_mm / self.window_h / (73.90 * self.window_h**-0.79))


def cells(conn: Connection) -> npt.NDArray[np.int16]:
    """Return the cells of the current road and their neighbours, (n, 2), sorted; none where there is no road."""
    rows = conn.execute(
        text("""SELECT DISTINCT CAST(floor((ST_X(p) + 180) * 10) AS integer) + dx AS x,
                       CAST(floor((ST_Y(p) + 90) * 10) AS integer) + dy AS y
                FROM (SELECT ST_LineInterpolatePoint(geom, 0.5) AS p FROM segment WHERE alignment_id = current_alignment()) AS s
                CROSS JOIN generate_series(-1, 1) AS dx CROSS JOIN generate_series(-1, 1) AS dy ORDER BY x, y""")
    ).all()
    return np.array([tuple(row) for row in rows], dtype=np.int16).reshape(-1, 2)


def store(conn: Connection, grid: RainGrid) -> int | None:
    """Return the number under which a grid was stored, None where the very file or a better one of its hours is there.

    What it is better than stays, superseded.
    """
    conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('rain: store', 0))"))
    hours = {"starts": grid.starts_at, "ends": grid.ends_at}
    known = text(
        "SELECT EXISTS (SELECT FROM rain_grid WHERE sha256 = :sha AND starts_at = :starts AND ends_at = :ends)"
    )
    if conn.scalar(known, {**hours, "sha": grid.sha256}):
        return None
    present = conn.execute(
        text(
            """SELECT id, run, version FROM rain_grid WHERE superseded_at IS NULL AND starts_at = :starts AND ends_at = :ends"""
        ),
        hours,
    ).one_or_none()
    better = present is None or (RUNS.index(grid.run), grid.version) >= (RUNS.index(present.run), present.version)
    if present is not None and better:
        conn.execute(text("UPDATE rain_grid SET superseded_at = now() WHERE id = :id"), {"id": present.id})
    names = ("product", "run", "version", "starts_at", "ends_at", "file_name", "sha256")
    number: int = conn.execute(
        text(f"""INSERT INTO rain_grid ({", ".join(names)}, superseded_at)
                 VALUES ({", ".join(f":{name}" for name in names)}, CASE WHEN :better THEN NULL ELSE now() END) RETURNING id"""),
        {**{name: getattr(grid, name) for name in names}, "better": better},
    ).scalar_one()
    _copy(conn, number, grid)
    return number if better else None


def _copy(conn: Connection, number: int, grid: RainGrid) -> None:
    known = np.isfinite(grid.rain_mm)
    with raw_copy(conn, "COPY rain (grid_id, cell_x, cell_y, rain_mm) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int8", "int2", "int2", "float8"])
        for (x, y), value in zip(grid.cells[known].tolist(), grid.rain_mm[known].tolist(), strict=True):
            copy.write_row((number, x, y, value))


def windows(
    conn: Connection, *, until: datetime | None = None, km: tuple[float, float] | None = None
) -> list[RainWindow]:
    """Return the rain of each segment up to a moment, or to the newest file; empty where no file ends then."""
    statement = _WINDOWS if until is None else _WINDOWS_UNTIL
    rows = conn.execute(
        text(f"{statement} ORDER BY km_from, window_h"),
        {"km_from": km[0] if km else None, "km_to": km[1] if km else None, "until": until},
    ).mappings()
    return [RainWindow(**row) for row in rows]


def ends_of(conn: Connection, grid_ids: Sequence[int]) -> list[datetime]:
    """Return when the hours of these grids end."""
    found = conn.scalars(
        text("SELECT DISTINCT ends_at FROM rain_grid WHERE id = ANY(:ids) ORDER BY ends_at"), {"ids": list(grid_ids)}
    )
    return list(found)


def learn_climate(conn: Connection) -> dict[str, int]:
    """Return the days known of each climate zone, after counting anew how rare which sums are.

    Counted are whole days of all cells of a zone together, dry ones too. Zones with less than FEWEST_DAYS are left out.
    """
    conn.execute(text("DELETE FROM rain_climate"))
    for hours in WINDOWS_H:
        statement = _CLIMATE.format(earlier=hours // 24 - 1)
        shares = [level / 100 for level in LEVELS]
        values = {"window": hours, "levels": list(LEVELS), "shares": shares, "fewest": FEWEST_DAYS}
        conn.execute(text(statement), values)
    rows = conn.execute(text("SELECT zone, max(days) AS days FROM rain_climate GROUP BY zone ORDER BY zone"))
    return {row.zone: row.days for row in rows}


def count(conn: Connection) -> dict[str, Any]:
    """Return how many files and values there are, and up to when."""
    row = conn.execute(
        text("""SELECT (SELECT count(*) FROM rain_grid) AS grids, (SELECT count(*) FROM rain) AS values,
                       (SELECT max(ends_at) FROM rain_grid WHERE superseded_at IS NULL) AS until""")
    ).one()
    return dict(row._mapping)


_STRETCH = (
    """(CAST(:km_from AS float8) IS NULL OR (km_to > CAST(:km_from AS float8) AND km_from < CAST(:km_to AS float8)))"""
)
_COLUMNS = "segment_id, km_from, km_to, zone, ends_at, window_h, rain_mm, observed_share, percentile, climate_days"
_WINDOWS = f"SELECT {_COLUMNS} FROM segment_rain WHERE {_STRETCH} AND (CAST(:until AS timestamptz) IS NULL OR ends_at = :until)"

_WINDOWS_UNTIL = f"""
SELECT {_COLUMNS} FROM (
    SELECT s.id AS segment_id, s.km_from, s.km_to, s.zone, CAST(:until AS timestamptz) AS ends_at, r.window_h, r.rain_mm, r.observed_share,
           rain_percentile(c, r.rain_mm) AS percentile, c.days AS climate_days
    FROM rain_sums(CAST(:until AS timestamptz)) AS r
    JOIN (SELECT g.*, climate_zone(ST_X(g.middle), ST_Y(g.middle)) AS zone
          FROM (SELECT id, km_from, km_to, ST_LineInterpolatePoint(geom, 0.5) AS middle FROM segment
                WHERE alignment_id = current_alignment()) AS g) AS s
         ON r.cell_x = floor((ST_X(s.middle) + 180) * 10) AND r.cell_y = floor((ST_Y(s.middle) + 90) * 10)
    LEFT JOIN rain_climate AS c ON c.zone = s.zone AND c.window_h = r.window_h) AS told
WHERE {_STRETCH}"""

# A day counts where files of one length fill it; a window where each of its days counts.
_CLIMATE = """
WITH whole AS (
    SELECT DISTINCT ON (cell_x, cell_y, day) cell_x, cell_y, day, rain_mm
    FROM (SELECT r.cell_x, r.cell_y, (g.starts_at AT TIME ZONE 'UTC')::date AS day, g.ends_at - g.starts_at AS period,
                 sum(r.rain_mm) AS rain_mm, count(*) * extract(epoch FROM g.ends_at - g.starts_at) AS seconds
          FROM rain_grid AS g JOIN rain AS r ON r.grid_id = g.id
          WHERE g.superseded_at IS NULL AND g.ends_at - g.starts_at <= interval '24 hours'
            AND mod(CAST(extract(epoch FROM g.starts_at) AS bigint), CAST(extract(epoch FROM g.ends_at - g.starts_at) AS bigint)) = 0
          GROUP BY r.cell_x, r.cell_y, day, period) AS d
    WHERE seconds >= 86400 ORDER BY cell_x, cell_y, day, period DESC),
sums AS (
    SELECT climate_zone((cell_x + 0.5) / 10.0 - 180, (cell_y + 0.5) / 10.0 - 90) AS zone, day, sum(rain_mm) OVER days AS rain_mm,
           count(*) OVER days AS n
    FROM whole WINDOW days AS (PARTITION BY cell_x, cell_y ORDER BY day - date '2000-01-01'
                               RANGE BETWEEN {earlier} PRECEDING AND CURRENT ROW))
INSERT INTO rain_climate (zone, window_h, levels, rain_mm, days)
SELECT zone, CAST(:window AS integer), CAST(:levels AS float8[]),
       percentile_cont(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY rain_mm), count(DISTINCT day)
FROM sums WHERE n = {earlier} + 1 GROUP BY zone HAVING count(DISTINCT day) >= :fewest
"""
