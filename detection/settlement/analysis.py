"""Series of a whole scene -> velocities and areas that move: the order of the steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.settlement import atmosphere, jumps
from detection.settlement.bank import bank
from detection.settlement.design import Float, Seasonal, design
from detection.settlement.field import Field
from detection.settlement.fitting import BLOCK, Fit, fit
from detection.settlement.seeking import Limits, Region, seek

Tell = Callable[[str, float], None]
_CHUNK = 16 * BLOCK
_APRON = 3
"""Cells around what moves that do not serve as quiet ground either."""
_NOISE_MM = 0.05
_SLOW_MM_YR = 3.0
"""Ground that moves less may be the air's doing, and serves as quiet at first."""


@dataclass(frozen=True)
class Found:
    """What the series of a scene say."""

    fit: Fit
    """Of each point, after repair and filter."""
    regions: list[Region]
    filtered: bool
    repaired: int
    """Series that unwrapping errors were taken off."""
    blank: int
    """Series of zeros that were taken for masked."""
    moving: npt.NDArray[np.bool_] = field(repr=False)
    """(rows, cols) of the cells."""


def analyse(
    scene: Field,
    times_yr: Float,
    *,
    seasonal: Seasonal,
    limits: Limits,
    filtering: bool | None,
    cycle_mm: float | None,
    height_m: Float | None = None,
    cutoff_m: float = atmosphere.CUTOFF_M,
    tell: Tell,
) -> Found:
    """Return velocities and moving regions; `scene.y` is repaired and filtered in place.

    Parameters
    ----------
    filtering
        Take the air off; None = where it shows and the scene is large enough to tell it from the ground.
    cycle_mm
        Half a wavelength; None = no repair of unwrapping errors.
    height_m
        (points,).
    """
    G = design(times_yr, seasonal)
    changes = bank(times_yr, G)
    tell("repairing unwrapping errors", 0.1)
    repaired = repair_jumps(scene, times_yr, cycle_mm) if cycle_mm else 0
    tell("fitting", 0.2)
    fitted = fit_field(scene, G)
    blank = drop_blank(scene, fitted)
    if blank:
        fitted = fit_field(scene, G)
    if filtering is None:
        filtering = needs_filter(scene, G, fitted, cutoff_m)
    moving = np.zeros(scene.shape, dtype=bool)
    if filtering:
        for turn in range(2):
            tell("taking the air off", 0.3 + 0.3 * turn)
            quiet = _quiet(scene, fitted, moving, first=turn == 0)
            atmosphere.remove(scene, quiet, G, height_m, cutoff_m)
            if turn == 0:
                at_once = replace(limits, widths_px=limits.widths_px[1:2] or limits.widths_px)
                moving = _footprint(seek(scene, G, changes, times_yr, at_once), scene.shape, _APRON)
        fitted = fit_field(scene, G)
    tell("looking for areas that move", 0.8)
    regions = seek(scene, G, changes, times_yr, limits)
    return Found(fitted, regions, bool(filtering), repaired, blank, _footprint(regions, scene.shape, 0))


def repair_jumps(scene: Field, times_yr: Float, cycle_mm: float) -> int:
    """Take whole cycles off the series that jump by them, in place; return how many were repaired."""
    suspects = []
    for at in range(0, scene.count, _CHUNK):
        stop = min(at + _CHUNK, scene.count)
        hit = jumps.candidates(scene.against_surroundings(at, stop), times_yr, cycle_mm)
        suspects.append(at + np.flatnonzero(hit))
    pick = np.concatenate(suspects) if suspects else np.empty(0, dtype=np.intp)
    repairs = []
    for at in range(0, len(pick), BLOCK):
        repairs.append(
            jumps.repair(scene.y, scene.neighbours(pick[at : at + BLOCK]), near=8, times_yr=times_yr, cycle_mm=cycle_mm)
        )
    # only now, so that a repair does not depend on the order of the points
    for one in repairs:
        scene.y[:, one.series] -= one.offsets
    return sum(len(one.series) for one in repairs)


def drop_blank(scene: Field, fitted: Fit) -> int:
    """Take series of zeros as not measured, in place, where others are noisy; return how many there are.

    Products write masked pixels as zero; but in a product without noise, ground that stands still is zero too.
    """
    zero = ~np.nan_to_num(scene.y[0] != 0) & ~np.nan_to_num(scene.y[-1] != 0)
    pick = np.flatnonzero(zero & (fitted.rss == 0) & (fitted.dates > 0))
    pick = pick[~np.nan_to_num(scene.y[:, pick]).any(axis=0)]
    others = fitted.rss[np.isfinite(fitted.velocity) & (fitted.rss > 0)]
    if len(pick) <= 1 or not len(others) or np.median(others) / len(scene.y) < _NOISE_MM**2:
        return 0
    scene.y[:, pick] = np.nan
    return len(pick)


def fit_field(scene: Field, G: Float) -> Fit:
    """Return the fit of each point."""
    return fit(G, scene.y)


def needs_filter(scene: Field, G: Float, fitted: Fit, cutoff_m: float) -> bool:
    """Return whether the air shows in what the design leaves, and can be told from the ground."""
    if not atmosphere.large_enough(scene.shape, scene.cell_m, cutoff_m):
        return False
    pick = slice(None, None, max(1, len(G) // 20))
    residual = scene.y[pick] - (G[pick] @ fitted.parameters).astype(np.float32)
    scale = float(np.sqrt(np.nanmedian(fitted.rss / np.maximum(fitted.dates - G.shape[1], 1))))
    return atmosphere.is_present(scene, residual, scale, cutoff_m)


def _quiet(scene: Field, fitted: Fit, moving: npt.NDArray[np.bool_], *, first: bool) -> npt.NDArray[np.bool_]:
    """Return the points that are thought to stand still: at first by their rate, then outside of what was found."""
    if not first:
        return ~moving.reshape(-1)[scene.cells]
    velocity = fitted.velocity
    G = np.column_stack([np.ones(scene.count), *scene.position])
    known = np.isfinite(velocity)
    for _ in range(3):
        if known.sum() < 10:
            return np.isfinite(velocity)
        plane = np.linalg.lstsq(G[known], velocity[known], rcond=None)[0]
        rest = np.abs(velocity - G @ plane)
        known = rest < max(3 * 1.4826 * float(np.median(rest[known])), _SLOW_MM_YR)
    return known


def _footprint(regions: list[Region], shape: tuple[int, int], margin: int) -> npt.NDArray[np.bool_]:
    """Return the cells of all regions and `margin` cells around them, (rows, cols)."""
    inside = np.zeros(shape, dtype=bool)
    for region in regions:
        inside[region.rows, region.cols] = True
    return np.asarray(ndi.binary_dilation(inside, iterations=margin)) if margin else inside
