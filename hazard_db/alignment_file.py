"""The lines of an alignment file, in order and in EPSG:4326."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError

from hazard_db.chainage import Array
from hazard_db.errors import CorridorError
from hazard_db.vector_file import read_shapes, read_vectors

JOIN_M = 100.0
"""Ends closer than this are the same place."""
MAX_VERTICES = 1_000_000


@dataclass(frozen=True)
class Piece:
    """One line of the file."""

    lonlat: Array
    """(n, 2), EPSG:4326."""
    basis: str
    """How the line was made there: `straight infill`, `road geometry`, `surveyed`, ..."""
    country: str | None


def read_pieces(path: Path) -> list[Piece]:
    """Return the lines of any vector file that OGR reads.

    Raises
    ------
    CorridorError
        The file cannot be read, has no CRS, or holds something else than lines.
    """
    if not path.is_file():
        raise CorridorError(
            f"{path}: {'is a folder; name the file itself' if path.is_dir() else 'there is no such file'}"
        )
    meta, _, shapes, columns = read_vectors(path, CorridorError)
    if shapes is None or meta["crs"] is None:
        raise CorridorError(f"{path.name}: no geometry with a declared CRS; declare it, for example EPSG:4326")
    try:
        to_degrees = Transformer.from_crs(CRS(meta["crs"]), 4326, always_xy=True)
    except CRSError as error:
        raise CorridorError(f"{path.name}: its CRS is not understood ({error})") from error
    fields = dict(zip(meta["fields"], columns, strict=True))
    pieces = [
        Piece(lonlat, str(_value(fields, "basis", row) or "given"), _value(fields, "country", row))
        for row, wkb in enumerate(shapes)
        for lonlat in _lines(path, row + 1, wkb, to_degrees)
    ]
    if not pieces:
        raise CorridorError(f"{path.name}: holds no line")
    return pieces


def joined(path: Path, pieces: list[Piece]) -> list[Piece]:
    """Return the pieces in an order and direction in which each begins where the one before ends.

    Raises
    ------
    CorridorError
        There is a gap; the line names it.
    """
    if _gap(pieces) is None:
        return pieces
    rest = [piece for piece in pieces if piece is not (first := _loose_end(pieces))]
    chain = [first]
    while rest:
        end = chain[-1].lonlat[-1]
        ends = np.array([[piece.lonlat[0], piece.lonlat[-1]] for piece in rest])
        away = _distance(np.broadcast_to(end, ends.shape), ends)
        index, tail = np.unravel_index(int(away.argmin()), away.shape)
        if away[index, tail] > JOIN_M:
            lon, lat = end
            raise CorridorError(
                f"{path.name}: its lines do not join to one road; after {lat:.5f}, {lon:.5f} (latitude, longitude) "
                f"the next one begins {away[index, tail] / 1000:.1f} km away; close the gap in the file"
            )
        piece = rest.pop(int(index))
        chain.append(Piece(piece.lonlat[::-1], piece.basis, piece.country) if tail else piece)
    return chain


def _gap(pieces: list[Piece]) -> int | None:
    for index in range(1, len(pieces)):
        if _distance(pieces[index - 1].lonlat[-1], pieces[index].lonlat[0]).item() > JOIN_M:
            return index
    return None


def _loose_end(pieces: list[Piece]) -> Piece:
    """Return a piece that begins the road, turned so that its free end comes first."""
    ends = np.array([[piece.lonlat[0], piece.lonlat[-1]] for piece in pieces])
    for index, piece in enumerate(pieces):
        others = np.delete(ends, index, axis=0).reshape(-1, 2)
        free = [
            not len(others) or _distance(np.broadcast_to(end, others.shape), others).min() > JOIN_M
            for end in ends[index]
        ]
        if free[0]:
            return piece
        if free[1]:
            pieces[index] = Piece(piece.lonlat[::-1], piece.basis, piece.country)
            return pieces[index]
    return pieces[0]


def _distance(one: Array, other: Array) -> Array:
    one, other = np.asarray(one), np.asarray(other)
    _, _, metres = Geod(ellps="WGS84").inv(
        one[..., 0].copy(), one[..., 1].copy(), other[..., 0].copy(), other[..., 1].copy()
    )
    return np.asarray(metres)


def _lines(path: Path, record: int, wkb: bytes | None, to_degrees: Transformer) -> list[Array]:
    shape = read_shapes(path, [wkb], CorridorError, first=record)[0]
    if shape is None or shape.is_empty:
        return []
    parts = shapely.get_parts(shape)
    if any(part.geom_type not in {"LineString", "LinearRing"} for part in parts):
        raise CorridorError(f"{path.name}, feature {record}: a {shape.geom_type}; an alignment is made of lines")
    if shapely.get_num_coordinates(shape) > MAX_VERTICES:
        raise CorridorError(f"{path.name}, feature {record}: more than {MAX_VERTICES:,} vertices; simplify it first")
    lines = [np.column_stack(to_degrees.transform(*shapely.get_coordinates(part).T)) for part in parts]
    for line in lines:
        if not (np.isfinite(line).all() and (np.abs(line) <= [180, 90]).all()):
            raise CorridorError(f"{path.name}, feature {record}: coordinates outside longitude/latitude; check its CRS")
    return lines


def _value(fields: dict[str, Any], name: str, row: int) -> Any:
    value = fields[name][row] if name in fields else None
    return None if value is None or (isinstance(value, float) and np.isnan(value)) else value
