"""The length of a glacier on every date, out of all its pictures on the swath along its tongue."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from detection.arrays import FloatArray
from detection.methods.icecover import HIGHEST, ICE_RATIO, composite, without_snow
from detection.methods.line import weighted_line
from detection.methods.terminus import Front, NotSeen, TerminusRules, locate

YEAR_S = 365.25 * 86400
USUAL_M_YR = 40.0
"""Standard deviation of the rates of glaciers that do not surge: all that is known before a glacier has a past."""
EPOCH_DAYS = 60.0
"""Dates closer than this together are one epoch: snow comes and goes in between, a quiet snout hardly moves."""
BARE, ICE = -0.35, 1.6
"""Log ratios of bare ground and of ice where a scene does not tell its own."""
ICE_RED_OVER_BARE_SWIR = 1.2
"""Red reflectance of ice over the short-wave infrared one of bare ground."""
RIM_PX = 1.0
"""Pixels that the rim of new snow covers in part."""
SNOWY_SHARE = 0.03
"""Share of the ground before the snout under snow from which on a composite must shun it."""
DEBRIS_GAP_M, DEBRIS_GAP_SHARE = 200.0, 0.08
"""Clean ice that ends farther than both, of the length, above the mapped snout leaves debris or lost ground between."""
SHARP_M = 70.0
"""The edge of clean ice against bare ground is not wider; the onset of a debris cover is."""
LARGEST_LOSS_M = 1000.0
"""Ice may have been lost over this distance since it was mapped; clean ice that ends farther up has debris below it."""
LEAST_SEPARATION = 1.5
"""Standard deviations that till on the glacier must differ from the ground before it."""
SIDE_M, UNSURE_M, NEAR_SNOUT_M = 900.0, 300.0, 60.0
"""Both sides are looked at so far from the snout, but for what the snout may have passed since it was mapped; or for its edge."""
LESSONS = 3
CORRELATED_PX = 2.0
"""Pixels across that stray together: their own width and the blur of the optics."""
STEADY_M_YR = 100.0
"""A line through the lengths of a glacier that goes faster on the whole says nothing of a single summer."""
CLEAR_CONTRAST = 0.6
"""Debris on a single date that has to stand alone must show the edge more clearly than several together."""
MOVED_M = 15.0
"""A snout that moves less within an epoch counts as standing."""
SPIKE_M = 40.0
"""A length that is off by this and four standard deviations between two that agree is a mistake: no snout goes and returns."""

Basis = Literal["clean_ice", "debris"]
BIAS_PX: dict[Basis, float] = {"clean_ice": 0.16, "debris": 0.21}
"""What remains when everything is seen, standard deviation: dirt, damp ground, the optics; till that resembles the ground."""


@dataclass(frozen=True)
class Tongue:
    """Pictures of one glacier on its swath, dates in order."""

    dates: tuple[datetime, ...]
    along_m: npt.NDArray[np.float64]
    index: FloatArray
    """(dates, across, along), see `icecover.ice_index`."""
    nir: FloatArray
    channels: Callable[[], FloatArray]
    """(dates, channels, across, along), see `icecover.surface_channels`: only debris asks for them."""
    end_m: float
    """Distance from the head at which the mapped outline ends."""
    pixel_m: float


@dataclass(frozen=True)
class Measure:
    """The length on one date."""

    length_m: float
    sigma_m: float
    line_m: npt.NDArray[np.float64]
    """(across,)."""
    basis: Basis
    contrast: float
    seen: float
    first: datetime
    last: datetime
    """Pictures from between these were used."""
    pictures: int


Answer = Measure | NotSeen


@dataclass(frozen=True)
class Lengths:
    """Lengths on every date, and on every epoch."""

    by_date: tuple[Answer, ...]
    by_epoch: tuple[Measure, ...]
    """What was seen, oldest first."""


def measure(tongue: Tongue, rules: TerminusRules) -> Lengths:
    """Return the length on every date."""
    inside = np.broadcast_to(tongue.along_m < tongue.end_m, tongue.index.shape)
    index = without_snow(tongue.index, tongue.nir, inside, _rim(tongue, rules))
    clean = _share_of(index, tongue)
    surface = _surface(tongue, clean, rules)
    if surface is None:
        return Lengths((NotSeen("debris that does not differ from the ground before it"),) * len(tongue.dates), ())
    own = [_measure(tongue, surface, [number], rules) for number in range(len(tongue.dates))]
    by_date: list[Answer] = list(own)
    epochs: list[Measure] = []
    for members in _epochs(tongue.dates):
        together = _measure(tongue, surface, members, rules)
        if len(members) > 1 and _moving([own[number] for number in members]):
            by_date = [_clear(one) if number in members else one for number, one in enumerate(by_date)]
            epochs += [one for number in members if isinstance(one := by_date[number], Measure)]
            continue
        for number in members:
            by_date[number] = together
        if isinstance(together, Measure):
            epochs.append(together)
    wrong = _spikes(epochs)
    right = tuple(one for one in epochs if not any(one is bad for bad in wrong))
    pace = _pace(right)
    by_date = [
        NotSeen("not seen while the snout moved") if isinstance(alone, NotSeen) and _runs_off(one, right) else one
        for one, alone in zip(by_date, own, strict=True)
    ]
    kept = [
        NotSeen("contradicts the dates before and after") if any(one is bad for bad in wrong) else _on(at, one, pace)
        for at, one in zip(tongue.dates, by_date, strict=True)
    ]
    return Lengths(tuple(kept), right)


def _rim(tongue: Tongue, rules: TerminusRules) -> tuple[int, int]:
    """Return how many samples across and along a snow-covered pixel reaches into its neighbours."""
    reach = RIM_PX * tongue.pixel_m
    return max(round(reach / rules.across_step_m), 1), max(round(reach / rules.along_step_m), 1)


def _runs_off(one: Answer, epochs: Sequence[Measure]) -> bool:
    """Return whether the next length lies so far off that a date which shows no snout cannot have that of its epoch."""
    after = next((later for later in epochs if isinstance(one, Measure) and later.first > one.last), None)
    if after is None or isinstance(one, NotSeen):
        return False
    moved = abs(after.length_m - one.length_m)
    years = (middle(after) - middle(one)).total_seconds() / YEAR_S
    return moved > max(STEADY_M_YR * years, MOVED_M)


def _pace(epochs: Sequence[Measure]) -> tuple[float, float]:
    """Return how fast the snout moves from epoch to epoch, m per year, and its standard deviation."""
    if len(epochs) < 3:
        return 0.0, USUAL_M_YR
    years = np.array([(middle(one) - middle(epochs[0])).total_seconds() for one in epochs]) / YEAR_S
    lengths, sigma = np.array([one.length_m for one in epochs]), np.array([one.sigma_m for one in epochs])
    rate, error = weighted_line(years, lengths, sigma)
    steady = np.isfinite(error) and abs(rate) < STEADY_M_YR
    return (rate, error) if steady else (0.0, USUAL_M_YR)


def _on(at: datetime, one: Answer, pace: tuple[float, float]) -> Answer:
    """Return an epoch's measure as of one of its dates: the snout goes on at its pace between them."""
    if isinstance(one, NotSeen):
        return one
    years = (at - middle(one)).total_seconds() / YEAR_S
    moved = pace[0] * years
    return replace(
        one,
        length_m=one.length_m + moved,
        line_m=one.line_m + moved,
        sigma_m=float(np.hypot(one.sigma_m, pace[1] * years)),
    )


def _spikes(epochs: Sequence[Measure]) -> list[Measure]:
    """Return the measures that lie far off both their neighbours, which agree."""
    wrong = []
    for before, one, after in zip(epochs, epochs[1:], epochs[2:], strict=False):
        span = max((middle(after) - middle(before)).total_seconds(), 1.0)
        share = (middle(one) - middle(before)).total_seconds() / span
        off = one.length_m - (before.length_m + share * (after.length_m - before.length_m))
        sigma = float(np.hypot(one.sigma_m, np.hypot(before.sigma_m, after.sigma_m)))
        if abs(off) > max(4 * sigma, SPIKE_M) and 2 * abs(after.length_m - before.length_m) < abs(off):
            wrong.append(one)
    return wrong


def middle(one: Measure) -> datetime:
    """Return the moment a measure stands for."""
    return one.first + (one.last - one.first) / 2


def _epochs(dates: Sequence[datetime]) -> list[list[int]]:
    groups: list[list[int]] = []
    for number, at in enumerate(dates):
        if groups and (at - dates[groups[-1][0]]).total_seconds() <= EPOCH_DAYS * 86400:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _share_of(index: FloatArray, tongue: Tongue) -> FloatArray:
    """Return the share of each sample under ice by the scene's own levels of bare ground and ice, about 0-1."""
    known = np.isfinite(index)
    icy = known & (np.nan_to_num(index) > np.log(ICE_RATIO))
    beyond = np.broadcast_to(tongue.along_m > tongue.end_m + 100, index.shape)
    bare, ice = index[known & ~icy & beyond], index[icy & ~beyond]
    low = float(np.median(bare)) if bare.size > 200 else BARE
    high = float(np.clip(np.median(ice), 1.1, HIGHEST)) if ice.size > 200 else ICE
    # the index of a mixed pixel bends: unmixed with both levels, it is the share of ground under ice
    ratio = np.exp(index)
    above, below = (
        ratio - np.exp(low),
        float(np.clip(ICE_RED_OVER_BARE_SWIR * np.exp(-high), 0.08, 1.0)) * (np.exp(high) - ratio),
    )
    return np.asarray(np.clip(above / np.maximum(above + below, 0.05), -0.3, 1.2), dtype=np.float32)


@dataclass(frozen=True)
class _Surface:
    """What the tongue's end is made of, and the share of it on the swath, 1 on the glacier, 0 before it."""

    basis: Basis
    share: FloatArray
    """(dates, across, along)."""
    along_m: npt.NDArray[np.float64]


def _measure(tongue: Tongue, surface: _Surface, members: list[int], rules: TerminusRules) -> Answer:
    """Return the length from the pictures of some dates taken together."""
    stack, along, basis = surface.share[members], surface.along_m, surface.basis
    front, snowy = locate(composite(stack, snowy=False), along, rules), False
    if basis == "clean_ice" and len(members) > 1 and (isinstance(front, NotSeen) or front.snow_share > SNOWY_SHARE):
        front, snowy = locate(composite(stack, snowy=True), along, rules), True
    if isinstance(front, NotSeen):
        return front
    if basis == "clean_ice" and front.snow_share > 0.5:
        return NotSeen("snow on the ground before the snout")
    days = [tongue.dates[number] for number in members]
    looks = 1.0 if snowy else _looks(stack, front, along, rules)
    sigma = _sigma(front, looks, tongue.pixel_m, basis, rules)
    return Measure(
        front.mean_m, sigma, front.line_m, basis, front.contrast, front.seen, days[0], days[-1], len(members)
    )


def _looks(stack: FloatArray, front: Front, along_m: npt.NDArray[np.float64], rules: TerminusRules) -> float:
    """Return how many of the dates saw the line, on the mean of its surroundings."""
    near = np.abs(along_m[None] - front.line_m[:, None]) <= rules.near_m
    return max(float(np.isfinite(stack).sum(axis=0)[near].mean()), 1.0)


def _sigma(front: Front, looks: float, pixel_m: float, basis: Basis, rules: TerminusRules) -> float:
    """Return the standard deviation of the mean terminus.

    Its parts: how the line strays, over as many offsets as have pixels of their own; where the pictures lie, over the
    dates that saw it (the lowest of several is one of them); where it lies in what nobody saw; and what is common to all.
    """
    independent = max(len(front.line_m) * rules.across_step_m / (CORRELATED_PX * pixel_m), 1.0)
    rough = front.scatter_m**2 / independent
    placed = (rules.coregistration_px * pixel_m) ** 2 / looks
    return float(np.sqrt(rough + placed + front.gap_m**2 / 12 + (BIAS_PX[basis] * pixel_m) ** 2))


def _clear(one: Answer) -> Answer:
    """Return what one date alone tells, if it does so clearly."""
    if isinstance(one, NotSeen) or one.basis == "clean_ice" or one.contrast >= CLEAR_CONTRAST:
        return one
    return NotSeen("too little contrast between glacier and ground for a single date")


def _moving(own: Sequence[Answer]) -> bool:
    """Return whether the lengths of an epoch's dates change by more than their errors, steadily or from some date on."""
    seen = [one for one in map(_clear, own) if isinstance(one, Measure)]
    if len(seen) < 2:
        return False
    days = np.array([(one.first - seen[0].first).total_seconds() / 86400 for one in seen])
    lengths, sigma = np.array([one.length_m for one in seen]), np.array([one.sigma_m for one in seen])
    rate, error = weighted_line(days, lengths, sigma)
    drifts = abs(rate) > 4 * error and abs(rate) * float(np.ptp(days)) > MOVED_M
    return bool(drifts or _set_off(lengths, sigma))


def _set_off(lengths: npt.NDArray[np.float64], sigma: npt.NDArray[np.float64]) -> bool:
    """Return whether two lengths or more at the end lie beyond all before: a surge begins between pictures."""
    for start in range(1, len(lengths) - 1):
        beyond = lengths[start:] - lengths[:start].max()
        if (beyond > np.maximum(MOVED_M, 3 * np.hypot(sigma[:start].max(), sigma[start:]))).all():
            return True
    return False


def _surface(tongue: Tongue, clean: FloatArray, rules: TerminusRules) -> _Surface | None:
    """Return what tells the glacier's end; None where nothing does."""
    epochs = [composite(clean[members], snowy=True) for members in _epochs(tongue.dates)]
    fronts = [(locate(share, tongue.along_m, rules), share) for share in epochs]
    seen = [(front, share) for front, share in fronts if isinstance(front, Front)]
    clean_end = max((front.mean_m for front, _ in seen), default=float(tongue.along_m[0]))
    gap = tongue.end_m - clean_end
    if seen and gap <= max(DEBRIS_GAP_M, DEBRIS_GAP_SHARE * tongue.end_m):
        return _Surface("clean_ice", clean, tongue.along_m)
    sharp = (
        bool(seen) and float(np.median([_edge_width(share, front, tongue.along_m) for front, share in seen])) <= SHARP_M
    )
    if sharp and gap <= LARGEST_LOSS_M:
        return _Surface("clean_ice", clean, tongue.along_m)
    part = tongue.along_m > clean_end + 0.1 * min(gap, 1000.0)
    debris = _debris_share(
        replace(tongue, along_m=tongue.along_m[part]), tongue.channels()[..., part], clean[..., part], rules
    )
    if debris is not None:
        return _Surface("debris", debris, tongue.along_m[part])
    return None


def _edge_width(share: FloatArray, front: Front, along_m: npt.NDArray[np.float64]) -> float:
    """Return over how many metres the ice share falls from four fifths to one fifth, on the mean of all offsets."""
    step = float(along_m[1] - along_m[0])
    moves = (front.line_m - front.mean_m) / step
    aligned = np.stack(
        [
            ndi.shift(np.nan_to_num(row, nan=0.5), -move, order=1, mode="nearest")
            for row, move in zip(share, moves, strict=True)
        ]
    )
    profile = ndi.gaussian_filter1d(np.median(aligned, axis=0), 1.0)
    return float(((profile > 0.2) & (profile < 0.8) & (np.abs(along_m - front.mean_m) < 400)).sum() * step)


def _debris_share(tongue: Tongue, channels: FloatArray, clean: FloatArray, rules: TerminusRules) -> FloatArray | None:
    """Return how much each sample looks like the till on the glacier, 1, or the ground before it, 0; None = alike.

    What both look like is learnt away from the mapped snout first, then on both sides of where each epoch's snout is
    found: ground that the ice has left is ground, whatever the map says.
    """
    if channels.shape[1] < 2:
        return None
    bare = np.where((clean < 0.5)[:, None], channels, np.float32(np.nan))
    epochs = _epochs(tongue.dates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        # a date's own gain and haze shift all its colours alike, and most of the ground has not changed
        bare = bare - np.nanmedian(bare - np.nanmedian(bare, axis=0), axis=(2, 3), keepdims=True)
        usual = np.stack([np.nanmedian(bare[members], axis=0) for members in epochs])
    ends, away = np.full(len(epochs), tongue.end_m), UNSURE_M
    for _ in range(LESSONS):
        sides = _both_sides(usual, tongue.along_m[None] - ends[:, None], away)
        weights = _discriminant(sides)
        if weights is None:
            return None
        low, high = (float(np.median(weights @ side)) for side in (sides[1], sides[0]))
        share = np.clip((np.einsum("c,dcas->das", weights, bare) - low) / (high - low), -0.5, 1.5).astype(np.float32)
        fronts = [locate(composite(share[members], snowy=False), tongue.along_m, rules) for members in epochs]
        ends = np.array([one.mean_m if isinstance(one, Front) else np.nan for one in fronts])
        away = NEAR_SNOUT_M
        if np.isnan(ends).all():
            break
    return np.asarray(share)


def _both_sides(usual: FloatArray, off_m: npt.NDArray[np.float64], away_m: float) -> list[FloatArray]:
    """Return samples of the glacier and of the ground before it, (channels, samples) each.

    Parameters
    ----------
    usual
        (epochs, channels, across, along).
    off_m
        (epochs, along), distance from the snout; NaN where an epoch shows none.
    """
    sides = []
    for near in ((off_m > -SIDE_M) & (off_m < -away_m), (off_m > away_m) & (off_m < SIDE_M)):
        side = np.concatenate(
            [one[:, :, where].reshape(len(one), -1) for one, where in zip(usual, near, strict=True)], axis=1
        )
        sides.append(side[:, np.isfinite(side).all(axis=0)])
    return sides


def _discriminant(sides: Sequence[FloatArray]) -> npt.NDArray[np.float64] | None:
    """Return Fisher's linear discriminant [@Fisher1936], (channels,); None where both sides are alike or hardly seen."""
    if min(side.shape[1] for side in sides) < 200:
        return None
    within = sum(np.cov(side) for side in sides) / 2 + 1e-6 * np.eye(len(sides[0]))
    apart = sides[0].mean(axis=1) - sides[1].mean(axis=1)
    weights = np.linalg.solve(within, apart)
    return np.asarray(weights) if float(np.sqrt(apart @ weights)) >= LEAST_SEPARATION else None
