"""PostgreSQL's binary COPY for rows with arrays, made and read by whole blocks: row by row it would take many times longer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from hazard_db.connect import raw_copy

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
OIDS = {"f4": 700, "f8": 701}
POINT_4326 = b"\x01" + (0x20000001).to_bytes(4, "little") + (4326).to_bytes(4, "little")


def array(values: npt.NDArray[Any], kind: str) -> tuple[str, npt.NDArray[Any]]:
    """Return rows of numbers, (rows, n), as a column of one-dimensional arrays of `f4` or `f8`."""
    rows, n = values.shape
    size = int(kind[1])
    item = np.dtype([("bytes", ">i4"), ("value", f">{kind}")])
    made = np.empty(
        rows, dtype=[("ndim", ">i4"), ("nulls", ">i4"), ("oid", ">i4"), ("n", ">i4"), ("lower", ">i4"), ("items", item, (n,))]
    )  # fmt: skip
    made["ndim"], made["nulls"], made["oid"], made["n"], made["lower"] = 1, 0, OIDS[kind], n, 1
    made["items"]["bytes"], made["items"]["value"] = size, values
    return "array", made


def points(lon: npt.NDArray[Any], lat: npt.NDArray[Any]) -> tuple[str, npt.NDArray[Any]]:
    """Return places as a column of points, EPSG:4326."""
    made = np.empty(len(lon), dtype=[("head", f"V{len(POINT_4326)}"), ("x", "<f8"), ("y", "<f8")])
    made["head"], made["x"], made["y"] = np.void(POINT_4326), lon, lat
    return "geometry", made


def numbers(values: npt.NDArray[Any], kind: str) -> tuple[str, npt.NDArray[Any]]:
    """Return numbers as a column of i2, i4, i8, f4 or f8."""
    return kind, np.ascontiguousarray(values, dtype=f">{kind}")


def write(
    conn: Connection,
    table: str,
    columns: dict[str, tuple[str, npt.NDArray[Any]]],
    texts: tuple[str, Sequence[str]] | None = None,
    nullable: Sequence[str] = (),
) -> None:
    """Write rows into a table.

    Parameters
    ----------
    columns
        Name -> column as the functions above make it.
    texts
        One column of text.
    nullable
        Columns of numbers in which NaN is NULL.
    """
    rows = len(next(iter(columns.values()))[1])
    if not rows:
        return
    words = np.array([text.encode() for text in texts[1]], dtype=object) if texts else np.empty(rows, dtype=object)
    pattern = np.fromiter(map(len, words), np.int64, rows) if texts else np.zeros(rows, np.int64)
    for name in nullable:
        pattern = pattern << 1 | ~np.isfinite(columns[name][1].astype(np.float64))
    names = [*columns, *([texts[0]] if texts else [])]
    with raw_copy(conn, f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT binary)") as copy:
        copy.write(HEADER)
        # rows alike in what is absent and how long their text is are a block of one layout
        for code in np.unique(pattern):
            pick: Any = np.flatnonzero(pattern == code) if (pattern != code).any() else slice(None)
            absent = {name for k, name in enumerate(reversed(nullable)) if code >> k & 1}
            length = int(code) >> len(nullable) if texts else None
            copy.write(_block({name: column[1][pick] for name, column in columns.items()}, absent, words[pick], length))
        copy.write(TRAILER)


def _block(
    columns: dict[str, npt.NDArray[Any]], absent: set[str], words: npt.NDArray[Any], length: int | None
) -> bytes:
    """Return some rows: the same columns are absent in all, and texts (where there are any) are `length` bytes long."""
    fields: list[Any] = [("fields", ">i2")]
    for name, values in columns.items():
        fields += [(f"{name} bytes", ">i4"), *([] if name in absent else [(name, values.dtype)])]
    if length is not None:
        fields += [("text bytes", ">i4"), *([("text", f"S{length}")] if length else [])]
    made = np.empty(len(words), dtype=fields)
    made["fields"] = len(columns) + (length is not None)
    for name, values in columns.items():
        made[f"{name} bytes"] = -1 if name in absent else values.dtype.itemsize
        if name not in absent:
            made[name] = values
    if length is not None:
        made["text bytes"] = length
        if length:
            made["text"] = words
    return made.tobytes()


def read(conn: Connection, query: str, columns: dict[str, tuple[str, int]]) -> npt.NDArray[Any]:
    """Return the rows of a query as a structured array in the machine's byte order.

    Parameters
    ----------
    query
        Its columns in order, none of them NULL; values are part of its text, so they must be numbers of ours.
    columns
        Name -> kind (i2 ... f8) and how many: 0 = a number, n = an array of n.
    """
    fields: list[Any] = [("fields", ">i2")]
    for name, (kind, n) in columns.items():
        fields.append((f"{name} bytes", ">i4"))
        if n:
            fields.append((f"{name} head", "V20"))
            fields.append((name, [("bytes", ">i4"), ("value", f">{kind}")], (n,)))
        else:
            fields.append((name, f">{kind}"))
    layout = np.dtype(fields)
    with raw_copy(conn, f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
        body = _body(copy)
    rows, rest = divmod(len(body), layout.itemsize)
    assert rest == 0, f"{len(body)} bytes are not rows of {layout.itemsize}: a column is NULL or of another kind"
    found = np.frombuffer(body, dtype=layout, count=rows)
    out = np.empty(rows, dtype=[(name, kind, (n,)) if n else (name, kind) for name, (kind, n) in columns.items()])
    for name, (_, n) in columns.items():
        out[name] = found[name]["value"] if n else found[name]
    return out


def _body(blocks: Iterable[Any]) -> bytes:
    whole = b"".join(bytes(block) for block in blocks)
    return whole[len(HEADER) : -len(TRAILER)]
