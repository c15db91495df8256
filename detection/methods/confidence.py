"""How likely a candidate is a landslide: logistic regressions on features of the object."""

from __future__ import annotations

import math

MODES = ("stack", "pair", "level", "visible", "visible level")


def mode_of(*, has_relief: bool, dates_after: int, has_infrared: bool) -> str:
    """Return which coefficients suit: several dates, one, no relief, visible bands only, or both."""
    if not has_infrared:
        return "visible" if has_relief else "visible level"
    if not has_relief:
        return "level"
    return "stack" if dates_after > 1 else "pair"


def explanatory(told: dict[str, float]) -> list[float]:
    """Return the explanatory values of an object, in the order of the coefficients (the first is constant).

    They are capped where more of the same says no more, so that real objects beyond the simulated ones stay sane.
    """
    elongation = min(told["elongation"], 5.0)
    return [
        1.0,
        math.log(min(max(told["peak"], 0.1), 20.0)),
        math.log(min(told["area_px"], 200.0)),
        told.get("purity", 0.8),
        told.get("cloud", -0.3),
        told.get("shade", -0.3),
        told["observed_share"],
        max(min(told["ring_middle"] / max(told["mean"], 0.1), 1.0), -0.5),
        told["ring_contrary"],
        told["border_share"],
        math.log(0.02 + told.get("contrast", 0.05)),
        math.log(min(max(told.get("vote", told["mean"]), 0.1), 20.0)),
        told.get("plants", 0.0),
        math.log(max(told.get("dates", 1.0), 1.0)),
        elongation,
        min(told.get("slope_deg", 25.0), 45.0) / 10.0,
        (told.get("alignment", 0.5) - 0.5) * (elongation - 1.0) * min(1.0, 3.0 / told["width_px"]),
    ]


COEFFICIENTS: dict[str, list[float]] = {
    "stack": [
        -18.11,
        -0.05885,
        1.173,
        5.202,
        0.6468,
        -2.175,
        2.542,
        -11.25,
        -1.544,
        -5.782,
        -2.079,
        0.3683,
        0.06534,
        0.9981,
        -1.364,
        0.7816,
        5.801,
    ],
    "pair": [
        -9.801,
        -0.8319,
        1.334,
        3.219,
        0.1304,
        -1.31,
        1.498,
        -8.573,
        -1.608,
        -3.432,
        -0.925,
        -0.5179,
        3.645,
        0,
        -1.292,
        0.8313,
        6.361,
    ],
    "level": [
        -12.43,
        0.417,
        0.5833,
        4.282,
        0.7907,
        1.673,
        3.15,
        -7.128,
        -10.39,
        -4.381,
        -1.933,
        -0.1137,
        -2.636,
        0.3774,
        0.1371,
        0,
        0,
    ],
    "visible": [
        -15.19,
        0.07596,
        1.247,
        4.654,
        0.4361,
        -4.973,
        3.15,
        -9.508,
        6.029,
        -2.345,
        -1.191,
        -0.2529,
        0.5034,
        0,
        -1.581,
        0.693,
        6.187,
    ],
    "visible level": [
        -15.11,
        -1.41,
        1.037,
        6.74,
        0.3753,
        -4.241,
        1.635,
        -15.05,
        -8.772,
        -1.7,
        -1.121,
        0.8411,
        -13.84,
        0.776,
        0.1495,
        0,
        0,
    ],
}
"""Fitted by benchmarks/refit_confidence.py --scenes 36 on simulated scenes with the scar spectra for training."""


def confidence(told: dict[str, float], mode: str) -> float:
    """Return the probability 0-1 that an object is a landslide."""
    total = sum(weight * value for weight, value in zip(COEFFICIENTS[mode], explanatory(told), strict=True))
    return 1.0 / (1.0 + math.exp(-max(min(total, 30.0), -30.0)))
