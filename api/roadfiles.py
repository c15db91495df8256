"""A stretch for the engineer's own tools: a workbook with a sheet per table, a GeoPackage with a layer per kind of record."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import xlsxwriter

from api.exports import column as column_of
from api.exports import flat, harmless
from api.roadcells import Table
from api.texts import translate
from hazard_db.ogr import pyogrio
from hazard_db.stretch import Row, Stretch
from hazard_db.wording import DIRECTIONS

WIDEST = 60
SHEET_NAME = 31
"""Characters that a sheet's name may have."""


def as_xlsx(known: Stretch, tables: Sequence[Table], notes: Sequence[str], lang: str) -> bytes:
    """Return a workbook: numbers and days as such, filters on, heads that stay; from right to left in Urdu."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "remove_timezone": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    formats = {"d": book.add_format({"num_format": "yyyy-mm-dd"}), "n": book.add_format({"num_format": "#,##0.0##"})}
    t = translate(lang)
    front = book.add_worksheet(t("report.sources")[:SHEET_NAME])
    front.set_column(0, 0, 110)
    title = t("road.title", a=f"{known.asked.km_from:g}", b=f"{known.asked.km_to:g}")
    blank = [t("road.blank", a=f"{known.asked.km_from:g}", b=f"{known.asked.km_to:g}")] if known.blank else []
    for row, line in enumerate([title, *blank, *notes]):
        front.write_string(row, 0, line, bold if row == 0 else None)
    used = {front.get_name().casefold()}
    for table in tables:
        sheet = book.add_worksheet(_sheet_name(table.title, used))
        _fill(sheet, table, bold, formats)
    for sheet in book.worksheets():
        if DIRECTIONS[lang] == "rtl":
            sheet.right_to_left()
    book.close()
    return out.getvalue()


def as_gpkg(known: Stretch) -> bytes:
    """Return a GeoPackage in EPSG:4326: the segments with their ratings, and every kind of record that has a place."""
    layers: dict[str, list[dict[str, Any]]] = {"segments": _segments(known)}
    for name in ("sites", "events", "changes", "closures", "works", "structures"):
        layers[name] = [dict(one) for one in getattr(known, name)]
    layers["deformation_areas"] = [_without(one, {"series", "scatter", "times_yr", "dates"}) for one in known.areas]
    layers["observations"] = [_without(one, {"shape", "source_record"}) for one in known.observations]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stretch.gpkg"
        for name, rows in layers.items():
            if rows or name == "segments":
                _layer(path, name, rows)
        return path.read_bytes()


def _fill(sheet: Any, table: Table, bold: Any, formats: Mapping[str, Any]) -> None:
    widths = [len(head) for head in table.head]
    for column, head in enumerate(table.head):
        sheet.write_string(0, column, head, bold)
    for number, row in enumerate(table.rows, start=1):
        for column, one in enumerate(row):
            widths[column] = min(WIDEST, max(widths[column], len(one.words)))
            _write(
                sheet,
                number,
                column,
                one.value if one.kind in {"n", "d"} and "–" not in one.words[1:] else one.words,
                formats,
            )
    if not table.rows:
        sheet.write_string(1, 0, table.none)
    for column, wide in enumerate(widths):
        sheet.set_column(column, column, wide + 3)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(table.rows)), len(table.head) - 1)


def _write(sheet: Any, row: int, column: int, value: Any, formats: Mapping[str, Any]) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        sheet.write_number(row, column, value, formats["n"] if isinstance(value, float) and value % 1 else None)
    elif isinstance(value, datetime | date):
        sheet.write_datetime(row, column, value, formats["d"])
    elif value is not None:
        sheet.write_string(row, column, str(harmless(str(value))))


def _sheet_name(title: str, used: set[str]) -> str:
    """Return a name that a workbook takes and that no other sheet has."""
    plain = "".join(sign for sign in title if sign not in "[]:*?/\\'")[:SHEET_NAME] or "-"
    name, number = plain, 2
    while name.casefold() in used:
        name, number = f"{plain[: SHEET_NAME - 3]} {number}", number + 1
    used.add(name.casefold())
    return name


def _segments(known: Stretch) -> list[dict[str, Any]]:
    rows = []
    for one in known.segments:
        rating, point = known.rating(one), known.points.get(one.id)
        good = [
            look["last_good_look"] for look in known.looks if look["segment_id"] == one.id and look["last_good_look"]
        ]
        rows.append({
            "segment": one.id, "km_from": one.km_from, "km_to": one.km_to, "place": one.place, "basis": one.basis,
            "consequence": one.consequence,
            "grade": rating["grade"] if rating else "unknown", "score": rating["score"] if rating else None,
            "confidence": rating["confidence"] if rating else None, "fastest_mm_yr": point["fastest"] if point else None,
            "points_measured": point["n"] if point else 0, "observations": known.counts.get(one.id, 0),
            "last_good_look": str(max(good)) if good else None,
            "geometry": {"type": "LineString", "coordinates": one.lonlat},
        })  # fmt: skip
    return rows


def _without(row: Row, hidden: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in hidden}


def _layer(path: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    told = [flat(row) for row in rows]
    shapes = [row.get("geometry") for row in rows]
    names = list(dict.fromkeys(key for row in told for key in row)) or ["id"]
    fields = ["record_id" if key.lower() in {"fid", "id"} else key for key in names]
    pyogrio.raw.write(
        path, driver="GPKG", layer=name, fields=fields, field_data=[column_of([row.get(key) for row in told]) for key in names],
        geometry=np.array([shapely.to_wkb(shapely.from_geojson(json.dumps(one))) if one else None for one in shapes], dtype=object),
        geometry_type="LineString" if name == "segments" else "Unknown", crs="EPSG:4326",
    )  # fmt: skip
