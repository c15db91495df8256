"""How likely a candidate is a landslide: logistic regressions on features of the object."""

from __future__ import annotations

import math

MODES = ("stack", "pair", "level", "visible", "visible level")

DIRECTIONS: dict[str, int] = {
    "constant": 0,
    "peak": 1,
    "sharpness": 0,
    "area": 1,
    "purity": 1,
    "cloud": 0,
    "shade": 0,
    "observed": 1,
    "ring": -1,
    "edge": -1,
    "contrary": -1,
    "border": -1,
    "contrast": -1,
    "vote": 1,
    "plants": 0,
    "bared": 1,
    "greened": -1,
    "brightening": 0,
    "dates": 1,
    "elongation": 0,
    "slope": 1,
    "alignment": 1,
    "solidity": 1,
    "purity squared": 0,
    "cloud squared": 0,
    "shade squared": 0,
    "shade by purity": 0,
}
"""Explanatory values, and which way each may speak at most: 1 = more of it never makes a slide less likely, -1 = never more,
0 = either. What is known of slides holds wherever they are; what a fit finds beyond it holds where it was fitted."""
BY_SETTING = ("constant", "purity", "cloud", "shade", "edge", "border", "area", "plants", "brightening")
"""These weigh otherwise where no quality band told cloud and snow, and where no short-wave infrared tells them from rock."""


def mode_of(*, has_relief: bool, dates_after: int, has_infrared: bool) -> str:
    """Return which coefficients suit: several dates, one, no relief, visible bands only, or both."""
    if not has_infrared:
        return "visible" if has_relief else "visible level"
    if not has_relief:
        return "level"
    return "stack" if dates_after > 1 else "pair"


def explanatory(told: dict[str, float], *, masked: bool = True, shortwave: bool = True) -> list[float]:
    """Return the explanatory values of an object: those of DIRECTIONS, then those of BY_SETTING twice.

    They are capped where more of the same says no more, so that real objects beyond the simulated ones stay sane.

    Parameters
    ----------
    masked
        Whether clouds and snow were masked by a quality band of all dates.
    shortwave
        Whether a band of short-wave infrared is among those that were compared.
    """
    elongation, mean = min(told["elongation"], 5.0), max(told["mean"], 0.1)
    along = (told.get("alignment", 0.5) - 0.5) * (elongation - 1.0) * min(1.0, 3.0 / told["width_px"])
    value = {
        "constant": 1.0,
        "peak": math.log(_within(told["peak"], 0.1, 20.0)),
        "sharpness": math.log(_within(told["highest"], 0.1, 30.0) / mean),
        "area": math.log(min(told["area_px"], 200.0)),
        "purity": told["purity"],
        "cloud": told["cloud"],
        "shade": told["shade"],
        "observed": told["observed_share"],
        "ring": _within(told["ring_middle"] / mean, -0.5, 1.0),
        "edge": _within(told["edge"], -0.5, 1.0),
        "contrary": told["ring_contrary"],
        "border": told["border_share"],
        "contrast": math.log(0.02 + told["contrast"]),
        "vote": math.log(_within(told["vote"], 0.1, 20.0)),
        "plants": told["plants"],
        # the first tenth of plants that went tells most
        "bared": math.sqrt(_within(-told["greening"], 0.0, 0.4)),
        "greened": math.sqrt(_within(told["greening"], 0.0, 0.3)),
        "brightening": _within(told["brightening"], -1.0, 1.0),
        "dates": math.log(max(told["dates"], 1.0)),
        "elongation": elongation,
        "slope": min(told.get("slope_deg", 25.0), 45.0) / 10.0,
        "alignment": _within(along, -0.5, 0.5),
        "solidity": told["solidity"],
    }
    purity, shade = value["purity"], value["shade"]
    value |= {
        "purity squared": purity**2,
        "cloud squared": value["cloud"] ** 2,
        "shade squared": shade**2,
        "shade by purity": shade * purity,
    }
    own = [value[name] for name in BY_SETTING]
    return [*value.values(), *(part * (not masked) for part in own), *(part * (not shortwave) for part in own)]


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


COEFFICIENTS: dict[str, list[float]] = {
    "stack": [
        -23.58, 1.623, -1.599, 1.107, 0, -4.542, 1.918, 2.457, -5.234, -4.161,
        -0.7563, -3.762, -1.839, 0.5133, 0, 4.019, -6.157, -1.884, 1.134, -0.5876,
        0.8186, 7.102, 4.614, 3.672, -3.026, -5.365, -2.485, 0.6841, -3.68, -2.3,
        -3.873, -1.913, 0.2187, -0.6017, 0, 4.861, -1.48, -1.04, -0.8343, -1.924,
        -0.8688, -4.261, 0.07931, 0, -2.34,
    ],
    "pair": [
        -17.73, 0.8755, -1.372, 1.325, 0, -5.891, 0.9932, 1.425, -2.983, -4.249,
        -2.983, -2.572, -1.067, 0.3572, 0, 3.307, -6.601, -1.843, 0, -0.6558,
        0.7462, 6.069, 4.082, 2.598, -3.597, -3.469, -1.102, 2.301, -2.846, -0.7966,
        -4.061, 0.9604, -2.748, -0.9616, 0, 3.382, -1.337, -0.6763, -0.9234, -1.916,
        -0.3487, -0.3187, 0.1442, 0, -2.074,
    ],
    "level": [
        -14.07, 1.231, 0.2635, 0.3158, 0, -6.286, 2.004, 1.125, -7.182, -3.749,
        -19.29, -4.074, -1.268, 0.1174, -5.86, 2.111, -8.692, 1.417, 0.3156, 0.08884,
        0, 0, 4.97, 3.565, -3.331, -4.844, -1.994, 0.9661, -2.375, -0.3217,
        -3.556, -0.3863, -0.6343, -0.2921, -1.436, 1.84, -1.543, -0.5701, -0.2077, -2.42,
        -0.9177, -1.025, 0.07462, -0.4426, -3.739,
    ],
    "visible": [
        -18.08, 0.5659, -1.727, 1.209, 4.774, -2.566, 3.481, 2.188, -1.923, -3.357,
        -9.488, -3.206, -1.255, 0, -13.72, 13.97, -0.6162, -0.6179, 0, -0.3273,
        0.7352, 5.038, 4.178, -3.87, -1.624, 3.307, 0.3036, 0.5763, 0.5022, 0.1064,
        -3.825, -1.022, -2.256, -0.7371, 10.02, 1.004, 0, 0, 0, 0,
        0, 0, 0, 0, 0,
    ],
    "visible level": [
        -13.51, 0.8736, -1.374, 0.2845, 1.343, -2.458, -0.3877, 1.42, -5.937, -3.024,
        -10.9, -3.555, -1.215, 0, -20.44, 6.711, -9.208, -0.5081, 0, 0.1571,
        0, 0, 4, 0.3535, -1.465, 6.653, 4.804, 0.636, -0.7635, 0.3225,
        -1.239, 0.2286, -1.849, -0.132, 8.824, 0.6122, 0, 0, 0, 0,
        0, 0, 0, 0, 0,
    ],
}  # fmt: skip
"""Fitted by benchmarks/refit_confidence.py --scenes 140: worlds and scars drawn anew for each."""


CEILING = {"stack": 0.99, "pair": 0.95, "level": 0.95, "visible": 0.9, "visible level": 0.85}
"""However plain a change is: with less to go by, fellings, ploughing and clouds that no simulation holds look the same."""


def confidence(told: dict[str, float], mode: str, *, masked: bool = True, shortwave: bool = True) -> float:
    """Return the probability 0-1 that an object is a landslide; see explanatory."""
    values = explanatory(told, masked=masked, shortwave=shortwave)
    total = sum(weight * value for weight, value in zip(COEFFICIENTS[mode], values, strict=True))
    return min(1.0 / (1.0 + math.exp(-_within(total, -30.0, 30.0))), CEILING[mode])
