"""What the air adds: a plane, a layer that follows height, and broad turbulence, estimated on quiet ground only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detection.settlement.design import VELOCITY, Float
from detection.settlement.field import Field
from detection.settlement.fitting import fit

CUTOFF_M = 2500.0
"""Full width at half maximum of the broad pattern; an area that moves is much smaller, or told from it by its rate."""
SMALLEST_CUTOFFS = 2.0
"""The scene's shorter side in cut-offs: less shows too little surroundings to tell air from ground."""
_NODES_PER_SIGMA = 2.0
_FAINT = 1e-3
"""Share of quiet ground that the broad pattern needs; with less it fades to nothing (the plane remains)."""
CERTAIN = (3.0, 5.0)
"""Standard errors from which on the trend of the broad pattern begins to count as motion, and does wholly."""
_SAMPLE = 20_000


@dataclass(frozen=True)
class _Axis:
    """One direction of a separable Gaussian on a coarse grid: down to nodes, and back up."""

    down: Float
    """(nodes, cells)."""
    up: Float
    """(cells, nodes)."""


def _axis(count: int, cell_m: float, sigma_m: float) -> _Axis:
    spacing = max(sigma_m / _NODES_PER_SIGMA / cell_m, 1.0)
    nodes = np.linspace(0, count - 1, max(int(np.ceil((count - 1) / spacing)) + 1, 2))
    cells = np.arange(count)
    down = np.exp(-0.5 * ((cells[None] - nodes[:, None]) * cell_m / sigma_m) ** 2)
    place = np.clip(np.searchsorted(nodes, cells, side="right") - 1, 0, len(nodes) - 2)
    share = (cells - nodes[place]) / (nodes[place + 1] - nodes[place]) if count > 1 else np.zeros(1)
    up = np.zeros((count, len(nodes)))
    up[cells, place] = 1 - share
    up[cells, place + 1] += share
    return _Axis(down, up)


class Smoother:
    """Masked Gaussian low-pass of maps on one grid, by dense matrices on a coarse grid: cheap at any width."""

    def __init__(self, shape: tuple[int, int], cell_m: tuple[float, float], cutoff_m: float = CUTOFF_M) -> None:
        sigma_m = cutoff_m / 2.3548
        self._rows = _axis(shape[0], cell_m[0], sigma_m)
        self._cols = _axis(shape[1], cell_m[1], sigma_m)
        self._whole = self._narrow(np.ones(shape))

    def _narrow(self, grid: Float) -> Float:
        narrowed: Float = self._rows.down @ grid @ self._cols.down.T
        return narrowed

    def nodes(self, total: Float, weight: Float) -> Float:
        """Return the weighted local mean at the nodes; it fades to 0 where there is little weight."""
        low = self._narrow(weight)
        return self._narrow(total) / (low + _FAINT * self._whole)

    def widen(self, nodes: Float) -> Float:
        """Return values between the nodes, (rows, cols)."""
        broad: Float = self._rows.up @ nodes @ self._cols.up.T
        return broad

    def white(self, weight: Float) -> Float:
        """Return how much of the standard deviation of white noise is left at the nodes."""
        power = (self._rows.down**2) @ weight @ (self._cols.down**2).T
        left: Float = np.sqrt(power) / (self._narrow(weight) + _FAINT * self._whole)
        return left


def large_enough(shape: tuple[int, int], cell_m: tuple[float, float], cutoff_m: float = CUTOFF_M) -> bool:
    """Return whether a scene shows enough surroundings to estimate the air."""
    return min(shape[0] * cell_m[0], shape[1] * cell_m[1]) >= SMALLEST_CUTOFFS * cutoff_m


def is_present(field: Field, residual_of: npt.NDArray[np.float32], scale_mm: float, cutoff_m: float = CUTOFF_M) -> bool:
    """Return whether what the series leave unexplained is alike over kilometres, which noise of points is not.

    Parameters
    ----------
    residual_of
        (dates, points), mm: what a design leaves of each series.
    scale_mm
        Standard deviation of those residuals.
    """
    smoother = Smoother(field.shape, field.cell_m, cutoff_m)
    seen, expected = [], []
    for one in residual_of[:: max(1, len(residual_of) // 20)]:
        total, weight = field.sums(one)
        solid = smoother.nodes(weight, np.ones_like(weight)) > 0.2 * weight.mean()
        seen.append(np.square(smoother.nodes(total, weight)[solid]))
        expected.append(np.square(scale_mm * smoother.white(weight)[solid]))
    measured = float(np.sqrt(np.concatenate(seen).mean())) if seen else 0.0
    white = float(np.sqrt(np.concatenate(expected).mean())) if expected else 0.0
    return measured > 2 * white and measured > 0.3


def remove(
    field: Field,
    quiet: npt.NDArray[np.bool_],
    G: Float,
    height_m: Float | None = None,
    cutoff_m: float = CUTOFF_M,
) -> None:
    """Take the air off a field, in place.

    Each date loses a plane (with height where it is known), fitted twice, the second time without what lies beyond three
    standard deviations; then the broad pattern of quiet ground. Of that pattern the trend stays where it is certain:
    the air comes and goes, and what moves on for years over kilometres is the ground.

    Parameters
    ----------
    quiet
        (points,): ground that is thought to stand still.
    G
        (dates, parameters): what series are made of.
    height_m
        (points,).
    """
    across = [np.ones(field.count), *field.position]
    if height_m is not None:
        across.append(np.nan_to_num((height_m - np.nanmedian(height_m)) / 1000.0))
    A = np.column_stack(across)
    pick = np.flatnonzero(quiet)
    if not len(pick):
        return
    pick = pick[:: max(1, len(pick) // _SAMPLE)]
    smoother = Smoother(field.shape, field.cell_m, cutoff_m)
    broad = []
    for date in range(len(field.y)):
        values = field.y[date]
        values -= (A @ _robust(A[pick], values[pick])).astype(np.float32)
        broad.append(smoother.nodes(*field.sums(np.where(quiet, values, np.float32(np.nan)))))
    passing = _without_trend(G, np.array(broad))
    for date in range(len(field.y)):
        values = field.y[date]
        values -= field.at_points(smoother.widen(passing[date]))


def _without_trend(G: Float, nodes: Float) -> Float:
    """Return node series, (dates, rows, cols), less the trend of those that certainly have one.

    The trend goes in between CERTAIN[0] and CERTAIN[1] standard errors, so that there is no edge on the map.
    """
    y = nodes.reshape(len(nodes), -1)
    found = fit(G, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num(np.abs(found.velocity / found.velocity_std))
    share = np.clip((t - CERTAIN[0]) / (CERTAIN[1] - CERTAIN[0]), 0.0, 1.0)
    trend = G[:, VELOCITY, None] * (share * np.nan_to_num(found.velocity))
    return (y - trend).reshape(nodes.shape)


def _robust(G: Float, y: npt.NDArray[np.float32]) -> Float:
    """Return the parameters of a plane, fitted again without outliers; zero where there are too few values."""
    known = np.isfinite(y)
    parameters: Float = np.zeros(G.shape[1])
    for _ in range(2):
        if known.sum() < 3 * G.shape[1]:
            return parameters
        parameters = np.asarray(np.linalg.lstsq(G[known], y[known].astype(np.float64), rcond=None)[0], dtype=np.float64)
        rest = y - G @ parameters
        known &= np.abs(rest) < 3 * 1.4826 * np.median(np.abs(rest[known])) + 1e-9
    return parameters
