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
        (told.get("alignment", 0.5) - 0.5) * (elongation - 1.0),
    ]


COEFFICIENTS: dict[str, list[float]] = {}


def confidence(told: dict[str, float], mode: str) -> float:
    """Return the probability 0-1 that an object is a landslide."""
    if mode not in COEFFICIENTS:
        return 0.5
    total = sum(weight * value for weight, value in zip(COEFFICIENTS[mode], explanatory(told), strict=True))
    return 1.0 / (1.0 + math.exp(-max(min(total, 30.0), -30.0)))
