"""How likely an object of changed backscatter is a landslide: a logistic regression on what is told of it."""

from __future__ import annotations

import math


def explanatory(told: dict[str, float]) -> list[float]:
    """Return the explanatory values of an object, in the order of the coefficients (the first is constant).

    They are capped where more of the same says no more, so that real objects beyond the simulated ones stay sane.
    """
    elongation = min(told["elongation"], 5.0)
    return [
        1.0,
        math.log(min(max(told["peak"], 0.1), 20.0)),
        math.log(min(told["area_px"], 400.0)),
        max(min(told["ring_middle"] / max(told["mean"], 0.1), 1.0), -1.0),
        told["ring_contrary"],
        told["border_share"],
        min(abs(told["background_db"]), 4.0),
        told["sign"],
        elongation,
        min(told.get("slope_deg", 25.0), 45.0) / 10.0,
        (told.get("alignment", 0.5) - 0.5) * (elongation - 1.0),
        told["solidity"],
    ]


COEFFICIENTS: list[float] = [
    -2.9977, 4.2558, -0.9653, -0.9257, -7.6767, -5.3327, -2.2109, -0.3666, -0.4042, 0.3833, 3.7163, -0.526,
]  # fmt: skip
"""Fitted by benchmarks/sar_accuracy.py --refit 90 on simulated scenes for training."""


def confidence(told: dict[str, float]) -> float:
    """Return the probability 0-1 that an object is a landslide."""
    total = sum(weight * value for weight, value in zip(COEFFICIENTS, explanatory(told), strict=True))
    return 1.0 / (1.0 + math.exp(-max(min(total, 30.0), -30.0)))
