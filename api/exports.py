"""Records as files that other programs open: GeoJSON, CSV, XLSX, GeoPackage, KML."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from api.pages import collection
from api.plain import plain
from hazard_db.ogr import pyogrio

Row = Mapping[str, Any]
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take for the beginning of a formula; some run programs."""


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    media_type: str
    write: Callable[[Sequence[Row], str], bytes]
    """Gives the file's content from records and the name of their kind."""


def _geojson(items: Sequence[Row], what: str) -> bytes:
    return json.dumps(plain(collection(items, name=what)), ensure_ascii=False).encode()


def _csv(items: Sequence[Row], what: str) -> bytes:
    del what
    rows = [_with_place(item) for item in items]
    out = io.StringIO()
    writer = csv.writer(out)
    names = _columns(rows)
    writer.writerow([harmless(name) for name in names])
    writer.writerows([[harmless(row.get(name)) for name in names] for row in rows])
    return out.getvalue().encode("utf-8-sig")  # without the mark Excel takes Chinese and Urdu for something else


def _xlsx(items: Sequence[Row], what: str) -> bytes:
    rows = [_with_place(item) for item in items]
    safe = [{str(harmless(name)): harmless(value) for name, value in row.items()} for row in rows]
    return _by_ogr(safe, None, what, "XLSX")


def _gpkg(items: Sequence[Row], what: str) -> bytes:
    return _by_ogr([flat(item) for item in items], _shapes(items), what, "GPKG")


def _kml(items: Sequence[Row], what: str) -> bytes:
    rows = [{"name": _title(item), **flat(item)} for item in items]
    return _by_ogr(rows, _shapes(items), what, "KML")


FORMATS: Mapping[str, Format] = {
    "geojson": Format("application/geo+json", _geojson),
    "csv": Format("text/csv; charset=utf-8", _csv),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _xlsx),
    "gpkg": Format("application/geopackage+sqlite3", _gpkg),
    "kml": Format("application/vnd.google-earth.kml+xml", _kml),
}


def harmless(value: Any) -> Any:
    """Return a value that no spreadsheet runs; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _title(item: Row) -> str:
    return str(item.get("code") or item.get("name") or f"{item.get('kind')} {item['id']}")


def flat(item: Row) -> dict[str, Any]:
    """Return a record without depth: attributes as columns of their own, lists as JSON."""
    told = plain({name: value for name, value in item.items() if name not in {"geometry", "shape", "attributes"}})
    inside = plain(item.get("attributes") or {})
    told |= {name if name not in told else f"attribute_{name}": value for name, value in inside.items()}
    return {
        name: json.dumps(one, ensure_ascii=False) if isinstance(one, dict | list) else one for name, one in told.items()
    }


def _with_place(item: Row) -> dict[str, Any]:
    geometry = item.get("geometry")
    if geometry is None:
        return flat(item)
    shape = shapely.from_geojson(json.dumps(geometry))
    middle = shape if isinstance(shape, shapely.Point) else shape.representative_point()
    wkt = {} if isinstance(shape, shapely.Point) else {"wkt": shape.wkt}
    return flat(item) | {"longitude": middle.x, "latitude": middle.y} | wkt


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _shapes(items: Sequence[Row]) -> list[bytes | None]:
    told = [item.get("geometry") for item in items]
    return [shapely.to_wkb(shapely.from_geojson(json.dumps(one))) if one else None for one in told]


def _by_ogr(rows: Sequence[Row], shapes: list[bytes | None] | None, what: str, driver: str) -> bytes:
    names = _columns(rows) or ["id"]  # a table without columns is none
    columns = {name: column([row.get(name) for row in rows]) for name in names}
    columns = {("record_id" if name.lower() in {"fid", "id"} else name): values for name, values in columns.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{what}.{driver.lower()}"
        pyogrio.raw.write(
            path, driver=driver, layer=what, fields=list(columns), field_data=list(columns.values()),
            geometry=np.array(shapes, dtype=object) if shapes is not None else None,
            geometry_type="Unknown" if shapes is not None else None,
            crs="EPSG:4326" if shapes is not None else None,
        )  # fmt: skip
        return path.read_bytes()


def column(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return numbers as numbers where all of them are, else texts."""
    if any(value is not None for value in values) and all(
        value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values
    ):
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    return np.array([None if value is None else str(value) for value in values], dtype=object)
