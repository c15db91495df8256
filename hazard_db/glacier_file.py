"""Glacier outlines and centrelines out of any vector file: who they are, and where."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry import MultiPolygon, Polygon

from hazard_db.errors import InputError
from hazard_db.vector_file import read_vectors

ID_COLUMNS = (
    "glacier_id", "rgi_id", "rgiid", "glac_id", "glims_id", "glimsid", "glimsid_cr", "glacname", "fcgi_id", "id",
)  # fmt: skip
"""Columns that tell one glacier from another, lower case, the surest first."""
NAME_COLUMNS = ("name", "glac_name", "glacname", "glc_name")
DATE_COLUMNS = ("src_date", "bgndate", "outlined_on", "date", "year", "anlys_time", "rep_date")
"""Columns that tell when the picture was taken that an outline was drawn from: RGI 7 and GLIMS, RGI 5 and 6, others."""
GLIMS_KINDS = "line_type"
MAIN_COLUMNS = ("is_main", "main")
POLYGONS, LINES = frozenset({"Polygon", "MultiPolygon"}), frozenset({"LineString", "MultiLineString"})


@dataclass(frozen=True)
class Glacier:
    """An outline, and a centreline where one is given; EPSG:4326."""

    id: str
    outline: Polygon | MultiPolygon
    centreline: shapely.LineString | None = None


@dataclass(frozen=True)
class OutlineRecord:
    """An outline as a file tells it; EPSG:4326."""

    glacier_id: str
    name: str | None
    outlined_on: date | None
    """Day of the picture; 1 January where only the year is known, None where nothing is."""
    date_precision: str | None
    """day or year."""
    schema: str
    outline: Polygon | MultiPolygon


@dataclass(frozen=True)
class _Layer:
    label: str
    columns: dict[str, Any]
    """Lower-case name -> values."""
    geometries: Any


def read_glaciers(outlines: Path, centrelines: Path | None = None, crs: str | None = None) -> list[Glacier]:
    """Return the glaciers of a file of outlines, with their main centrelines.

    Parameters
    ----------
    outlines
        Polygons with a column out of ID_COLUMNS, in any case.
    centrelines
        Lines from head to snout with the same column; of several of a glacier the main one, else the longest.
    crs
        Of files that declare none.

    Raises
    ------
    InputError
        A file cannot be used.
    """
    polygons = _read(outlines, crs, POLYGONS, "outlines are polygons")
    lines = None if centrelines is None else _read(centrelines, crs, LINES, "centrelines are lines")
    column = _id_column(polygons, lines)
    grouped: dict[str, list[Any]] = {}
    for key, shape in zip(polygons.columns[column], polygons.geometries, strict=True):
        grouped.setdefault(_text(key), []).append(shape)
    main = {} if lines is None else _main_lines(lines, column)
    found = [Glacier(key, _polygon(shapes), main.get(key)) for key, shapes in grouped.items() if key]
    found = [one for one in found if not one.outline.is_empty]
    if not found:
        raise InputError(f"{polygons.label}: no outline has both an id in column {column} and an area")
    if main and not any(one.centreline is not None for one in found):
        raise InputError(f"{Path(str(centrelines)).name}: no line has an id of {polygons.label} in column {column}")
    return found


def read_outlines(path: Path, crs: str | None = None) -> list[OutlineRecord]:
    """Return the outlines of a file, each glacier once per date; errors as `read_glaciers`.

    Of GLIMS files only the glaciers' bounds are taken, less the rock inside; other lines of theirs are debris, ponds
    and snow.

    Raises
    ------
    InputError
        The file cannot be read, or has no outline with an id and an area.
    """
    layer = _read(path, crs, POLYGONS, "outlines are polygons")
    column = _id_column(layer, None)
    kinds = [str(kind).lower() for kind in layer.columns.get(GLIMS_KINDS, ["glac_bound"] * len(layer.geometries))]
    bounds: dict[tuple[str, str], list[int]] = {}
    rocks: dict[tuple[str, str], list[Any]] = {}
    for row, kind in enumerate(kinds):
        key = (_text(layer.columns[column][row]), str(_dated(layer, row)[0]))
        if key[0] and kind == "glac_bound":
            bounds.setdefault(key, []).append(row)
        elif kind == "intrnl_rock":
            rocks.setdefault(key, []).append(layer.geometries[row])
    found = []
    for key, rows in bounds.items():
        whole = _polygon([layer.geometries[row] for row in rows])
        if key in rocks:
            whole = _polygon([shapely.difference(whole, _polygon(rocks[key]))])
        if not whole.is_empty:
            day, precision = _dated(layer, rows[0])
            found.append(OutlineRecord(key[0], _name(layer, rows[0]), day, precision, _schema(layer), whole))
    if not found:
        raise InputError(f"{layer.label}: no outline has both an id in column {column} and an area")
    return found


def _dated(layer: _Layer, row: int) -> tuple[date | None, str | None]:
    """Return the day of an outline's picture and how exactly it is known."""
    for column in DATE_COLUMNS:
        text = _text(layer.columns[column][row]) if column in layer.columns else ""
        match = re.match(r"^((?:19|20)\d{2})(?:-?(\d{2})-?(\d{2}))?(?:\D|$)", text)
        if match and match[2] is None:
            return date(int(match[1]), 1, 1), "year"
        if match:
            with contextlib.suppress(ValueError):  # 20009999 is RGI's way of knowing the year alone
                return date(int(match[1]), int(match[2]), int(match[3])), "day"
            return date(int(match[1]), 1, 1), "year"
    return None, None


def _name(layer: _Layer, row: int) -> str | None:
    texts = [_text(layer.columns[column][row]) for column in NAME_COLUMNS if column in layer.columns]
    return next((text for text in texts if text), None)


def _schema(layer: _Layer) -> str:
    """Return whose way of naming columns a file follows."""
    has = layer.columns.keys()
    if "rgi_id" in has:
        return "RGI 7"
    if "rgiid" in has:
        first = _text(layer.columns["rgiid"][0])
        return f"RGI {first[3]}" if re.match(r"^RGI\d0-", first) else "RGI"
    return "GLIMS" if "glac_id" in has else "other"


def _read(path: Path, crs: str | None, kinds: frozenset[str], wanted: str) -> _Layer:
    """Return a layer of a file in EPSG:4326."""
    label = path.name
    meta, _, blobs, values = read_vectors(path, datetime_as_string=True)
    columns = {str(name).lower(): column for name, column in zip(meta["fields"], values, strict=True)}
    if blobs is None:
        raise InputError(f"{label}: has no geometries; {wanted}")
    shapes = shapely.force_2d(shapely.from_wkb(blobs, on_invalid="ignore"))
    keep = np.array(
        [shape is not None and not shape.is_empty and shape.geom_type in kinds for shape in shapes], dtype=bool
    )
    if not keep.any():
        raise InputError(f"{label}: has no usable geometry; {wanted}")
    moved = _to_lonlat(shapes[keep], meta["crs"], crs, label)
    return _Layer(label, {name: np.asarray(column)[keep] for name, column in columns.items()}, moved)


def _to_lonlat(shapes: Any, declared: str | None, given: str | None, label: str) -> Any:
    west, south, east, north = shapely.total_bounds(shapes)
    plausible = west >= -360 and east <= 360 and south >= -90 and north <= 90
    # GeoJSON readers declare EPSG:4326 whatever the numbers are
    mistaken = declared is not None and not plausible and _crs(declared, label).is_geographic
    known = declared if declared is not None and not mistaken else given
    if known is None:
        raise InputError(f"{label}: does not tell its CRS; give it with --crs EPSG:n")
    source = _crs(known, label)
    if not np.isfinite([west, south, east, north]).all() or (source.is_geographic and not plausible):
        raise InputError(f"{label}: has coordinates that are no degrees; give the right CRS with --crs EPSG:n")
    mover = Transformer.from_crs(source, 4326, always_xy=True)
    moved = shapely.transform(shapes, lambda xy: np.column_stack(mover.transform(*xy.T)))
    if not np.isfinite(shapely.total_bounds(moved)).all():
        raise InputError(f"{label}: its coordinates do not fit its CRS; give the right one with --crs EPSG:n")
    return moved


def _crs(text: str, label: str) -> CRS:
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise InputError(f"{label}: '{text}' is not a CRS; write it as EPSG:32643") from error


def _id_column(polygons: _Layer, lines: _Layer | None) -> str:
    """Return the column that tells one glacier from another in both files."""
    own = [name for name in ID_COLUMNS if name in polygons.columns]
    if not own:
        raise InputError(
            f"{polygons.label}: no column tells the glacier; name one rgi_id, glac_id or glacier_id (it has "
            f"{', '.join(polygons.columns) or 'none'})"
        )
    if lines is None:
        return own[0]
    common = [name for name in own if name in lines.columns]
    if not common:
        raise InputError(f"{lines.label}: has no column {own[0]}, which {polygons.label} tells its glaciers by")
    return common[0]


def _main_lines(lines: _Layer, column: str) -> dict[str, shapely.LineString]:
    """Return the main line of each glacier, else its longest."""
    flag = next((lines.columns[name] for name in MAIN_COLUMNS if name in lines.columns), None)
    best: dict[str, tuple[tuple[bool, float], shapely.LineString]] = {}
    for number, (key, shape) in enumerate(zip(lines.columns[column], lines.geometries, strict=True)):
        merged = shapely.line_merge(shape) if shape.geom_type == "MultiLineString" else shape
        one = max(shapely.get_parts(merged), key=lambda part: part.length)
        rank = (flag is not None and _is_true(flag[number]), float(one.length))
        if _text(key) not in best or rank > best[_text(key)][0]:
            best[_text(key)] = (rank, one)
    return {key: one for key, (_, one) in best.items()}


def _is_true(value: Any) -> bool:
    with contextlib.suppress(TypeError, ValueError):
        return bool(float(value) == 1)
    return str(value).strip().lower() in {"true", "yes"}


def _text(value: Any) -> str:
    """Return an id as text; whole numbers without a decimal point, nothing for no value."""
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _polygon(shapes: Sequence[Any]) -> Polygon | MultiPolygon:
    """Return outlines of one glacier as one valid geometry of polygons."""
    whole = shapely.union_all([shapely.make_valid(shape) for shape in shapes])
    parts = [part for part in shapely.get_parts(whole) if part.geom_type in POLYGONS]
    joined: Any = shapely.union_all(parts)
    return MultiPolygon() if joined.is_empty else joined
