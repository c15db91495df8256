"""Scores -> objects: hysteresis, shape, lie of the land, surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import shapely

from detection.arrays import Block, BoolArray, Candidate, FloatArray, Score, Terrain
from detection.regions import grow

EIGHT = np.ones((3, 3), dtype=bool)
RING_PX = 10
"""The surroundings of an object reach this far."""
PEAK_PERCENTILE = 90
PINHOLE_PX = 4
"""Gaps of so few pixels inside an object belong to it."""
NEAR_PX = 2
"""The blur of optics and smoothing reaches this far."""
LEVEL_DEG, LEVEL_PX = 8.0, 5
"""Ground whose slope, averaged over so many pixels, is less is valley floor: river beds and fields."""
_BROAD_PX = 6.0
"""Slides side by side run together into objects longer across the slope than along it; rims of shadow are narrow."""


@dataclass(frozen=True)
class Rules:
    """What an object must be like to be a landslide at all."""

    high: float
    low: float
    keep: float
    fewest_px: int
    min_slope_deg: float = 0.0
    max_elongation_across: float = float("inf")
    min_alignment: float = 0.0
    min_solidity: float = 0.0


@dataclass(frozen=True)
class Region:
    """Connected pixels, with a window of the array that shows their surroundings too."""

    window: tuple[slice, slice]
    inside: BoolArray
    """(rows, cols) of the window."""
    peak: float

    @property
    def pixels(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Rows and columns in the array."""
        rows, cols = np.nonzero(self.inside)
        top, left = self.window[0].start, self.window[1].start
        return (rows + top).astype(np.int32), (cols + left).astype(np.int32)


def regions(z: FloatArray, rules: Rules, where: BoolArray | None = None) -> Iterator[Region]:
    """Yield the connected regions above `low` that somewhere exceed `high`, cut back to a share of the peaks near by.

    Hysteresis thresholding as in [@Canny1986]. The blur of the optics carries a strong change beyond its
    border: pixels below `keep` times the highest within NEAR_PX are left out. The highest of the whole region would
    not do: what a slide does to rock is a fraction of what it does to forest.

    Parameters
    ----------
    z
        (rows, cols), NaN = not observed.
    where
        (rows, cols), True where slides can be; None = everywhere.
    """
    score = np.nan_to_num(z, nan=-1e6)
    above = score > rules.low
    if where is not None:
        above &= where
    above &= score > rules.keep * _highest_near(score)
    labels, count = ndi.label(above, EIGHT)
    if not count:
        return
    sizes = np.bincount(labels[above])
    strong = np.unique(labels[above & (score > rules.high)])
    boxes = ndi.find_objects(labels)
    _fill_pinholes(labels)
    for label in strong[sizes[strong] >= rules.fewest_px]:
        box = (boxes[label - 1][0], boxes[label - 1][1])
        window = grow(box, (z.shape[0], z.shape[1]), RING_PX)
        peak = _percentile(score[box][above[box] & (labels[box] == label)], PEAK_PERCENTILE)
        yield Region(window, labels[window] == label, peak)


def _highest_near(score: FloatArray) -> FloatArray:
    """Return the highest within NEAR_PX rows and columns, (rows, cols): shifted views are far faster than SciPy's filter."""
    result = score
    for axis in (0, 1):
        line, result = np.moveaxis(result, axis, 0), result.copy()
        highest = np.moveaxis(result, axis, 0)
        for by in range(1, NEAR_PX + 1):
            np.maximum(highest[by:], line[:-by], out=highest[by:])
            np.maximum(highest[:-by], line[by:], out=highest[:-by])
    return result


def _fill_pinholes(labels: npt.NDArray[np.signedinteger]) -> None:
    """Give gaps of at most PINHOLE_PX pixels inside a region its label, (rows, cols); 0 = no region.

    So small a gap has no region inside, which would keep apart from the one around by a pixel on all sides.
    """
    gaps = ndi.label(labels == 0)[0]
    small = np.bincount(gaps.ravel()) <= PINHOLE_PX
    small[0] = False
    for edge in (gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]):
        small[edge] = False
    rows, cols = np.nonzero(small[gaps])
    for _ in range(PINHOLE_PX):  # left of a gap lies its region
        labels[rows, cols] = labels[rows, cols - 1]


def _percentile(values: FloatArray, percent: float) -> float:
    """Return a percentile between the two values next to it; numpy's own looks at many cases first."""
    ordered = np.sort(values)
    place = percent / 100 * (ordered.size - 1)
    low = int(place)
    high = min(low + 1, ordered.size - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


def hillsides(terrain: Terrain | None) -> BoolArray | None:
    """Return where slides can be, (rows, cols): everywhere but on valley floors; None without relief."""
    if terrain is None:
        return None
    slope = np.nan_to_num(terrain.slope_deg, nan=90.0)
    return np.asarray(ndi.uniform_filter(slope, LEVEL_PX, mode="nearest") >= LEVEL_DEG)


def features(region: Region, score: Score, block: Block) -> dict[str, float]:
    """Return what is told of a region to judge it by; all finite, those of relief only where it is known."""
    inside, window = region.inside, region.window
    z = score.z[window]
    seen = np.isfinite(z)
    rim = _dilated(inside, 1)
    near = _dilated(rim, 1)
    ring = _dilated(near, RING_PX - 2) & ~near
    around = z[ring]
    around_seen = around[np.isfinite(around)]
    own = z[inside]
    mean = float(np.mean(own[np.isfinite(own)]))
    told = {
        "area_px": float(own.size),
        "mean": mean,
        "peak": region.peak,
        # other slides may be around: neither the median nor changes the other way feel a few of them
        "ring_middle": _percentile(around_seen, 50) if around_seen.size else 0.0,
        "ring_contrary": float((around_seen < -3).mean()) if around_seen.size else 0.0,
        "observed_share": float(seen[ring | inside].mean()),
        "border_share": _border_share(rim & ~inside, seen),
    }
    for name, layer in score.layers.items():
        values = layer[window][inside]
        values = values[np.isfinite(values)]
        told[name] = float(values.sum() / values.size) if values.size else 0.0
    told |= shape(inside, block.pixel_m)
    if block.terrain is not None:
        told |= _relief(region, block.terrain, told["axis_deg"])
    return told


def _dilated(mask: BoolArray, px: int) -> BoolArray:
    """Return a mask with the pixels within some steps to eight neighbours, (rows, cols)."""
    grown = mask.view(np.uint8)
    for axis in (0, 1):
        grown = ndi.maximum_filter1d(grown, 2 * px + 1, axis, mode="constant")
    return grown.view(np.bool_)


def _border_share(rim: BoolArray, seen: BoolArray) -> float:
    """Return the share of the rim that touches what is not seen: halves of clouds and snow fields look so."""
    return float((~seen[rim]).mean()) if rim.any() else 0.0


def shape(inside: BoolArray, pixel_m: tuple[float, float]) -> dict[str, float]:
    """Return elongation (length over width of the ellipse of equal moments), mean width, azimuth and solidity.

    Solidity is the share of the convex hull that is filled.
    """
    rows, cols = np.nonzero(inside)
    south, east = (rows - rows.mean()) * pixel_m[0], (cols - cols.mean()) * pixel_m[1]
    number = max(rows.size - 1, 1)
    southward, eastward = south @ south / number + pixel_m[0] ** 2 / 12, east @ east / number + pixel_m[1] ** 2 / 12
    both = south @ east / number  # and a pixel has a size, which the other two moments include
    middle, spread = (southward + eastward) / 2, np.hypot((southward - eastward) / 2, both)
    turn = np.arctan2(2 * both, southward - eastward) / 2  # of the long axis, from south to east
    return {
        "elongation": float(np.sqrt((middle + spread) / (middle - spread))),
        # an ellipse is four deviations of its own pixels long
        "width_px": float(rows.size * np.sqrt(pixel_m[0] * pixel_m[1]) / (4 * np.sqrt(middle + spread))),
        "axis_deg": float(np.degrees(np.pi - turn) % 180),
        "solidity": solidity(rows, cols),
    }


def solidity(rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp]) -> float:
    """Return the number of pixels over the area of the convex hull of their corners.

    Parameters
    ----------
    rows, cols
        Of each pixel, row by row as `numpy.nonzero` gives them.
    """
    begins = np.flatnonzero(np.diff(rows, prepend=rows[0] - 1))
    # the ends of each row span the same hull as all pixels
    own, left, right = rows[begins], np.minimum.reduceat(cols, begins), np.maximum.reduceat(cols, begins) + 1
    corners = np.empty((2, 2, own.size, 2))
    corners[0, :, :, 0], corners[1, :, :, 0] = own, own + 1
    corners[:, 0, :, 1], corners[:, 1, :, 1] = left, right
    hull = shapely.convex_hull(shapely.multipoints(corners.reshape(-1, 2)))
    return float(rows.size / shapely.area(hull))


def _relief(region: Region, terrain: Terrain, axis_deg: float) -> dict[str, float]:
    """Return slope, how well the long axis follows the fall line, and the fall over the length."""
    here = (region.window[0], region.window[1])
    inside = region.inside
    slope, aspect = terrain.slope_deg[here][inside], terrain.aspect_deg[here][inside]
    known = np.isfinite(slope) & np.isfinite(aspect)
    if not known.any():
        return {}
    steep = np.sin(np.radians(slope[known]))
    down = np.radians(aspect[known])
    fall = np.arctan2((steep * np.sin(down)).sum(), (steep * np.cos(down)).sum())
    height = terrain.elevation_m[here][inside]
    return {
        "slope_deg": float(slope[known].mean()),
        "alignment": float(abs(np.cos(np.radians(axis_deg) - fall))),
        "relief_m": float(np.nanmax(height) - np.nanmin(height)),
    }


def plausible(told: dict[str, float], rules: Rules) -> bool:
    """Return whether a region may be a landslide by its shape and the lie of the land."""
    if told["solidity"] < rules.min_solidity:
        return False
    if "slope_deg" not in told:
        return True
    if told["slope_deg"] < rules.min_slope_deg:
        return False
    across = told["elongation"] > rules.max_elongation_across and told["alignment"] < rules.min_alignment
    return not across or told["width_px"] >= _BROAD_PX


def candidate(label: int, region: Region, told: dict[str, float], confidence: float) -> Candidate:
    """Return a region as a candidate."""
    rows, cols = region.pixels
    return Candidate(label, rows, cols, confidence, told["mean"], told.get("slope_deg"), told["observed_share"], told)
