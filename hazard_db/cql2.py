"""Filters in CQL2 (OGC 21-065r2) as conditions of a statement: every value is a parameter, every name a known column."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import cql2

from hazard_db.cql2_geometry import literal
from hazard_db.errors import InputError
from hazard_db.published import Collection, Condition

LONGEST = 20_000
DEEPEST, DEEPEST_TEXT = 60, 10
"""Brackets within brackets: beyond this nobody wrote it by hand, and parsers run out of stack; that of CQL2 text doubles its time
with each bracket after IN."""
PREFIX = "c"

Number, Text, Truth, Time, Shape, List = "number", "text", "boolean", "time", "geometry", "array"


@dataclass(frozen=True)
class Piece:
    """Part of a statement and what kind of value it is; a span of time has an end of its own."""

    sql: str
    kind: str
    end: str | None = None


COMPARISONS = {"=": "=", "<>": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
ARITHMETIC = {"+": "+", "-": "-", "*": "*", "/": "/", "%": "mod", "^": "^", "div": "div"}
SPATIAL = {
    "s_intersects": "ST_Intersects", "s_contains": "ST_Contains", "s_within": "ST_Within", "s_equals": "ST_Equals",
    "s_disjoint": "ST_Disjoint", "s_touches": "ST_Touches", "s_overlaps": "ST_Overlaps", "s_crosses": "ST_Crosses",
}  # fmt: skip
TEMPORAL = {
    "t_after": "{a} > {z2}", "t_before": "{z} < {a2}", "t_contains": "{a} < {a2} AND {z} > {z2}",
    "t_disjoint": "{z} < {a2} OR {a} > {z2}", "t_during": "{a} > {a2} AND {z} < {z2}",
    "t_equals": "{a} = {a2} AND {z} = {z2}", "t_finishedby": "{a} < {a2} AND {z} = {z2}",
    "t_finishes": "{a} > {a2} AND {z} = {z2}", "t_intersects": "{a} <= {z2} AND {z} >= {a2}", "t_meets": "{z} = {a2}",
    "t_metby": "{a} = {z2}", "t_overlappedby": "{a} > {a2} AND {a} < {z2} AND {z} > {z2}",
    "t_overlaps": "{a} < {a2} AND {z} > {a2} AND {z} < {z2}", "t_startedby": "{a} = {a2} AND {z} > {z2}",
    "t_starts": "{a} = {a2} AND {z} < {z2}",
}  # fmt: skip
ARRAYS = {"a_equals": "=", "a_contains": "@>", "a_containedby": "<@", "a_overlaps": "&&"}
STROKED, UNSTROKED = "ØøĐđŁłĦħŦŧı", "OoDdLlHhTti"
"""Letters with a stroke, which Unicode does not take apart into a letter and a mark."""
KIND_OF = {
    "integer": Number, "number": Number, "boolean": Truth, "date": Time, "timestamp": Time, "array": List, "json": Text,
}  # fmt: skip


def condition(
    collection: Collection, text: str, *, json_encoded: bool, srid: int = 4326, flipped: bool = False
) -> Condition:
    """Return a filter as a condition on the collection's view (alias `t`).

    Parameters
    ----------
    json_encoded
        Whether it is CQL2 JSON, else CQL2 text.
    srid, flipped
        Of the geometries in the filter; flipped = latitude or northing first.

    Raises
    ------
    InputError
        It cannot be read, names what the collection has not, or compares what cannot be compared.
    """
    tree = _parse(text, json_encoded)
    writer = _Writer(collection, srid, flipped)
    try:
        piece = writer.write(tree)
    except RecursionError as error:
        raise InputError("the filter is nested too deeply") from error
    if piece.kind != Truth:
        raise InputError("the filter is no condition: it must be true or false for a feature")
    return Condition(piece.sql, writer.values)


def _parse(text: str, json_encoded: bool) -> Any:
    depth = deepest = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        deepest = max(deepest, depth)
    words, levels = text.casefold(), DEEPEST if json_encoded else DEEPEST_TEXT
    if len(text) > LONGEST or deepest > levels or words.count("not") > DEEPEST * 5 or text.count("-") > LONGEST // 4:
        raise InputError(f"the filter is too long or nested too deeply (at most {LONGEST} characters, {levels} levels)")
    try:
        if json_encoded:
            return json.loads(text)
        return cql2.parse_text(text).to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"the filter cannot be read: {reason}") from error


class _Writer:
    """Writes an expression of CQL2 as SQL and gathers its values."""

    def __init__(self, collection: Collection, srid: int, flipped: bool) -> None:
        self.collection, self.srid, self.flipped = collection, srid, flipped
        self.values: dict[str, Any] = {}

    def write(self, node: Any) -> Piece:
        """Return the node as SQL."""
        if isinstance(node, bool):
            return Piece("true" if node else "false", Truth)
        if isinstance(node, int | float) and math.isfinite(node):
            return self._bound(float(node), Number, "float8")
        if isinstance(node, str):
            return self._bound(node, Text, "text")
        if isinstance(node, list):
            return self._list(node)
        if isinstance(node, Mapping):
            for key, way in self._ways.items():
                if key in node:
                    return way(self, node)
        raise InputError(f"the filter holds what is not understood: {json.dumps(node, default=str)[:100]}")

    def _bound(self, value: Any, kind: str, cast: str) -> Piece:
        name = f"{PREFIX}{len(self.values)}"
        self.values[name] = value
        return Piece(f"CAST(%({name})s AS {cast})", kind)

    def _property(self, node: Mapping[str, Any]) -> Piece:
        name = node["property"]
        if name in ("geom", "geometry") and self.collection.geometry:
            return Piece("t.geom", Shape)
        column = self.collection.column(name) if isinstance(name, str) else None
        if column is None:
            known = ", ".join(one.name for one in self.collection.columns)
            raise InputError(f"{self.collection.name} has no property {name!r}; it has {known}")
        kind = KIND_OF.get(column.kind, Text)
        if column.kind in {"uuid", "json", "other"}:
            return Piece(f"CAST({column.sql} AS text)", kind)
        return Piece(column.sql, kind)

    def _operation(self, node: Mapping[str, Any]) -> Piece:
        name, args = node["op"], node.get("args", [])
        if not isinstance(name, str) or not isinstance(args, Sequence) or isinstance(args, str):
            raise InputError("the filter holds an operation without a name or arguments")
        lower = name.lower()
        for table, write in self._operations.items():
            if lower in _TABLES[table]:
                return write(self, lower, list(args))
        raise InputError(f"the filter names {name!r}, which is unknown here")

    def _comparison(self, name: str, args: list[Any]) -> Piece:
        left, right = self._two(name, args)
        left, right = _alike(name, left, right)
        if left.end or right.end or left.kind == Shape:
            raise InputError(f"{name} does not compare {left.kind} values")
        return Piece(f"({left.sql} {COMPARISONS[name]} {right.sql})", Truth)

    def _logic(self, name: str, args: list[Any]) -> Piece:
        if not args or (name == "not" and len(args) != 1):
            raise InputError(f"{name} needs conditions")
        parts = [self._truth(arg, name) for arg in args]
        return Piece(f"(NOT {parts[0]})" if name == "not" else f"({f' {name.upper()} '.join(parts)})", Truth)

    def _truth(self, node: Any, name: str) -> str:
        piece = self.write(node)
        if piece.kind != Truth:
            raise InputError(f"{name} joins conditions, not {piece.kind} values")
        return piece.sql

    def _special(self, name: str, args: list[Any]) -> Piece:
        if name == "isnull":
            return Piece(f"({self._one(name, args).sql} IS NULL)", Truth)
        if name == "between":
            if len(args) != 3:
                raise InputError("between needs a value and two limits")
            value, low, high = (self.write(arg) for arg in args)
            (value, low), (_, high) = _alike(name, value, low), _alike(name, value, high)
            return Piece(f"({value.sql} BETWEEN {low.sql} AND {high.sql})", Truth)
        if name == "like":
            value, pattern = self._two(name, args)
            if value.kind != Text or pattern.kind != Text:
                raise InputError("like compares texts")
            return Piece(f"({value.sql} LIKE {pattern.sql})", Truth)
        return self._in(args)

    def _in(self, args: list[Any]) -> Piece:
        if len(args) != 2 or not isinstance(args[1], list) or not args[1]:
            raise InputError("in needs a value and a list")
        value = self.write(args[0])
        pairs = [_alike("in", value, self.write(one)) for one in args[1]]
        return Piece(f"({pairs[0][0].sql} IN ({', '.join(other.sql for _, other in pairs)}))", Truth)

    def _arithmetic(self, name: str, args: list[Any]) -> Piece:
        left, right = self._two(name, args)
        if {left.kind, right.kind} != {Number}:
            raise InputError(f"{name} reckons with numbers")
        a, b = (f"CAST({one.sql} AS float8)" for one in (left, right))
        if name == "div":
            return Piece(f"trunc({a} / nullif({b}, 0))", Number)
        if name in "/%":
            b = f"nullif({b}, 0)"
        if name == "%":  # of PostgreSQL one of exact numbers; each operand stands once, or chains of them would double
            return Piece(f"CAST(mod(CAST({a} AS numeric), CAST({b} AS numeric)) AS float8)", Number)
        return Piece(f"({a} {ARITHMETIC[name]} {b})", Number)

    def _fold(self, name: str, args: list[Any]) -> Piece:
        piece = self._one(name, args)
        if piece.kind != Text:
            raise InputError(f"{name} is for texts")
        if name == "casei":
            return Piece(f"lower({piece.sql})", Text)
        bare = f"regexp_replace(normalize({piece.sql}, NFD), U&'[\\0300-\\036F]', '', 'g')"
        return Piece(f"translate({bare}, '{STROKED}', '{UNSTROKED}')", Text)

    def _spatial(self, name: str, args: list[Any]) -> Piece:
        left, right = self._two(name, args)
        if {left.kind, right.kind} != {Shape}:
            raise InputError(f"{name} compares geometries")
        return Piece(f"{SPATIAL[name]}({left.sql}, {right.sql})", Truth)

    def _temporal(self, name: str, args: list[Any]) -> Piece:
        left, right = self._two(name, args)
        left, right = _alike(name, left, right)
        if left.kind != Time:
            raise InputError(f"{name} compares times")
        spans = {"a": left.sql, "z": left.end or left.sql, "a2": right.sql, "z2": right.end or right.sql}
        return Piece(f"({TEMPORAL[name].format(**spans)})", Truth)

    def _array(self, name: str, args: list[Any]) -> Piece:
        left, right = self._two(name, args)
        if {left.kind, right.kind} != {List}:
            raise InputError(f"{name} compares lists")
        return Piece(f"({left.sql} {ARRAYS[name]} {right.sql})", Truth)

    def _list(self, node: list[Any]) -> Piece:
        if all(isinstance(one, str | int | float) for one in node):
            texts = [one if isinstance(one, str) else f"{one:g}" for one in node]
            return self._bound(texts, List, "text[]")
        raise InputError("a list in the filter holds texts or numbers")

    def _instant(self, node: Mapping[str, Any]) -> Piece:
        return self._moment(node.get("date", node.get("timestamp")))

    def _interval(self, node: Mapping[str, Any]) -> Piece:
        ends = node["interval"]
        if not isinstance(ends, list) or len(ends) != 2:
            raise InputError("an interval has two ends")
        pieces = []
        for end, open_end in zip(ends, ("-infinity", "infinity"), strict=True):
            if end in ("..", "", None):
                pieces.append(Piece(f"CAST('{open_end}' AS timestamptz)", Time))
            else:
                pieces.append(self.write(end) if isinstance(end, Mapping) else self._moment(end))
        if {piece.kind for piece in pieces} != {Time}:
            raise InputError("the ends of an interval are times")
        return Piece(pieces[0].sql, Time, pieces[1].sql)

    def _moment(self, text: Any) -> Piece:
        return self._bound(moment(text), Time, "timestamptz")

    def _geometry(self, node: Mapping[str, Any]) -> Piece:
        name = f"{PREFIX}{len(self.values)}"
        self.values[name] = json.dumps(literal(node, degrees=self.srid == 4326, flipped=self.flipped))
        sql = f"ST_SetSRID(ST_GeomFromGeoJSON(%({name})s), {self.srid})"
        sql = f"ST_FlipCoordinates({sql})" if self.flipped else sql
        return Piece(f"ST_Transform({sql}, 4326)" if self.srid != 4326 else sql, Shape)

    def _one(self, name: str, args: list[Any]) -> Piece:
        if len(args) != 1:
            raise InputError(f"{name} needs one value")
        return self.write(args[0])

    def _two(self, name: str, args: list[Any]) -> tuple[Piece, Piece]:
        if len(args) != 2:
            raise InputError(f"{name} needs two values")
        return self.write(args[0]), self.write(args[1])

    _ways: Mapping[str, Callable[[_Writer, Mapping[str, Any]], Piece]] = {
        "op": _operation, "property": _property, "date": _instant, "timestamp": _instant, "interval": _interval,
        "bbox": _geometry, "coordinates": _geometry, "geometries": _geometry,
    }  # fmt: skip
    _operations: Mapping[str, Callable[[_Writer, str, list[Any]], Piece]] = {
        "comparison": _comparison, "logic": _logic, "special": _special, "arithmetic": _arithmetic, "fold": _fold,
        "spatial": _spatial, "temporal": _temporal, "array": _array,
    }  # fmt: skip


_TABLES: Mapping[str, frozenset[str]] = {
    "comparison": frozenset(COMPARISONS), "logic": frozenset({"and", "or", "not"}),
    "special": frozenset({"isnull", "between", "like", "in"}), "arithmetic": frozenset(ARITHMETIC),
    "fold": frozenset({"casei", "accenti"}), "spatial": frozenset(SPATIAL), "temporal": frozenset(TEMPORAL),
    "array": frozenset(ARRAYS),
}  # fmt: skip


def moment(text: Any) -> datetime:
    """Return a date or time of RFC 3339; what tells no zone is in UTC.

    Raises
    ------
    InputError
        It is neither.
    """
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InputError(f"{str(text)[:40]!r} is no date or time: write 2022-05-07 or 2022-05-07T10:00:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _alike(name: str, left: Piece, right: Piece) -> tuple[Piece, Piece]:
    """Return both as values of one kind; a text beside a time is read as one."""
    if {left.kind, right.kind} == {Text, Time}:
        left, right = (
            Piece(f"CAST({one.sql} AS timestamptz)", Time) if one.kind == Text else one for one in (left, right)
        )
    if left.kind != right.kind:
        raise InputError(f"{name} cannot compare a {left.kind} with a {right.kind}")
    return left, right
