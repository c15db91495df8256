"""The curvilinear grid along a glacier's centreline. Places in local metres: (south, east) of the raster's corner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import shapely
from shapely.geometry.base import BaseGeometry
from skimage.graph import route_through_array

from detection.arrays import BoolArray, FloatArray

Points = npt.NDArray[np.float64]

SMOOTH_M, BEND_M, BEND_FADES_M = 60.0, 500.0, 800.0
"""Heading of a line is a mean over SMOOTH_M; beyond its end the bend of its last BEND_M goes on, fading."""
CENTRING = 3.0
"""Cost of a step grows with this power of the nearness to the glacier's edge."""


@dataclass(frozen=True)
class Swath:
    """A grid along and across a centreline."""

    along_m: Points
    """(along,), distance from the head."""
    across_m: Points
    """(across,), distance from the line, positive to its right."""
    places_m: Points
    """(across, along, 2)."""

    def sample(self, picture: FloatArray, pixel_m: tuple[float, float]) -> FloatArray:
        """Return a picture on the swath, (across, along), by bilinear weights; NaN where it is unknown or ends."""
        rows, cols = (self.places_m[..., axis] / pixel_m[axis] - 0.5 for axis in (0, 1))
        return np.asarray(ndi.map_coordinates(picture, [rows, cols], order=1, cval=np.nan), dtype=np.float32)


def swath(line_m: Points, first_m: float, last_m: float, half_width_m: float, step_m: tuple[float, float]) -> Swath:
    """Return the grid along a line between two distances from its head, which may reach beyond its end.

    Parameters
    ----------
    line_m
        (n, 2) from the head to the snout.
    step_m
        Along, across.
    """
    dense, heading = _run_out(line_m, last_m)
    along = np.arange(max(first_m, 0.0), last_m, step_m[0])
    count = max(1, int(half_width_m / step_m[1]))
    across = np.arange(-count, count + 1) * step_m[1]
    at = np.minimum(along.round().astype(int), len(dense) - 1)
    right = np.column_stack([heading[at, 1], -heading[at, 0]])
    return Swath(along, across.astype(np.float64), dense[at] + across[:, None, None] * right)


def length_m(line_m: Points) -> float:
    """Return the length of a line."""
    return float(np.hypot(*np.diff(line_m, axis=0).T).sum())


def _run_out(line_m: Points, reach_m: float) -> tuple[Points, Points]:
    """Return a point and the heading for every metre of a line and of its continuation, after [@Lea2014]."""
    steps = np.hypot(*np.diff(line_m, axis=0).T)
    keep = np.concatenate([[True], steps > 0])
    line = line_m[keep]
    along = np.concatenate([[0.0], np.cumsum(steps[steps > 0])])
    metres = np.arange(0.0, along[-1] + 0.5)
    dense = np.column_stack([np.interp(metres, along, line[:, axis]) for axis in (0, 1)])
    smooth = ndi.gaussian_filter1d(dense, SMOOTH_M / 2, axis=0, mode="reflect")
    inner = min(int(SMOOTH_M / 2), max(len(dense) // 4, 1))
    angle = np.unwrap(np.arctan2(*np.gradient(smooth, axis=0).T))
    angle[-inner:], angle[:inner] = angle[-inner - 1], angle[inner]
    ahead = np.arange(1.0, max(reach_m - along[-1], 0.0) + 2)
    bend = angle[-1] - angle[max(len(angle) - int(BEND_M), 0)]
    turned = angle[-1] + bend / min(BEND_M, len(angle)) * BEND_FADES_M * (1 - np.exp(-ahead / BEND_FADES_M))
    beyond = dense[-1] + np.cumsum(np.column_stack([np.sin(turned), np.cos(turned)]), axis=0)
    angle = np.concatenate([angle, turned])
    return np.concatenate([dense, beyond]), np.column_stack([np.sin(angle), np.cos(angle)])


def half_width_m(line_m: Points, outline_m: BaseGeometry, share_of_length: float = 0.35) -> float:
    """Return half the median width of the lower part of a glacier, less its very snout, across the centreline."""
    total = length_m(line_m)
    reach = min(share_of_length * total, 2500.0)
    widths = []
    dense, heading = _run_out(line_m, total)
    for at in np.linspace(total - reach, total - 0.15 * reach, 15).astype(int):
        right = np.array([heading[at, 1], -heading[at, 0]]) * 4000.0
        cut = shapely.intersection(shapely.LineString([dense[at] - right, dense[at] + right]), outline_m)
        here = shapely.Point(dense[at])
        own = [part.length for part in shapely.get_parts(cut) if part.length > 0 and part.distance(here) < 1.0]
        widths += own[:1]
    return float(np.median(widths)) / 2 if widths else 0.0


def derive(inside: BoolArray, elevation_m: FloatArray | None, pixel_m: tuple[float, float]) -> Points | None:
    """Return the middle line of a glacier from its head to its snout, None where it is too small.

    The way of least cost between two ends, cost falling with the distance from the edge, after [@Kienholz2014]. With
    relief the ends are the highest and the lowest ground, without it the two places farthest apart, of which the head
    is where the glacier is wider.

    Parameters
    ----------
    inside
        (rows, cols), True on the glacier.
    elevation_m
        (rows, cols), NaN = unknown.
    """
    depth = ndi.distance_transform_edt(np.pad(inside, 1), sampling=pixel_m)[1:-1, 1:-1]
    labels, count = ndi.label(inside, np.ones((3, 3)))
    if not count:
        return None
    main = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    if main.sum() < 12:
        return None
    head, snout = _ends(main, depth, elevation_m, pixel_m)
    cost = np.where(main, (1.0 + depth.max() / np.maximum(depth, 1e-3)) ** CENTRING, -1.0)
    path, _ = route_through_array(cost, head, snout, fully_connected=True, geometric=True)  # type: ignore[no-untyped-call]
    line = (np.array(path) + 0.5) * np.array(pixel_m)
    smooth = ndi.gaussian_filter1d(line, 4.0, axis=0, mode="nearest")
    return smooth if length_m(smooth) > 4 * max(pixel_m) else None


def _ends(
    main: BoolArray, depth: Points, elevation_m: FloatArray | None, pixel_m: tuple[float, float]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the pixels of head and snout."""
    pixels = np.argwhere(main)
    if elevation_m is not None and np.isfinite(elevation_m[main]).mean() > 0.9:
        height = np.where(np.isfinite(elevation_m[main]), elevation_m[main], np.nanmedian(elevation_m[main]))
        top, low = pixels[int(np.argmax(height))], pixels[int(np.argmin(height))]
        return (int(top[0]), int(top[1])), (int(low[0]), int(low[1]))
    places = pixels * np.array(pixel_m)
    one = places[int(np.argmax(np.hypot(*(places - places.mean(axis=0)).T)))]
    other = int(np.argmax(np.hypot(*(places - one).T)))
    first = int(np.argmax(np.hypot(*(places - places[other]).T)))
    reach = 0.3 * float(np.hypot(*(places[first] - places[other])))
    wide = [depth[main][np.hypot(*(places - places[end]).T) < reach].max() for end in (first, other)]
    head, snout = (first, other) if wide[0] >= wide[1] else (other, first)
    return (int(pixels[head][0]), int(pixels[head][1])), (int(pixels[snout][0]), int(pixels[snout][1]))
