"""Where a record lies: columns or geometries in any coordinates, checked, in EPSG:4326."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from hazard_db.errors import InputError
from ingest.survey import angles, gcj02

GCJ02 = "GCJ-02"
WGS84 = "EPSG:4326"
MOST_VERTICES = 100_000
CORRIDOR = (70.0, 32.0, 79.0, 42.0)
"""West, south, east, north, degrees: the road and its surroundings."""
NEAR_ZERO_DEG = 1e-6
DIGITS = 9
"""Decimals of a degree that are kept: 0.1 mm."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """Where a record lies, EPSG:4326."""

    point: Point
    shape: BaseGeometry | None
    """The original line or polygon; None where it was a point."""
    crs: str
    """What its coordinates were in."""
    repaired: str | None = None
    """What was wrong with the geometry."""


@dataclass
class Places:
    """Makes places of records; holds what is known of the coordinates of the file."""

    given: str | None
    """What the user says: EPSG:n or GCJ-02."""
    told: CRS | None
    """What the file says."""
    name: str = field(init=False)
    """What its coordinates are in, for people."""
    projected: bool = field(init=False)
    """Whether they are metres."""
    _transformers: dict[str, Callable[[Array], Array] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.given is not None and _is_gcj02(self.given):
            self.name, self.projected = GCJ02, False
            return
        crs = crs_named(self.given) if self.given is not None else self.told
        self.name = WGS84 if crs is None else named(crs)
        self.projected = crs is not None and bool(crs.is_projected)

    def of_geometry(self, geometry: BaseGeometry) -> Place:
        """Return the place of a geometry in the file's coordinates.

        Raises
        ------
        ValueError
            It cannot be used; the message says why and what to do.
        """
        return self._made(geometry, self.name)

    def of_columns(self, columns: Mapping[str, str], values: Mapping[str, Any]) -> Place:
        """Return the place that the cells of a record tell.

        Raises
        ------
        ValueError
            They tell none that can be used; the message says why and what to do.
        """
        cells = {name: values.get(column) for name, column in columns.items()}
        if cells.get("wkt") is not None:
            return self._made(_wkt(cells["wkt"]), self.name)
        x, y, crs = self._xy(cells, columns)
        return self._made(Point(x, y), crs)

    def _xy(self, cells: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[float, float, str]:
        if cells.get("longitude") is not None and cells.get("latitude") is not None:
            read: Any = angles.metres if self.projected else angles.angle
            return read(cells["longitude"], "longitude"), read(cells["latitude"], "latitude"), self.name
        if cells.get("easting") is not None and cells.get("northing") is not None:
            east, north = angles.metres(cells["easting"], "easting"), angles.metres(cells["northing"], "northing")
            return east, north, self._zone(cells.get("zone"))
        if cells.get("position") is not None:
            return (*angles.pair(cells["position"]), self.name)
        raise ValueError(_missing(columns))

    def _zone(self, cell: Any) -> str:
        if cell is None:
            if not self.projected:
                raise ValueError(
                    "has easting and northing without a zone; add a column zone (43N) or give --crs EPSG:32643"
                )
            return self.name
        match = re.fullmatch(r"(?:UTM)?\s*(?:zone)?\s*(\d{1,2})\s*([C-HJ-NP-X])?", str(cell).strip(), re.I)
        if match is None or not 1 <= int(match[1]) <= 60:
            raise ValueError(f"zone {str(cell)[:40]!r} is no UTM zone; write it as 43N")
        # A lone S is taken as "south" on most keyboards and as a band of the north by others; on this road only the north occurs.
        return f"EPSG:{32600 + int(match[1])}"

    def _made(self, geometry: BaseGeometry, crs: str) -> Place:
        flat = shapely.force_2d(geometry)
        if flat.is_empty:
            raise ValueError("its geometry is empty; draw it or remove the record")
        count = shapely.get_num_coordinates(flat)
        if count > MOST_VERTICES:
            raise ValueError(f"its geometry has {count:,} vertices, more than {MOST_VERTICES:,}; simplify it")
        if not np.isfinite(shapely.get_coordinates(flat)).all():
            raise ValueError("its coordinates are not finite numbers; correct or remove it")
        lonlat = self._degrees(flat, crs)
        _check(shapely.get_coordinates(lonlat))
        sound, reason = repaired(lonlat)
        if isinstance(sound, Point):
            return Place(sound, None, crs, reason)
        return Place(point_on(sound), sound, crs, reason)

    def _degrees(self, geometry: BaseGeometry, crs: str) -> BaseGeometry:
        change = self._change(crs)
        if change is not None:
            try:
                geometry = shapely.transform(geometry, change)
            except ProjError:
                geometry = Point(np.inf, np.inf)
            if not np.isfinite(shapely.get_coordinates(geometry)).all():
                raise ValueError(f"its coordinates do not exist in {crs}; give the right one with --crs")
        return shapely.transform(geometry, lambda xy: np.round(xy, DIGITS))

    def _change(self, crs: str) -> Callable[[Array], Array] | None:
        if crs not in self._transformers:
            self._transformers[crs] = _changer(crs, self.told)
        return self._transformers[crs]


def _missing(columns: Mapping[str, str]) -> str:
    """Return what to do about a record whose position is not there."""
    for pair in (("latitude", "longitude"), ("easting", "northing")):
        present = [name for name in pair if name in columns]
        if len(present) == 1:
            absent = next(name for name in pair if name not in columns)
            return f"there is a column for the {present[0]}, none for the {absent}; name it with --map {absent}=COLUMN"
    told = [
        columns[name] for name in ("latitude", "longitude", "easting", "northing", "position", "wkt") if name in columns
    ]
    if told:
        return f"has no position: {' or '.join(map(repr, told))} is empty; fill the cell in or remove the record"
    return "has no geometry; draw it or remove the record"


def refuse_unknown_crs(name: str) -> None:
    """Return quietly where a name is one of coordinates that are read.

    Raises
    ------
    InputError
        It is not.
    """
    if not _is_gcj02(name):
        crs_named(name)


def _is_gcj02(name: str) -> bool:
    return re.sub(r"[\s_-]", "", name).upper() == "GCJ02"


def crs_named(name: str) -> CRS:
    """Return a CRS by EPSG:n.

    Raises
    ------
    InputError
        There is none.
    """
    match = re.fullmatch(r"(?:EPSG:)?(\d{4,6})", name.strip(), re.I)
    try:
        if match is None:
            raise CRSError(name)
        return CRS.from_epsg(int(match[1]))
    except CRSError as error:
        raise InputError(f"--crs {name[:60]}: is none; write EPSG:4326, EPSG:32643 or GCJ-02") from error


def named(crs: CRS) -> str:
    """Return EPSG:n, or the name of a CRS that has no number."""
    code = crs.to_epsg()
    if code is None and crs.equals(CRS.from_user_input("OGC:CRS84")):
        code = 4326
    return f"EPSG:{code}" if code else str(crs.name)


def repaired(geometry: BaseGeometry) -> tuple[BaseGeometry, str | None]:
    """Return a valid geometry, and what was wrong with it; a line without length becomes its point.

    Raises
    ------
    ValueError
        Nothing is left.
    """
    if geometry.is_valid:
        return geometry, None
    reason = shapely.is_valid_reason(geometry).split("[")[0]
    made = shapely.make_valid(geometry, method="structure", keep_collapsed=True)
    if made.is_empty:
        raise ValueError(f"its geometry is invalid ({reason}) and nothing is left when it is repaired; redraw it")
    return made, reason


def point_on(geometry: BaseGeometry) -> Point:
    """Return a point on a line (its middle), polygon or collection.

    Raises
    ------
    ValueError
        There is none.
    """
    point = (
        geometry.interpolate(0.5, normalized=True)
        if geometry.geom_type == "LineString"
        else geometry.representative_point()
    )
    if point.is_empty:
        raise ValueError("no point could be found on its geometry; redraw it")
    return point


def _changer(crs: str, told: CRS | None) -> Callable[[Array], Array] | None:
    if crs == GCJ02:
        return gcj02.to_wgs84
    if crs == WGS84:
        return None
    source = told if told is not None and named(told) == crs else crs_named(crs)
    transformer = Transformer.from_crs(source, 4326, always_xy=True)
    return lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))


def _wkt(cell: Any) -> BaseGeometry:
    try:
        return shapely.from_wkt(re.sub(r"^SRID=\d+;", "", str(cell).strip(), flags=re.I))
    except shapely.errors.ShapelyError as error:
        raise ValueError(f"{str(cell)[:60]!r} is no WKT geometry; write it as POINT (74.87 36.32)") from error


def _check(lonlat: Array) -> None:
    """Return quietly where every position is on the globe, none at 0, 0, and latitude and longitude not swapped."""
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    off = (np.abs(lon) > 180) | (np.abs(lat) > 90)
    swapped = _inside(lat, lon)
    if swapped.any():
        first = int(np.argmax(swapped))
        raise ValueError(
            f"latitude {lat[first]:.6g}, longitude {lon[first]:.6g} look swapped: the road lies at latitude 34-40, longitude 72-76; "
            "swap them in the file, or for columns with --map latitude=COLUMN --map longitude=COLUMN"
        )
    if off.any():
        first = int(np.argmax(off))
        raise ValueError(
            f"latitude {lat[first]:.8g}, longitude {lon[first]:.8g} are out of range (90, 180); if they are metres, give --crs, "
            "for example EPSG:32643"
        )
    if ((np.abs(lon) < NEAR_ZERO_DEG) & (np.abs(lat) < NEAR_ZERO_DEG)).any():
        raise ValueError(
            "lies at latitude 0, longitude 0, which devices write without a fix; give its position or remove it"
        )


def _inside(lon: Array, lat: Array) -> Any:
    west, south, east, north = CORRIDOR
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
