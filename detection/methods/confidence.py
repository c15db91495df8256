"""How likely a candidate is a landslide: logistic regressions on features of the object."""

from __future__ import annotations

import math

MODES = ("stack", "pair", "level", "visible")


def mode_of(*, has_relief: bool, dates_after: int, has_infrared: bool) -> str:
    """Return which coefficients suit: several dates, one, one without relief, visible bands only."""
    if not has_infrared:
        return "visible"
    if not has_relief:
        return "level"
    return "stack" if dates_after > 1 else "pair"


def explanatory(told: dict[str, float]) -> list[float]:
    """Return the explanatory values of an object, in the order of the coefficients (the first is constant)."""
    elongation = min(told["elongation"], 6.0)
    return [
        1.0,
        math.log(max(told["peak"], 0.1)),
        math.log(told["area_px"]),
        told.get("purity", 0.8),
        told["ring_mean"] / max(told["mean"], 0.1),
        told["ring_busy"],
        told["border_share"],
        math.log(0.01 + told.get("contrast", 0.05)),
        math.log(max(told.get("vote", told["mean"]), 0.1)),
        told.get("plants", 0.0),
        math.log(max(told.get("dates", 1.0), 1.0)),
        told["solidity"],
        elongation,
        told.get("slope_deg", 25.0) / 10.0,
        (told.get("alignment", 0.5) - 0.5) * (elongation - 1.0),
    ]


COEFFICIENTS: dict[str, list[float]] = {}


def confidence(told: dict[str, float], mode: str) -> float:
    """Return the probability 0-1 that an object is a landslide."""
    if mode not in COEFFICIENTS:
        return 0.5
    total = sum(weight * value for weight, value in zip(COEFFICIENTS[mode], explanatory(told), strict=True))
    return 1.0 / (1.0 + math.exp(-max(min(total, 30.0), -30.0)))
