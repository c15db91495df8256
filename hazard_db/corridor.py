"""The road in the catalogue: load a version of its alignment, find a kilometre, find a place."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, text

from hazard_db.alignment_file import Piece, joined, read_pieces
from hazard_db.chainage import Array, CalibratedLine, Fit, KnownPlace, calibrate
from hazard_db.errors import CorridorError, InputError, NotFoundError, OutsideCorridorError
from hazard_db.rechaining import Rechained, rechain

INFILL = "straight infill"


@dataclass(frozen=True)
class LoadReport:
    """What loading an alignment did."""

    version: str
    km_from: float
    km_to: float
    segments: int
    calibration: tuple[Fit, ...]
    referenced: int
    """Records that were given a chainage on this version."""
    new: bool
    tables: tuple[Rechained, ...] = ()
    """What became of the records, by table."""


@dataclass(frozen=True)
class Position:
    """A place on or near the road."""

    km: float
    lon: float
    lat: float
    offset_m: float
    """Distance from the road; 0 for a place on it."""
    side: str
    """left, right (looking up-chainage) or on."""
    alignment: str
    segment: str | None
    """For example `640-641`."""
    place: str | None
    """Nearest place that calibrates the alignment."""
    basis: str | None
    """`straight infill` where the line is not surveyed there."""
    present_km: float | None = None
    """Kilometre of the same place on the present alignment, where this one is an earlier version and the road still comes by."""
    present_offset_m: float | None = None
    """How far the place lies from the present alignment."""


@dataclass(frozen=True)
class SegmentRow:
    """A stretch of the current alignment."""

    id: int
    km_from: float
    km_to: float
    place: str | None
    basis: str
    country: str | None
    consequence: int
    lonlat: tuple[tuple[float, float], ...]


def load(
    conn: Connection,
    path: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    valid_from: date | None = None,
    calibration: Path | None = None,
    source: str | None = None,
    start_km: float | None = None,
) -> LoadReport:
    """Return the report of making the line in `path` the current alignment; earlier versions stay resolvable.

    Without `calibration` (CSV: place, chainage_km, lon, lat) and `start_km` the places that calibrate the present
    alignment are used as far as they lie on the new line; where none does, the chainage starts at 0.

    Raises
    ------
    CorridorError
        The lines do not join, or `valid_from` lies before the present version's.
    """
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    pieces = joined(path, read_pieces(path))
    version = version or f"{path.stem}-{sha256[:8]}"
    if (known := _known(conn, version)) is not None:
        return known
    places = read_calibration(calibration) if calibration else present_places(conn)
    lonlat = np.vstack([piece.lonlat for piece in pieces])
    line = calibrate(lonlat, places, start_km)
    alignment = _insert_alignment(
        conn,
        line,
        name=name or path.stem,
        version=version,
        valid_from=valid_from or date.today(),
        source=source or path.name,
    )
    _insert_calibration(conn, alignment, line.fits)
    count = _insert_segments(conn, alignment, line, pieces)
    tables = rechain(conn)
    referenced = sum(table.on_road for table in tables)
    return LoadReport(version, line.km[0], line.km[-1], count, line.fits, referenced, True, tables)


def read_calibration(path: Path) -> list[KnownPlace]:
    """Return the known places of a CSV with the columns place, chainage_km, lon, lat (and where they come from).

    Raises
    ------
    InputError
        A column is missing, or a number is none.
    """
    places = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            try:
                values = {key: float(row[key]) for key in ("chainage_km", "lon", "lat")}
                place = row["place"]
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"{path.name}, line {number}: {error}; needed are the columns place, chainage_km, lon, lat with numbers"
                ) from error
            bases = {key: row[key] for key in ("chainage_basis", "position_basis", "source") if row.get(key)}
            places.append(KnownPlace(place, values["chainage_km"], values["lon"], values["lat"], **bases))
    return places


def present_places(conn: Connection) -> list[KnownPlace]:
    """Return the known places of the current alignment."""
    rows = conn.execute(
        text("""SELECT place, chainage_km, ST_X(geom), ST_Y(geom), chainage_basis, position_basis, source
                FROM calibration_point WHERE alignment_id = current_alignment() ORDER BY chainage_km""")
    )
    return [KnownPlace(*row) for row in rows]


def locate_km(conn: Connection, km: float, *, version: str | None = None) -> Position:
    """Return where a kilometre is, on the current alignment or on a named version.

    Raises
    ------
    OutsideCorridorError
        The alignment does not reach that kilometre.
    """
    alignment = _alignment(conn, version)
    point = conn.execute(
        text("SELECT ST_X(p), ST_Y(p) FROM point_at_chainage(:km, :id) AS p"), {"km": km, "id": alignment.id}
    ).one()
    if point[0] is None:
        raise OutsideCorridorError(
            f"km {km:g} is not on alignment {alignment.version}, which runs from km {alignment.km_from:g} to {alignment.km_to:g}"
        )
    return _position(conn, alignment, km=km, lon=point[0], lat=point[1], offset_m=0.0, side="on")


def locate_point(conn: Connection, lon: float, lat: float, *, version: str | None = None) -> Position:
    """Return the kilometre nearest to a place, with offset and side.

    Raises
    ------
    InputError
        These are not a longitude and a latitude.
    OutsideCorridorError
        The place is further from the road than the corridor reaches.
    """
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise InputError(
            f"longitude {lon:g}, latitude {lat:g}: a longitude is -180 to 180, a latitude -90 to 90 degrees"
        )
    alignment = _alignment(conn, version)
    row = conn.execute(
        text("""SELECT chainage_km, offset_m, side
                FROM corridor_reference(ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), :id)"""),
        {"lon": lon, "lat": lat, "id": alignment.id},
    ).one()
    if row.chainage_km is None:
        raise OutsideCorridorError(f"{lat:g}, {lon:g} (latitude, longitude) is more than 50 km from the road")
    return _position(conn, alignment, km=row.chainage_km, lon=lon, lat=lat, offset_m=row.offset_m, side=row.side)


def segments(conn: Connection, km_from: float | None = None, km_to: float | None = None) -> list[SegmentRow]:
    """Return the segments of the current alignment that overlap a stretch, in order."""
    rows = conn.execute(
        text("""SELECT id, km_from, km_to, place, basis, country, consequence, ST_AsBinary(geom) AS geom FROM segment
                WHERE alignment_id = current_alignment()
                  AND km_to > coalesce(CAST(:km_from AS float8), '-Infinity') AND km_from < coalesce(CAST(:km_to AS float8), 'Infinity')
                ORDER BY km_from"""),
        {"km_from": km_from, "km_to": km_to},
    )
    return [
        SegmentRow(
            row.id, row.km_from, row.km_to, row.place, row.basis, row.country, row.consequence,
            tuple((lon, lat) for lon, lat in shapely.from_wkb(bytes(row.geom)).coords),
        )
        for row in rows
    ]  # fmt: skip


def buffer(conn: Connection, distance_m: float) -> BaseGeometry:
    """Return the area within a distance of the current alignment, EPSG:4326."""
    _alignment(conn, None)
    shape = conn.scalar(
        text("""SELECT ST_AsBinary(ST_Transform(ST_Buffer(ST_Collect(ST_Simplify(line, :tolerance)), :distance), 4326))
                FROM (SELECT ST_LineMerge(ST_Collect(geom ORDER BY km_from)) AS line
                      FROM alignment_part WHERE alignment_id = current_alignment()) AS merged"""),
        {"distance": distance_m, "tolerance": min(50.0, distance_m / 50)},
    )
    return shapely.from_wkb(bytes(shape))


def _known(conn: Connection, version: str) -> LoadReport | None:
    row = conn.execute(
        text("""SELECT a.km_from, a.km_to, (SELECT count(*) FROM segment AS s WHERE s.alignment_id = a.id)
                FROM alignment AS a WHERE a.version = :version"""),
        {"version": version},
    ).one_or_none()
    return LoadReport(version, row[0], row[1], row[2], (), 0, False) if row else None


def _alignment(conn: Connection, version: str | None) -> Any:
    row = conn.execute(
        text("""SELECT id, version, km_from, km_to FROM alignment
                WHERE version = :version OR (CAST(:version AS text) IS NULL AND valid_to IS NULL)"""),
        {"version": version},
    ).one_or_none()
    if row is None:
        known = conn.scalars(text("SELECT version FROM alignment ORDER BY valid_from, id")).all()
        raise NotFoundError(
            f"there is no alignment {version}; known are {', '.join(known)}"
            if version and known
            else "no alignment is loaded yet; load one with `kkh corridor load FILE`"
        )
    return row


def _insert_alignment(
    conn: Connection, line: CalibratedLine, *, name: str, version: str, valid_from: date, source: str
) -> int:
    present = conn.execute(
        text("SELECT version, valid_from FROM alignment WHERE valid_to IS NULL FOR UPDATE")
    ).one_or_none()
    if present and present.valid_from > valid_from:
        raise CorridorError(
            f"alignment {version} would be valid from {valid_from}, before the present {present.version} "
            f"({present.valid_from}); give a later --valid-from"
        )
    conn.execute(text("UPDATE alignment SET valid_to = :day WHERE valid_to IS NULL"), {"day": valid_from})
    alignment: int = conn.execute(
        text("""INSERT INTO alignment (name, version, valid_from, source, km_from, km_to, geom)
                VALUES (:name, :version, :valid_from, :source, :km_from, :km_to, ST_GeomFromWKB(:geom, 4326)) RETURNING id"""),
        {
            "name": name, "version": version, "valid_from": valid_from, "source": source,
            "km_from": line.km[0], "km_to": line.km[-1], "geom": _measured_wkb(line),
        },
    ).scalar_one()  # fmt: skip
    conn.execute(
        text("""INSERT INTO alignment_part (alignment_id, km_from, km_to, geom)
                SELECT :id, km[i], km[i + 1], ST_SetSRID(ST_MakeLine(ST_MakePoint(x[i], y[i]), ST_MakePoint(x[i + 1], y[i + 1])), 32643)
                FROM (SELECT CAST(:km AS float8[]) AS km, CAST(:x AS float8[]) AS x, CAST(:y AS float8[]) AS y) AS vertex,
                     generate_series(1, cardinality(km) - 1) AS i"""),
        {"id": alignment, "km": line.km.tolist(), "x": line.xy[:, 0].tolist(), "y": line.xy[:, 1].tolist()},
    )
    conn.execute(text("ANALYZE alignment_part"))
    return alignment


def _measured_wkb(line: CalibratedLine) -> bytes:
    """Return the LineStringM (ISO WKB type 2002)."""
    values = np.column_stack([line.lonlat, line.km]).astype("<f8")
    return b"\x01" + np.array([2002, len(values)], dtype="<u4").tobytes() + values.tobytes()


def _insert_calibration(conn: Connection, alignment: int, fits: Sequence[Fit]) -> None:
    used = [fit for fit in fits if fit.used]
    if not used:
        return
    conn.execute(
        text("""INSERT INTO calibration_point
                    (alignment_id, place, chainage_km, chainage_basis, position_basis, distance_to_line_m, source, geom)
                VALUES (:id, :place, :km, :chainage_basis, :position_basis, :distance, :source,
                        ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))"""),
        [
            {
                "id": alignment, "place": fit.place.place, "km": fit.place.chainage_km,
                "chainage_basis": fit.place.chainage_basis, "position_basis": fit.place.position_basis,
                "distance": fit.distance_m, "source": fit.place.source, "lon": fit.place.lon, "lat": fit.place.lat,
            }
            for fit in used
        ],
    )  # fmt: skip


def _insert_segments(conn: Connection, alignment: int, line: CalibratedLine, pieces: Sequence[Piece]) -> int:
    marks = np.unique(np.r_[line.km[0], np.arange(np.ceil(line.km[0]), line.km[-1]), line.km[-1]])
    marks = np.delete(marks, np.flatnonzero(np.diff(marks) < 0.001) + 1) if len(marks) > 2 else marks
    at = _piece_at(line, pieces, (marks[:-1] + marks[1:]) / 2)
    places = [fit.place for fit in line.fits if fit.used]
    rows = []
    for km_from, km_to, piece in zip(marks[:-1].tolist(), marks[1:].tolist(), at, strict=True):
        names = [place.place for place in places if km_from <= place.chainage_km < km_to]
        rows.append(
            {
                "id": alignment, "km_from": km_from, "km_to": km_to, "place": " / ".join(names) or None,
                "basis": piece.basis, "country": piece.country, "geom": shapely.LineString(line.cut(km_from, km_to)).wkb,
            }
        )  # fmt: skip
    conn.execute(
        text("""INSERT INTO segment (alignment_id, km_from, km_to, place, basis, country, geom)
                VALUES (:id, :km_from, :km_to, :place, :basis, :country, ST_GeomFromWKB(:geom, 4326))"""),
        rows,
    )
    return len(rows)


def _piece_at(line: CalibratedLine, pieces: Sequence[Piece], km: Array) -> list[Piece]:
    """Return the piece of the file that the road belongs to at each chainage: the nearest one."""
    points = shapely.points(np.column_stack([np.interp(km, line.km, line.lonlat[:, axis]) for axis in (0, 1)]))
    tree = shapely.STRtree([shapely.LineString(piece.lonlat) for piece in pieces])
    return [pieces[index] for index in np.atleast_1d(tree.nearest(points))]


def _position(
    conn: Connection, alignment: Any, *, km: float, lon: float, lat: float, offset_m: float, side: str
) -> Position:
    row = conn.execute(
        text("""SELECT s.km_from, s.km_to, s.basis, now.chainage_km AS present_km, now.offset_m AS present_offset_m,
                       (SELECT c.place FROM calibration_point AS c WHERE c.alignment_id = s.alignment_id
                        ORDER BY abs(c.chainage_km - :km) LIMIT 1) AS place
                FROM segment AS s LEFT JOIN corridor_reference(ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), current_alignment()) AS now
                  ON :id <> current_alignment()
                WHERE s.alignment_id = :id AND :km BETWEEN s.km_from AND s.km_to ORDER BY s.km_from DESC LIMIT 1"""),
        {"km": km, "id": alignment.id, "lon": lon, "lat": lat},
    ).one_or_none()
    return Position(
        km=km, lon=lon, lat=lat, offset_m=offset_m, side=side, alignment=alignment.version,
        segment=f"{row.km_from:g}-{row.km_to:g}" if row else None,
        place=row.place if row else None, basis=row.basis if row else None,
        present_km=row.present_km if row else None, present_offset_m=row.present_offset_m if row else None,
    )  # fmt: skip
