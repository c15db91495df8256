"""Displacement series as people and programs get them: with the model that tells each best, as a plot, as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from markupsafe import Markup

from api.exports import harmless
from api.security import Identity
from detection.settlement.classes import Motion, modelled
from maps import plots
from maps.plots import Series

NAMES = ("reviewed_by", "review_note", "parameters")
"""For those who are logged in: names of people, and how the detection was run."""


@dataclass(frozen=True)
class Told:
    """A series with what is read out of it."""

    label: str
    about: Mapping[str, Any]
    """The row of the point or area."""
    motion: Motion | None
    onset: date | None
    scatter_mm: float
    """One standard deviation about the model; of areas, of their points about their mean."""
    errors: Sequence[float]
    model: Sequence[float | None]

    @property
    def rows(self) -> list[tuple[date, float | None, float | None]]:
        """Date, displacement and model, mm."""
        return list(zip(self.about["dates"], finite(self.about["series"]), self.model, strict=False))


def of_point(point: Mapping[str, Any]) -> Told:
    """Return a point's series with its model."""
    label = f"{point['set_name']}: {point['code']}"
    return _told(label, point, None)


def of_area(area: Mapping[str, Any]) -> Told:
    """Return an area's mean series with its model; its error bars are the scatter of its points.

    The dates are those that the run knew: the set may have later ones by now.
    """
    known = {**area, "dates": area["dates"][: len(area["series"])], "times_yr": area["times_yr"][: len(area["series"])]}
    return _told(area["set_name"], known, area["scatter"])


def _told(label: str, row: Mapping[str, Any], scatter: Sequence[float] | None) -> Told:
    times, y = np.array(row["times_yr"]), np.array(row["series"], dtype=np.float64)
    found = modelled(times, y, row["seasonal"])
    if found is None:
        errors = scatter or [0.0] * len(y)
        return Told(label, row, None, None, 0.0, errors, [None] * len(y))
    motion, curve, spread = found
    errors = scatter or [spread] * len(y)
    return Told(label, row, motion, _day(row, times, motion.onset_yr), spread, errors, finite(curve))


def _day(row: Mapping[str, Any], times: Any, onset_yr: float | None) -> date | None:
    if onset_yr is None:
        return None
    days = [(day - row["dates"][0]).days for day in row["dates"]]
    first: date = row["dates"][0]
    return first + timedelta(days=round(float(np.interp(onset_yr, times, days))))


def finite(values: Iterable[float]) -> list[float | None]:
    """Return numbers, None where they are none."""
    return [float(value) if math.isfinite(value) else None for value in values]


def plot(told: Sequence[Told], title: str, axis: str) -> Markup:
    """Return the plot of one or several series."""
    drawn = [
        Series(one.label, one.about["dates"], finite(one.about["series"]), one.errors, one.model, one.onset)
        for one in told
    ]
    return plots.draw(drawn, title, axis)


def described(one: Told) -> dict[str, Any]:
    """Return a series as JSON has it."""
    motion = one.motion
    return {
        "model": None if motion is None else {
            "class": motion.kind, "velocity_mm_yr": motion.velocity, "velocity_std_mm_yr": motion.velocity_std,
            "velocity_before_mm_yr": motion.velocity_before, "step_mm": motion.step_mm,
            "acceleration_mm_yr2": motion.acceleration, "onset_date": one.onset, "scatter_mm": one.scatter_mm,
        },
        "series": [
            {"date": day, "displacement_mm": value, "model_mm": model, "std_mm": error}
            for (day, value, model), error in zip(one.rows, one.errors, strict=False)
        ],
    }  # fmt: skip


def as_csv(told: Sequence[Told]) -> bytes:
    """Return series as CSV, one row a date: every row says what it is measured against."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["set", "point", "component", "reference", "date", "displacement_mm", "std_mm", "model_mm"])
    for one in told:
        name = one.about.get("code") or f"area {one.about['id']}"
        for (day, value, model), error in zip(one.rows, one.errors, strict=False):
            texts = [
                harmless(text) for text in (one.about["set_name"], name, one.about["component"], one.about["reference"])
            ]
            numbers = ["" if number is None else f"{number:.4f}" for number in (value, error, model)]
            writer.writerow([*texts, day.isoformat(), *numbers])
    return out.getvalue().encode("utf-8-sig")  # without the mark Excel takes Chinese and Urdu for something else


def without_series(row: Mapping[str, Any], identity: Identity) -> dict[str, Any]:
    """Return a row as lists tell it: no series, and names of people only to those who are logged in."""
    hidden = {"series", "scatter", "times_yr", "dates", *(() if identity.sees_unreviewed else NAMES)}
    return {name: value for name, value in row.items() if name not in hidden}
