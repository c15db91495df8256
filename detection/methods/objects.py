"""Scores -> objects: hysteresis, shape, lie of the land, surroundings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import shapely

from detection.arrays import EIGHT, Acquisition, Block, BoolArray, Candidate, FloatArray, Score, Terrain

RING_PX = 10
"""The surroundings of an object reach this far."""
PEAK_PERCENTILE = 90
NEAR_PX = 1
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
    """Yield the connected regions above `low` that somewhere exceed `high`, cut back to a share of the peaks next to them.

    Hysteresis thresholding as in [@Canny1986]. The blur of the optics carries a strong change beyond its
    border: pixels below `keep` times the highest within NEAR_PX are left out, as a blurred edge stands where half of it
    is left. The highest of the whole region would not do: what a slide does to rock is a fraction of what it does to forest.

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
    above &= score > rules.keep * ndi.maximum_filter(score, size=2 * NEAR_PX + 1)
    labels, count = ndi.label(above, EIGHT)
    if not count:
        return
    highest = ndi.maximum(score, labels, np.arange(1, count + 1))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    boxes = ndi.find_objects(labels)
    for index in np.flatnonzero((highest > rules.high) & (sizes >= rules.fewest_px)):
        box = (boxes[index][0], boxes[index][1])
        yield _region(box, labels[box] == index + 1, score[box], z.shape)


def _region(box: tuple[slice, slice], mine: BoolArray, values: FloatArray, shape: tuple[int, ...]) -> Region:
    rows, cols = np.nonzero(mine)
    top, left = box[0].start + int(rows.min()), box[1].start + int(cols.min())
    bottom, right = box[0].start + int(rows.max()) + 1, box[1].start + int(cols.max()) + 1
    window = (
        slice(max(top - RING_PX, 0), min(bottom + RING_PX, shape[0])),
        slice(max(left - RING_PX, 0), min(right + RING_PX, shape[1])),
    )
    inside = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), dtype=bool)
    inside[rows + box[0].start - window[0].start, cols + box[1].start - window[1].start] = True
    filled = ndi.binary_fill_holes(inside)
    holes = ndi.label(filled & ~inside)[0]
    small = np.bincount(holes.ravel()) <= 4
    small[0] = False
    return Region(window, inside | small[holes], float(np.percentile(values[mine], PEAK_PERCENTILE)))


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
    beyond = [ndi.binary_dilation(inside, EIGHT, steps) for steps in (1, 2, 3, RING_PX)]
    ring, edge = beyond[3] & ~beyond[1], beyond[2] & ~beyond[0] & np.isfinite(z)
    around = z[ring]
    around_seen = around[np.isfinite(around)]
    mean = float(np.nanmean(z[inside]))
    told = {
        "area_px": float(inside.sum()),
        "mean": mean,
        "peak": region.peak,
        "highest": float(np.nanmax(z[inside])),
        # other slides may be around: neither the median nor changes the other way feel a few of them
        "ring_middle": float(np.median(around_seen)) if around_seen.size else 0.0,
        # the optics blur the border of a slide by a pixel; clouds, haze and shadows fade over more
        "edge": float(np.median(z[edge])) / max(mean, 0.1) if edge.any() else 0.0,
        "ring_contrary": float((around_seen < -3).mean()) if around_seen.size else 0.0,
        "observed_share": float(np.isfinite(z[ring | inside]).mean()),
        "border_share": _border_share(inside, np.isfinite(z)),
    }
    for name, layer in score.layers.items():
        values = layer[window][inside]
        values = values[np.isfinite(values)]
        told[name] = float(values.mean()) if values.size else 0.0
    told |= shape(inside, block.pixel_m)
    if block.terrain is not None:
        told |= _relief(region, block.terrain, block.pixel_m)
    return told


def _border_share(inside: BoolArray, seen: BoolArray) -> float:
    """Return the share of the rim that touches what is not seen: halves of clouds and snow fields look so."""
    rim = ndi.binary_dilation(inside, EIGHT) & ~inside
    return float((~seen[rim]).mean()) if rim.any() else 0.0


def shape(inside: BoolArray, pixel_m: tuple[float, float]) -> dict[str, float]:
    """Return elongation (length over width of the ellipse of equal moments), mean width, azimuth and solidity.

    Solidity is the share of the convex hull that is filled.
    """
    rows, cols = np.nonzero(inside)
    south, east = rows * pixel_m[0], cols * pixel_m[1]
    covariance = np.cov(np.stack([south, east])) if rows.size > 1 else np.zeros((2, 2))
    covariance += np.diag([pixel_m[0] ** 2, pixel_m[1] ** 2]) / 12  # a pixel has a size
    lengths, axes = np.linalg.eigh(covariance)
    major = axes[:, 1]
    return {
        "elongation": float(np.sqrt(lengths[1] / lengths[0])),
        # an ellipse is four deviations of its own pixels long
        "width_px": float(rows.size * np.sqrt(pixel_m[0] * pixel_m[1]) / (4 * np.sqrt(lengths[1]))),
        "axis_deg": float(np.degrees(np.arctan2(major[1], -major[0])) % 180),
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
    corners = [np.stack([own + down, side], axis=1) for down in (0, 1) for side in (left, right)]
    return float(rows.size / shapely.MultiPoint(np.concatenate(corners)).convex_hull.area)


def _relief(region: Region, terrain: Terrain, pixel_m: tuple[float, float]) -> dict[str, float]:
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
    axis = np.radians(shape(inside, pixel_m)["axis_deg"])
    height = terrain.elevation_m[here][inside]
    return {
        "slope_deg": float(slope[known].mean()),
        "alignment": float(abs(np.cos(axis - fall))),
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


def by_score(score: Score, block: Block, rules: Rules) -> list[Candidate]:
    """Return the plausible regions; the confidence only grows with the score and is not calibrated."""
    found: list[Candidate] = []
    for region in regions(score.z, rules):
        told = features(region, score, block)
        if plausible(told, rules):
            likely = float(1 - np.exp(-told["mean"] / (2 * rules.high)))
            found.append(candidate(len(found) + 1, region, told, likely))
    return found


def last_seen(dates: Sequence[Acquisition], shape: tuple[int, int]) -> npt.NDArray[np.int16]:
    """Return the number of the last date on which each pixel is usable, (rows, cols), -1 = none."""
    last = np.full(shape, -1, dtype=np.int16)
    for index, one in enumerate(dates):
        last[one.usable] = index
    return last
