"""The ledger of the road: closures and works by kilometre, what they were about, and every version of each entry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Connection, text

from hazard_db import audit
from hazard_db.errors import ConflictError, InputError, NotFoundError, OutsideCorridorError
from hazard_db.search import Window


@dataclass(frozen=True)
class Book:
    """One of the two books: where it is kept, and what an entry may tell."""

    name: str
    """Of its pages and its published view."""
    table: str
    told: tuple[str, ...]
    """Columns besides the kilometres."""
    begins: str
    ends: str
    key: tuple[str, ...]
    """Columns that tell an entry from every other, with its kilometres."""
    inside: tuple[str, ...] = ()
    """Columns that are not published."""


CLOSURES = Book(
    "closures", "closure",
    ("closed_at", "closed_precision", "opened_at", "cause", "vehicle_class", "detour", "note", "event_id", "structure_id", "source"),
    "closed_at", "opened_at", ("closed_at", "vehicle_class", "source"),
)  # fmt: skip
WORKS = Book(
    "works", "road_work",
    ("kind", "status", "description", "started_on", "ended_on", "cost", "currency", "contractor", "closure_id", "event_id", "site_id",
     "structure_id", "source"),
    "started_on", "ended_on", ("kind", "started_on", "description", "source"), inside=("cost", "currency", "contractor"),
)  # fmt: skip
BOOKS: Mapping[str, Book] = {book.name: book for book in (CLOSURES, WORKS)}
LINKS = {"event_id": "event", "site_id": "site", "closure_id": "closure", "structure_id": "structure"}


def enter(
    conn: Connection, book: Book, told: Mapping[str, Any], *, file: int | None = None
) -> tuple[int, Literal["new", "unchanged", "revised"]]:
    """Return the number of an entry and what became of it; the very same one told again is the one that is there.

    Parameters
    ----------
    told
        Columns of the book, and km_from, km_to.
    file
        Number of the file that it came in by: what it says otherwise than the entry that is there corrects that one.

    Raises
    ------
    InputError
        Kilometres or times are in the wrong order, or in the future.
    OutsideCorridorError
        The road has no such kilometres.
    NotFoundError
        What it is linked to is not there.
    ConflictError
        The same closure or work is there and says something else, and no file corrects it.
    """
    values = _checked(conn, book, told) | {"file": file}
    names = ", ".join(book.told)
    made = conn.scalar(
        text(f"""INSERT INTO {book.table} (chainage_from_km, chainage_to_km, {names}, key_sha256, source_file_id)
                 VALUES (:km_from, :km_to, {", ".join(f":{name}" for name in book.told)}, :sha, :file)
                 ON CONFLICT (key_sha256) WHERE withdrawn_at IS NULL DO NOTHING RETURNING id"""),
        values,
    )
    if made is not None:
        return int(made), "new"
    query = text(f"SELECT id, {names} FROM {book.table} WHERE key_sha256 = :sha AND withdrawn_at IS NULL FOR UPDATE")
    there = conn.execute(query, values).one()
    if all(getattr(there, name) == values[name] for name in book.told):
        return int(there.id), "unchanged"
    if file is None:
        raise ConflictError(
            f"entry {there.id} in the book of {book.name} is about the same and says otherwise; correct that one"
        )
    _write(conn, book, int(there.id), values)
    return int(there.id), "revised"


def revise(conn: Connection, book: Book, number: int, told: Mapping[str, Any], *, expected: int) -> None:
    """Give an entry its corrected content; the version before stays in the log.

    Raises
    ------
    ConflictError
        It was changed since the caller looked at revision `expected`, or another entry is about the same.
    """
    _expect(conn, book, number, expected)
    values = _checked(conn, book, told) | {"id": number}
    twin = text(f"SELECT id FROM {book.table} WHERE key_sha256 = :sha AND withdrawn_at IS NULL AND id <> :id")
    if (other := conn.scalar(twin, values)) is not None:
        raise ConflictError(f"entry {other} is about the same already; withdraw one of the two")
    _write(conn, book, number, values)


def open_road(conn: Connection, number: int, opened_at: datetime) -> None:
    """Enter when a closed road was opened again.

    Raises
    ------
    ConflictError
        It is open already, or it would be opened before it was closed.
    """
    row = _locked(conn, CLOSURES, number)
    if row.opened_at is not None:
        raise ConflictError(
            f"closure {number} ended at {row.opened_at:%Y-%m-%d %H:%M} already; correct the entry instead"
        )
    if opened_at < row.closed_at:
        raise ConflictError("opened_at is before the road was closed")
    conn.execute(text("UPDATE closure SET opened_at = :at WHERE id = :id"), {"at": opened_at, "id": number})


def withdraw(conn: Connection, book: Book, number: int, *, actor: str) -> None:
    """Take an entry back that is wrong; it stays to be seen, and counts nowhere."""
    if _locked(conn, book, number).withdrawn_at is not None:
        return
    conn.execute(
        text(f"UPDATE {book.table} SET withdrawn_at = now(), withdrawn_by = :actor WHERE id = :id"),
        {"id": number, "actor": actor},
    )


def entries(
    conn: Connection, book: Book, window: Window, *, published: bool, going_on: bool = False
) -> list[dict[str, Any]]:
    """Return the entries that touch a stretch and a time, the newest first.

    Parameters
    ----------
    published
        From schema `published`: without costs and withdrawn entries.
    going_on
        Only those that have no end.
    """
    rows = conn.execute(
        text(f"""SELECT {_columns(book, published)} FROM {_table(book, published)} AS b
                 WHERE (CAST(:km_from AS float8) IS NULL OR (chainage_to_km >= :km_from AND chainage_from_km <= :km_to))
                   AND (CAST(:kind AS text) IS NULL OR {"kind" if book is WORKS else "vehicle_class"} = :kind)
                   AND (CAST(:since AS timestamptz) IS NULL OR {book.ends} IS NULL OR {book.ends} >= :since)
                   AND (CAST(:until AS timestamptz) IS NULL OR {book.begins} < :until)
                   AND (NOT :going_on OR {book.ends} IS NULL)
                   {"" if published else "AND withdrawn_at IS NULL AND alignment_id = current_alignment()"}
                 ORDER BY {book.begins} DESC, id DESC LIMIT :limit OFFSET :offset"""),
        window.parameters | {"going_on": going_on},
    )
    return [dict(row._mapping) for row in rows]


def entry(conn: Connection, book: Book, number: int, *, published: bool) -> dict[str, Any]:
    """Return one entry; inside with every version of it.

    Raises
    ------
    NotFoundError
        There is none of that number, or it may not be shown.
    """
    row = conn.execute(
        text(f"SELECT {_columns(book, published)} FROM {_table(book, published)} AS b WHERE id = :id"), {"id": number}
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no entry {number} in the book of {book.name}")
    found = dict(row._mapping)
    if not published:
        found["versions"] = audit.of_record(conn, book.table, number)
    return found


def costs(conn: Connection, km_from: float, km_to: float) -> list[dict[str, Any]]:
    """Return what works that touch a stretch cost, by year, kind and currency; nothing is converted."""
    rows = conn.execute(
        text("""SELECT CAST(extract(year FROM started_on) AS int) AS year, kind, currency, sum(cost) AS cost, count(*) AS works,
                       count(cost) AS priced
                FROM road_work WHERE withdrawn_at IS NULL AND alignment_id = current_alignment() AND status <> 'planned'
                  AND chainage_to_km >= :km_from AND chainage_from_km <= :km_to
                GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3"""),
        {"km_from": km_from, "km_to": km_to},
    )
    return [dict(row._mapping) for row in rows]


def structures(conn: Connection, km_from: float | None = None, km_to: float | None = None) -> list[dict[str, Any]]:
    """Return bridges and other structures along the road, each with the lakes and glaciers whose water comes down within a kilometre."""
    rows = conn.execute(text(_STRUCTURES), {"km_from": km_from, "km_to": km_to})
    return [dict(row._mapping) for row in rows]


def add_structure(
    conn: Connection, *, kind: str, name: str, lon: float, lat: float, accuracy_m: float | None, note: str | None, source: str
) -> int:  # fmt: skip
    """Return the number of a structure; of the one that is there where its source told it before."""
    values = {
        "kind": kind,
        "name": name,
        "lon": lon,
        "lat": lat,
        "accuracy_m": accuracy_m,
        "note": note,
        "source": source,
    }
    number: int = conn.execute(
        text("""INSERT INTO structure (kind, name, accuracy_m, note, source, geom)
                VALUES (:kind, :name, :accuracy_m, :note, :source, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
                ON CONFLICT (name, source) DO UPDATE SET kind = excluded.kind, accuracy_m = excluded.accuracy_m, note = excluded.note,
                    geom = excluded.geom RETURNING id"""),
        values,
    ).scalar_one()
    return number


def register_file(conn: Connection, book: Book, *, name: str, checksum: str, size_bytes: int, form: str) -> int:
    """Return the number of a file of entries, new or known."""
    number: int = conn.execute(
        text("""INSERT INTO source_file (room, name, sha256, size_bytes, format, dataset)
                VALUES ('ledger', :name, :sha, :size, :format, :dataset)
                ON CONFLICT (room, sha256) DO UPDATE SET dataset = excluded.dataset RETURNING id"""),
        {"name": name, "sha": checksum, "size": size_bytes, "format": form, "dataset": book.name},
    ).scalar_one()
    return number


def _checked(conn: Connection, book: Book, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a statement, once they make sense together."""
    values = {**dict.fromkeys(book.told), **told}
    if unknown := sorted(set(values) - {*book.told, "km_from", "km_to"}):
        raise InputError(f"{book.name} have no {', '.join(unknown)}")
    first, last = values["km_from"], values["km_to"]
    if last < first:
        raise InputError(f"km_from {first:g} lies behind km_to {last:g}; the lower kilometre comes first")
    begins, ends = values[book.begins], values[book.ends]
    if ends is not None and ends < begins:
        raise InputError(f"{book.ends} is before {book.begins}")
    if book is CLOSURES and begins > datetime.now(UTC):
        raise InputError(
            f"{book.begins}: {begins:%Y-%m-%d %H:%M} has not come yet; planned works belong to the book of works"
        )
    if book is WORKS and begins > date.today() and values["status"] != "planned":
        raise InputError(f"started_on: {begins} has not come yet; give the status planned")
    if book is WORKS and (values["cost"] is None) != (values["currency"] is None):
        raise InputError("give cost and currency both, or neither")
    road = conn.execute(text("SELECT km_from, km_to FROM alignment WHERE valid_to IS NULL")).one_or_none()
    if road is None or first < road.km_from or last > road.km_to:
        reach = f"runs from km {road.km_from:g} to {road.km_to:g}" if road else "is not loaded yet"
        raise OutsideCorridorError(f"km {first:g}-{last:g}: the road {reach}")
    for name, table in LINKS.items():
        linked = values.get(name)
        if linked is not None and conn.scalar(text(f"SELECT id FROM {table} WHERE id = :id"), {"id": linked}) is None:
            raise NotFoundError(f"{name}: there is no {table} {linked}")
    key = [float(first), float(last), *(values[name] for name in book.key)]
    return values | {"sha": sha256(json.dumps(key, default=_text).encode()).hexdigest()}


def _text(value: Any) -> str:
    """Return a moment the same way in whatever zone it was told, a day as it is."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _write(conn: Connection, book: Book, number: int, values: Mapping[str, Any]) -> None:
    given = ", ".join(f"{name} = :{name}" for name in book.told)
    conn.execute(
        text(f"""UPDATE {book.table} SET chainage_from_km = :km_from, chainage_to_km = :km_to, {given}, key_sha256 = :sha
                 WHERE id = :id"""),
        {**values, "id": number},
    )


def _locked(conn: Connection, book: Book, number: int) -> Any:
    row = conn.execute(text(f"SELECT * FROM {book.table} WHERE id = :id FOR UPDATE"), {"id": number}).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no entry {number} in the book of {book.name}")
    return row


def _expect(conn: Connection, book: Book, number: int, expected: int) -> None:
    row = _locked(conn, book, number)
    if row.withdrawn_at is not None:
        raise ConflictError(f"entry {number} was withdrawn; enter it anew")
    if row.revision != expected:
        raise ConflictError(
            f"entry {number} is at revision {row.revision} by now, not {expected}; look again before you correct it"
        )


def _table(book: Book, published: bool) -> str:
    return f"published.{book.name}" if published else book.table


def _columns(book: Book, published: bool) -> str:
    names = ["id", "chainage_from_km", "chainage_to_km", *book.told, "revision"]
    names = (
        [name for name in names if name not in book.inside]
        if published
        else [*names, "withdrawn_at", "withdrawn_by", "created_at", "created_by"]
    )
    structures_of, events_of = ("published.structures", "published.events") if published else ("structure", "event")
    return (
        ", ".join(names) + ", CAST(ST_AsGeoJSON(geom, 6) AS jsonb) AS geometry, "
        f"(SELECT name FROM {structures_of} AS s WHERE s.id = b.structure_id) AS structure, "
        f"(SELECT name FROM {events_of} AS e WHERE e.id = b.event_id) AS event"
    )


_STRUCTURES = """
SELECT s.id, s.kind, s.name, s.accuracy_m, s.note, s.source, s.chainage_km, s.offset_m, s.side,
       CAST(ST_AsGeoJSON(s.geom, 6) AS jsonb) AS geometry,
       coalesce((SELECT jsonb_agg(jsonb_build_object('kind', CASE WHEN k.lake IS NULL THEN 'glacier' ELSE 'lake' END,
                                      'id', coalesce(l.lake_id, g.glacier_id), 'name', coalesce(l.name, g.name),
                                      'chainage_km', k.chainage_km,
                                      'flow_m', k.flow_m, 'drop_m', k.drop_m) ORDER BY k.flow_m)
                 FROM cascade AS k LEFT JOIN glacial_lake AS l ON l.id = k.lake LEFT JOIN glacier AS g ON g.id = k.glacier
                 WHERE k.alignment_id = s.alignment_id
                   AND abs(k.chainage_km - s.chainage_km) <= greatest(1.0, coalesce(s.accuracy_m, 0) / 1000)), '[]') AS cascades
FROM structure AS s
WHERE s.alignment_id = current_alignment()
  AND (CAST(:km_from AS float8) IS NULL OR s.chainage_km BETWEEN :km_from AND :km_to) ORDER BY s.chainage_km
"""
