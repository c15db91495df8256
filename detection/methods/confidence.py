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
        max(min((told.get("alignment", 0.5) - 0.5) * (elongation - 1.0) * min(1.0, 3.0 / told["width_px"]), 0.5), -0.5),
    ]


COEFFICIENTS: dict[str, list[float]] = {
    "stack": [
        -27.15, -0.2996, 0.7589, 10.61, -0.01636, -1.492, 3.054, -9.41, 3.081,
        -5.747, -2.06, 0.967, 2.297, 0.6936, 0.1453, 0.9129, 7.225,
    ],
    "pair": [
        -15.35, -0.1301, 0.7476, 8.875, -0.055, -0.9457, -0.001229, -5.69, -3.35,
        -4.702, -0.7408, -0.2683, 1.063, 0, -0.04109, 0.5987, 6.362,
    ],
    "level": [
        -14.64, 0.1081, 0.2168, 5.675, 0.2678, 1.457, 3.416, -13.22, -14.8,
        -3.862, -1.633, 0.5912, -2.53, 0.6278, 0.4229, 0, 0,
    ],
    "visible": [
        -15.17, -0.2907, 0.604, 3.827, 0.3204, -5.011, 1.747, -6.623, 6.42,
        -4.579, -1.148, 0.6467, -1.051, 0, -0.01565, 0.5027, 7.092,
    ],
    "visible level": [
        -13.99, 0.2002, 0.5425, 3.663, 0.2713, -4.524, 0.9021, -13.77, -7.353,
        -3.287, -1.44, 0.3192, -11.65, 0.5734, 0.3086, 0, 0,
    ],
}  # fmt: skip
"""Fitted by benchmarks/refit_confidence.py --scenes 40 on simulated scenes with the scar spectra for training."""


CEILING = {"stack": 0.99, "pair": 0.95, "level": 0.95, "visible": 0.9, "visible level": 0.85}
"""However plain a change is: with less to go by, fellings, ploughing and clouds that no simulation holds look the same."""


def confidence(told: dict[str, float], mode: str) -> float:
    """Return the probability 0-1 that an object is a landslide."""
    total = sum(weight * value for weight, value in zip(COEFFICIENTS[mode], explanatory(told), strict=True))
    return min(1.0 / (1.0 + math.exp(-max(min(total, 30.0), -30.0))), CEILING[mode])
