"""Displacement in text tables: one row a point, one column a date."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from hazard_db.errors import InputError, RecordError
from hazard_db.series import Displacement, FloatArray, Look, Scatterers
from ingest.displacement.source import MM, Options, ascending, chosen_unit, crs_wkt, days_in

DELIMITERS = ",;\t|"
_LINES = 20_000
_FEWEST_DATES = 2
_MISSING = re.compile(r"^(?:na|n/a|null|none|-|--|nan|-nan|inf|-inf|)$", re.IGNORECASE)
_LONGEST = 4_000_000
"""Characters of a line; more is not a table."""
_LONGEST_ID = 200
_QUOTED = re.compile('"[^"]*"')
_NO_MOTION = 9999.0
"""From here on a value is a filler for what was not measured (-9999, 1e20): no ground moves ten metres along the line of sight."""

LON = ("longitude", "lon", "long", "lng", "x_wgs84")
LAT = ("latitude", "lat", "y_wgs84")
EAST = ("easting", "east", "x", "utm_x", "x_coord", "e")
NORTH = ("northing", "north", "y", "utm_y", "y_coord", "n")
IDS = ("pid", "id", "code", "ps_id", "point_id", "pointid", "point", "name")
HEIGHT = ("height_wgs84", "height", "elevation", "elev", "h", "z", "dem", "hgt")
LOOK = (
    ("los_east", "los_e", "cose", "cos_e", "e_los", "vers_e", "east_los"),
    ("los_north", "los_n", "cosn", "cos_n", "n_los", "vers_n", "north_los"),
    ("los_up", "los_u", "cosu", "cos_u", "u_los", "vers_u", "up_los"),
)
VELOCITY = ("mean_velocity", "velocity", "vel", "v", "vlos", "velocity_mm_yr")


@dataclass(frozen=True)
class Head:
    """First line of a table."""

    encoding: str
    delimiter: str | None
    """None = any blank."""
    columns: tuple[str, ...]
    """Lower case."""
    days: dict[int, date]
    """Column -> day."""
    skip: int
    """Lines up to the head, and the head."""

    def find(self, names: Sequence[str]) -> int | None:
        """Return the first column of one of these names."""
        return next((self.columns.index(name) for name in names if name in self.columns), None)


def head_of(path: Path) -> Head | None:
    """Return the head of a text table with two or more dated columns; None for anything else."""
    try:
        with path.open("rb") as file:
            start = file.read(_LONGEST)
    except OSError:
        return None
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if encoding == "utf-8-sig" and b"\0" in start[:4096]:
        return None
    try:
        lines = start.decode(encoding, "replace").splitlines()[:50]
    except UnicodeError:
        return None
    for number, line in enumerate(lines):
        for delimiter in (*DELIMITERS, None):
            columns = _split(line, delimiter)
            days = {k: found[0] for k, text in enumerate(columns) if len(found := _day_of(text)) == 1}
            if len(days) >= _FEWEST_DATES and len(columns) - len(days) >= 2:
                names = tuple(name.strip().strip("\"'#").lower() for name in columns)
                return Head(encoding, delimiter, names, days, number + 1)
    return None


def _day_of(text: str) -> list[date]:
    """Return the day of a column's name such as 20150103, D20150103, 2015-01-03 or d_2015_01_03."""
    plain = text.strip().strip("\"'")
    return days_in(plain) if re.fullmatch(r"[A-Za-z_ ]{0,12}[\d\-_/.]{8,10}(?:[T ].*)?", plain) else []


def _split(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    return next(csv.reader([line], delimiter=delimiter), [])


def read_table(path: Path, head: Head, options: Options, format_name: str, crs: str | None) -> Displacement:
    """Return the series of a table.

    Parameters
    ----------
    crs
        Of eastings and northings, where no longitude and latitude are given; None = it must be said.

    Raises
    ------
    InputError
        A column is missing, or (RecordError) a row cannot be read.
    """
    order = ascending(list(head.days.values()), path.name)
    columns = list(head.days)
    dated = [columns[k] for k in order]
    x, y, told_crs = _axes(head, options, crs, path.name)
    extra = [
        k for k in (head.find(HEIGHT), head.find(VELOCITY), *(head.find(names) for names in LOOK)) if k is not None
    ]
    wanted = [x, y, *extra, *dated]
    found = _numbers(path, head, wanted, 2 + len(extra), options)
    ids, values, series = found.ids, found.values, found.series
    used_crs = told_crs or _degrees(values[:, 0], values[:, 1], path.name)
    lon, lat = _lonlat(values[:, 0], values[:, 1], used_crs, path.name)
    bad = ~(np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90) & (np.abs(lon) <= 180))
    if bad.any():
        _refuse_places(ids, values, bad, crs=used_crs, options=options, label=path.name)
        ids, values, lon, lat = ids[~bad], values[~bad], lon[~bad], lat[~bad]
        series = series[~bad]
    by_column = {column: values[:, 2 + k] for k, column in enumerate(extra)}
    told, notes = _unit(options, head, by_column, series, [head.days[k] for k in dated])
    if found.fillers:
        notes = (*notes, f"{found.fillers} values of {_NO_MOTION:.0f} or more, either sign, are taken as not measured")
    unit = chosen_unit(options.unit, told, path.name)
    to_mm = np.float32(MM[unit])
    height = head.find(HEIGHT)
    return Displacement(
        name=path.name,
        format=format_name,
        dates=tuple(head.days[k] for k in dated),
        place=Scatterers(ids, lon, lat, by_column.get(height) if height is not None else None),
        read=lambda start, stop: np.ascontiguousarray(series[start:stop].T) * to_mm,
        unit=unit,
        reference="not told by the file",
        look=_look(head, by_column),
        crs=used_crs,
        notes=notes,
    )


def _axes(head: Head, options: Options, crs: str | None, label: str) -> tuple[int, int, str | None]:
    """Return the columns of easting and northing (or longitude and latitude) and their CRS."""
    lon, lat, east, north = (head.find(names) for names in (LON, LAT, EAST, NORTH))
    if options.crs and east is not None and north is not None:
        return east, north, options.crs
    if lon is not None and lat is not None:
        return lon, lat, options.crs or "EPSG:4326"
    if east is None or north is None:
        raise InputError(
            f"{label}: has no columns for longitude and latitude (or easting and northing); add or rename them"
        )
    return east, north, crs


def _degrees(x: FloatArray, y: FloatArray, label: str) -> str:
    """Return EPSG:4326 where columns x and y can be nothing but degrees: metres are never so few.

    Raises
    ------
    InputError
        They are not.
    """
    if np.nanmax(np.abs(x)) <= 180 and np.nanmax(np.abs(y)) <= 90:
        return "EPSG:4326"
    raise InputError(f"{label}: does not tell the CRS of its columns x and y; give --crs EPSG:n")


def _lonlat(x: FloatArray, y: FloatArray, crs: str, label: str) -> tuple[FloatArray, FloatArray]:
    """Return longitude and latitude, EPSG:4326, datum shift included; not finite where there is no such place."""
    if crs.upper() != "EPSG:4326":
        mover = Transformer.from_crs(crs_wkt(crs, label), 4326, always_xy=True)
        x, y = mover.transform(x, y)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def _refuse_places(
    ids: npt.NDArray[np.str_], values: FloatArray, bad: npt.NDArray[np.bool_], *, crs: str, options: Options, label: str
) -> None:
    """Hand over the rows whose places are none; raise RecordError where nobody takes them, or no row is good."""
    rows = np.flatnonzero(bad)
    reason = f"is not on the Earth in {crs}; check its coordinates, or give --crs EPSG:n"
    if options.bad is None or bad.all():
        raise RecordError(f"{label}: row {rows[0] + 1} {reason}")
    for row in rows:
        options.bad(f"point {ids[row]}", reason, {"x": values[row, 0], "y": values[row, 1]})


def _look(head: Head, by_column: dict[int, FloatArray]) -> Look | None:
    """Return the mean line of sight, where the table tells one for each point."""
    found = [head.find(names) for names in LOOK]
    if any(column is None for column in found):
        return None
    means = [float(np.nanmean(by_column[column])) for column in found if column is not None]
    length = float(np.linalg.norm(means))
    return Look(*(value / length for value in means)) if length > 0.5 else None


def _unit(
    options: Options, head: Head, by_column: dict[int, FloatArray], series: FloatArray, days: list[date]
) -> tuple[str, tuple[str, ...]]:
    """Return mm, as these tables are by custom, unless the table's own velocities (mm/yr) say that it is metres."""
    column = head.find(VELOCITY)
    if options.unit or column is None:
        return "mm", ()
    t = np.array([one.toordinal() for one in days], dtype=np.float64) / 365.25
    t -= t.mean()
    pick = slice(None, None, max(1, len(series) // 2000))
    rate = np.nan_to_num(series[pick]) @ t / (t @ t)
    told = by_column[column][pick]
    usable = np.isfinite(told) & (np.abs(told) > 1.0)
    if usable.sum() < 5:
        return "mm", ()
    ratio = float(np.median(np.abs(rate[usable] / told[usable])))
    if 0.0005 < ratio < 0.002:
        return "m", ("displacements are a thousandth of what the table's velocities in mm/yr say: taken as metres",)
    return "mm", ()


@dataclass(frozen=True)
class _Rows:
    """What the rows of a table say."""

    ids: npt.NDArray[np.str_]
    values: FloatArray
    """(rows, columns): place, height, velocity, look."""
    series: FloatArray
    """(rows, dates), float32, in the unit of the file; it lies in a file that vanishes with it."""
    fillers: int
    """Values that stand for what was not measured."""


def _numbers(path: Path, head: Head, wanted: list[int], few: int, options: Options) -> _Rows:
    """Return ids and the wanted columns of all rows; the first `few` are kept in memory."""
    ids: list[str] = []
    parts: list[FloatArray] = []
    row = fillers = 0
    with tempfile.TemporaryFile(prefix="series-") as store:
        for lines in _chunks(path, head):
            good, values = _parse(lines, head, wanted, row=row, options=options, label=path.name)
            parts.append(values[:, :few].copy())
            with np.errstate(invalid="ignore"):
                filler = np.abs(values[:, few:]) >= _NO_MOTION
            fillers += int(np.isfinite(values[:, few:])[filler].sum())
            dated = np.where(filler, np.nan, values[:, few:]).astype(np.float32)
            store.write(dated.tobytes())
            kept = lines if good is None else [lines[k] for k in good]
            named = _ids(kept, head, range(row, row + len(lines)) if good is None else [row + k for k in good])
            _check_ids(named, path.name)
            ids += named
            row += len(lines)
        if not ids:
            raise InputError(
                f"{path.name}: has a head and no rows{' that can be used' if row else ''}; nothing to look at"
            )
        store.flush()
        shape = (len(ids), len(wanted) - few)
        series = np.memmap(store, dtype=np.float32, mode="r", shape=shape)  # stays when the file is closed
    return _Rows(np.array(ids), np.concatenate(parts), series, fillers)


def _ids(lines: list[str], head: Head, numbers: Iterable[int]) -> list[str]:
    name = head.find(IDS)
    if name is None:
        return [str(number + 1) for number in numbers]
    if lines and head.delimiter is not None and '"' not in lines[0]:
        return [line.split(head.delimiter, name + 1)[name].strip() for line in lines]
    return [_split(line, head.delimiter)[name].strip() for line in lines]


def _check_ids(ids: list[str], label: str) -> None:
    """Refuse names that no catalogue can hold."""
    for name in ids:
        if len(name) > _LONGEST_ID or "\0" in name:
            raise RecordError(
                f"{label}: the point {name[:20]!r}... has a name of {len(name)} characters, or with a zero byte; give points "
                f"plain names of up to {_LONGEST_ID}"
            )


def _chunks(path: Path, head: Head) -> Iterator[list[str]]:
    """Yield lines that are not blank, many at once."""
    with path.open(encoding=head.encoding, errors="replace", newline=None) as file:
        for _ in islice(file, head.skip):
            pass
        while True:
            lines = list(islice(file, _LINES))
            if not lines:
                return
            full = [line.rstrip("\n") for line in lines if not line.isspace()]
            if full:
                yield full


def _parse(
    lines: list[str], head: Head, wanted: list[int], *, row: int, options: Options, label: str
) -> tuple[list[int] | None, FloatArray]:
    """Return which of some lines are good (None = all) and their wanted columns.

    numpy's own parser first, cell by cell where it gives up.
    """
    comma = head.delimiter not in (",", None) and "," in lines[0] and "." not in lines[0]
    source = [line.replace(",", ".") for line in lines] if comma else lines
    for prepare in (_as_it_is, _with_gaps_named) if _regular(lines, head) else ():
        try:
            return None, np.loadtxt(
                prepare(source, head.delimiter), delimiter=head.delimiter, usecols=wanted, ndmin=2, comments=None,
                quotechar='"',
            )  # fmt: skip
        except ValueError:
            continue
    good, values = [], []
    for k, line in enumerate(source):
        try:
            values.append(_cells(line, head, wanted, row + k + 1, label))
            good.append(k)
        except RecordError as error:
            if options.bad is None:
                raise
            cells = dict(zip(head.columns, _split(line, head.delimiter), strict=False))
            options.bad(f"row {row + k + 1}", str(error).partition(": ")[2], cells)
    return good, np.array(values, dtype=np.float64).reshape(len(good), len(wanted))


def _regular(lines: list[str], head: Head) -> bool:
    """Return whether all lines have as many cells as the head and end their quotes: numpy's parser looks at neither."""
    if head.delimiter is None:
        return all(len(line.split()) == len(head.columns) for line in lines)
    wanted = len(head.columns) - 1
    plain = [_QUOTED.sub("", line) if '"' in line else line for line in lines]
    return all(line.count(head.delimiter) == wanted and '"' not in line for line in plain)


def _as_it_is(lines: list[str], delimiter: str | None) -> list[str]:
    del delimiter
    return lines


def _with_gaps_named(lines: list[str], delimiter: str | None) -> list[str]:
    """Return lines with `nan` in cells that are empty: numpy's parser knows no gaps."""
    if delimiter is None:
        return lines
    mark = re.escape(delimiter)
    return re.sub(rf"(?<={mark})[ ]*(?={mark}|$)", "nan", "\n".join(lines), flags=re.MULTILINE).split("\n")


def _cells(line: str, head: Head, wanted: list[int], row: int, label: str) -> list[float]:
    cells = _split(line, head.delimiter)
    if len(cells) > len(head.columns) and any(cell.strip() for cell in cells[len(head.columns) :]):
        raise RecordError(
            f"{label}: row {row} has {len(cells)} cells, the head {len(head.columns)}: its numbers would stand under wrong "
            "dates; correct it"
        )
    if len(cells) < len(head.columns):
        raise RecordError(
            f"{label}: row {row} has {len(cells)} of {len(head.columns)} columns; the file may be cut off: fetch it again"
        )
    return [_number(cells[k], row, head.columns[k], label) for k in wanted]


def _number(cell: str, row: int, column: str, label: str) -> float:
    plain = cell.strip().strip('"')
    if _MISSING.match(plain):
        return float("nan")
    try:
        value = float(plain)
    except ValueError as error:
        raise RecordError(f"{label}: row {row}, column {column}: '{plain[:30]}' is not a number; correct it") from error
    return value if np.isfinite(value) else float("nan")
