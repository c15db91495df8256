"""Chainage along a line: calibration, position, cutting. Pure arrays; metres are UTM zone 43N (EPSG:32643).

Linear referencing with calibration points: between two of them the chainage runs linearly with the measured
length; beyond the outermost it runs with the length itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import Transformer
from shapely import LineString, Point

from hazard_db.errors import CorridorError

Array = npt.NDArray[np.float64]

CALIBRATION_REACH_M = 5_000.0
"""A known place further than this from the line says nothing about the line's chainage."""
SPACING_DEG = 0.005
"""Straight pieces in degrees are bent in metres: vertices at most this far apart keep the difference below 0.1 m."""

_TO_METRES = Transformer.from_crs(4326, 32643, always_xy=True)


@dataclass(frozen=True)
class KnownPlace:
    """A place whose chainage is known."""

    place: str
    chainage_km: float
    lon: float
    lat: float
    chainage_basis: str = "given"
    position_basis: str = "given"
    source: str = "given"


@dataclass(frozen=True)
class Fit:
    """How a known place met the line."""

    place: KnownPlace
    distance_m: float
    used: bool
    reason: str


@dataclass(frozen=True)
class CalibratedLine:
    """A line with its chainage at every vertex."""

    lonlat: Array
    """(n, 2), EPSG:4326."""
    xy: Array
    """(n, 2), metres, EPSG:32643."""
    km: Array
    """(n,), strictly increasing."""
    fits: tuple[Fit, ...]

    def cut(self, km_from: float, km_to: float) -> Array:
        """Return the vertices (m, 2), EPSG:4326, of the stretch between two chainages."""
        inside = (self.km > km_from) & (self.km < km_to)
        ends = [self._at(km_from), self._at(km_to)]
        return np.vstack([ends[0], self.lonlat[inside], ends[1]])

    def _at(self, km: float) -> Array:
        return np.array([np.interp(km, self.km, self.lonlat[:, axis]) for axis in (0, 1)])


def metres(lonlat: Array) -> Array:
    """Return (n, 2) UTM 43N metres of (n, 2) degrees."""
    return np.column_stack(_TO_METRES.transform(lonlat[:, 0], lonlat[:, 1]))


def calibrate(lonlat: Array, places: Sequence[KnownPlace], start_km: float | None = None) -> CalibratedLine:
    """Return the line with chainage from the known places that lie on it.

    Parameters
    ----------
    lonlat
        (n, 2) vertices in EPSG:4326, in the order of travel; turned round where the places say so.
    places
        Known places; those off the line or against its order are left out and say why.
    start_km
        Chainage of the first vertex; if given, the places are not used.

    Raises
    ------
    CorridorError
        The line has fewer than two distinct vertices.
    """
    lonlat = _densify(_distinct(np.asarray(lonlat, dtype=float)))
    if start_km is None and _runs_backwards(lonlat, places):
        lonlat = lonlat[::-1]
    xy = metres(lonlat)
    along = _along(xy)
    if start_km is not None:
        return CalibratedLine(lonlat, xy, start_km + along / 1000, ())
    fits, at = _fit(xy, places)
    used = [(position, fit.place.chainage_km) for fit, position in zip(fits, at, strict=True) if fit.used]
    extra = np.setdiff1d([position for position, _ in used], along)
    stations = np.union1d(along, extra)
    columns = [np.interp(stations, along, lonlat[:, axis]) for axis in (0, 1)]
    lonlat = np.column_stack(columns)
    return CalibratedLine(lonlat, metres(lonlat), _chainage(stations, used), tuple(fits))


def _chainage(stations: Array, used: list[tuple[float, float]]) -> Array:
    if not used:
        return stations / 1000
    at, km = (np.array(column) for column in zip(*used, strict=True))
    inner = np.interp(stations, at, km)
    before = km[0] - (at[0] - stations) / 1000
    after = km[-1] + (stations - at[-1]) / 1000
    chainage: Array = np.where(stations < at[0], before, np.where(stations > at[-1], after, inner))
    return chainage


def _fit(xy: Array, places: Sequence[KnownPlace]) -> tuple[list[Fit], list[float]]:
    """Return how each place met the line and its position along it (metres), by chainage."""
    line = LineString(xy)
    ordered = sorted(places, key=lambda place: place.chainage_km)
    points = [Point(_TO_METRES.transform(place.lon, place.lat)) for place in ordered]
    at = [line.project(point) for point in points]
    distance = [line.distance(point) for point in points]
    near = [index for index, value in enumerate(distance) if value <= CALIBRATION_REACH_M]
    kept = set(_longest_increasing([at[index] for index in near], near, [p.chainage_km for p in ordered]))
    fits = []
    for index, place in enumerate(ordered):
        reason = "calibrates the line"
        if index not in near:
            reason = f"{distance[index] / 1000:.1f} km off the line"
        elif index not in kept:
            reason = "against the order of its neighbours along the line"
        fits.append(Fit(place, distance[index], index in kept, reason))
    return fits, at


def _longest_increasing(values: list[float], labels: list[int], km: list[float]) -> list[int]:
    """Return the labels of the longest chain in which position and chainage both increase."""
    best: list[list[int]] = []
    for here, value in enumerate(values):
        chains = [
            best[prior] for prior in range(here) if values[prior] < value and km[labels[prior]] < km[labels[here]]
        ]
        best.append([*max(chains, key=len, default=[]), here])
    return [labels[index] for index in max(best, key=len, default=[])]


def _runs_backwards(lonlat: Array, places: Sequence[KnownPlace]) -> bool:
    forward, _ = _fit(metres(lonlat), places)
    backward, _ = _fit(metres(lonlat[::-1]), places)
    return sum(fit.used for fit in backward) > sum(fit.used for fit in forward)


def _distinct(lonlat: Array) -> Array:
    if lonlat.ndim != 2 or len(lonlat) < 2 or not np.isfinite(lonlat).all():
        raise CorridorError("an alignment needs at least two vertices with finite coordinates")
    keep = np.r_[True, (np.diff(lonlat[:, :2], axis=0) != 0).any(axis=1)]
    lonlat = lonlat[keep, :2]
    if len(lonlat) < 2:
        raise CorridorError("an alignment needs at least two distinct vertices")
    return lonlat


def _densify(lonlat: Array) -> Array:
    step = np.abs(np.diff(lonlat, axis=0)).max(axis=1)
    count = np.maximum(1, np.ceil(step / SPACING_DEG)).astype(int)
    at = np.concatenate([index + np.arange(n) / n for index, n in enumerate(count)] + [[len(lonlat) - 1]])
    index = np.arange(len(lonlat))
    return np.column_stack([np.interp(at, index, lonlat[:, axis]) for axis in (0, 1)])


def _along(xy: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
