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
        -22.65, 1.671, -1.478, 1.106, 0, -4.812, 2.237, 2.575, -5.327, -4.417,
        0, -3.593, -1.719, 0.3027, -3.488, 7.297, -4.556, -1.699, 1.177, -0.6084,
        0.697, 6.98, 4.498, 3.835, -3.149, -5.088, -2.473, 0.7989, -3.613, -2.25,
        -3.966, -2.076, -0.1251, -0.5691, -1.312, 4.87, -1.305, -1.032, -0.8227, -2.802,
        -1.824, -4.472, 0.1391, -3.157, -2.112,
    ],
    "pair": [
        -17.48, 0.8454, -1.258, 1.307, 0, -5.979, 1.179, 1.424, -2.997, -4.199,
        -2.699, -2.549, -1.034, 0.3385, -0.5979, 4.478, -5.998, -1.852, 0, -0.6698,
        0.7091, 6.073, 4.065, 2.621, -3.63, -3.306, -1.045, 2.399, -2.802, -0.7684,
        -4.177, 0.6806, -2.756, -0.9336, -1.203, 3.431, -1.008, -0.5582, -0.8449, -2.48,
        -0.9013, -0.4623, 0.1719, -3.219, -1.727,
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
