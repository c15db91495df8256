"""Values through time as a picture: points with error bars, the line that tells them best, and the day that matters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from markupsafe import Markup

from maps.style import NOTHING_THERE, SERIES

WIDTH, HEIGHT = 900, 430
LEFT, RIGHT, TOP, BOTTOM = 104, 14, 52, 46
LEAST_SPAN = 1e-9
Mark = Literal["dot", "hollow", "cross"]
"""Measured; remembered; nothing there."""
_DAYS_A_TICK = ((5500, 5), (2600, 2), (1000, 1))
"""Span in days from which a tick stands every so many years."""


@dataclass(frozen=True)
class Series:
    """What is drawn in one colour."""

    label: str
    dates: Sequence[date]
    values: Sequence[float | None]
    """In the unit of the axis; None = not measured."""
    error: float | Sequence[float] = 0.0
    """One standard deviation: of all values, or of each."""
    model: Sequence[float | None] = ()
    """The line, on the same dates."""
    onset: date | None = None
    onset_told: str = ""
    """What is written at the onset; by default the day."""
    told: Sequence[str] = ()
    """What each value tells in words; without, values are dots alone."""
    marks: Sequence[Mark] = ()
    """Of values that tell themselves in words."""


def draw(series: Sequence[Series], title: str, axis: str, *, positive: bool = False) -> Markup:
    """Return an SVG picture that grows with the page and takes its text colour from it.

    Parameters
    ----------
    title
        Read to those who cannot see it.
    axis
        What the values are, with unit.
    positive
        Values are never below nothing: error bars end there, and the axis need not hold it.
    """
    known = [(day, value, err) for one in series for day, value, err in _points(one)]
    if not known:
        return Markup("")
    frame = frame_of(known, positive=positive)
    parts = [*_axes(frame, axis)]
    for number, one in enumerate(series):
        parts += _drawn(one, SERIES[number % len(SERIES)], frame, cap=_cap(number), faint=len(series) > 1)
    return Markup(
        '<svg class="plot" role="img" aria-label="{}" viewBox="0 0 {} {}" direction="ltr" xmlns="http://www.w3.org/2000/svg">{}</svg>'
    ).format(title, WIDTH, HEIGHT, Markup("").join(parts))


def sample(number: int) -> Markup:
    """Return a point of the colour and shape of a series, for a legend."""
    return Markup(
        '<svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true"><path d="M7 7h0" stroke="{}" stroke-width="10" '
        'stroke-linecap="{}"/></svg>'
    ).format(SERIES[number % len(SERIES)], _cap(number))


def _cap(number: int) -> str:
    """Return the shape of a series' points: every other one is square, so that neighbours stay apart without colours."""
    return ("round", "square")[number % 2]


@dataclass(frozen=True)
class Frame:
    """Where days and values lie."""

    first: date
    last: date
    low: float
    high: float
    step: float

    @classmethod
    def around(cls, first: date, last: date, low: float, high: float) -> Frame:
        """Return a frame that ends at round values."""
        span = max(high - low, 1e-6 * abs(high))
        step = _nice((span if span > LEAST_SPAN else 1.0) / 6)
        bottom, top = math.floor(low / step), math.ceil(high / step)
        return cls(first, last, bottom * step, max(top, bottom + 1) * step, step)

    def x(self, day: date) -> float:
        """Return where a day lies, pixels."""
        span = max((self.last - self.first).days, 1)
        return LEFT + 8 + (WIDTH - LEFT - RIGHT - 16) * (day - self.first).days / span

    def y(self, value: float) -> float:
        """Return where a value lies, pixels."""
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)


def known_points(one: Series) -> list[tuple[date, float, float]]:
    """Return day, value and error of what was measured."""
    return list(_points(one))


def frame_of(points: Sequence[tuple[date, float, float]], *, positive: bool = False) -> Frame:
    """Return where days and values lie on a plot of these points; it holds nothing (0) but where values are `positive`."""
    low, high = min(value - err for _, value, err in points), max(value + err for _, value, err in points)
    days = [day for day, _, _ in points]
    return Frame.around(min(days), max(days), max(low, 0.0) if positive else min(low, 0.0), max(high, 0.0))


def _points(one: Series) -> Iterator[tuple[date, float, float]]:
    errors = one.error if isinstance(one.error, Sequence) else [one.error] * len(one.dates)
    for day, value, error in zip(one.dates, one.values, errors, strict=True):
        if value is not None and math.isfinite(value):
            yield day, value, error if math.isfinite(error) else 0.0


def _nice(step: float) -> float:
    """Return the next larger of 1, 2, 5 times a power of ten."""
    size = 10.0 ** math.floor(math.log10(step))
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= step * (1 - 1e-9))


def _axes(frame: Frame, axis: str) -> Iterator[Markup]:
    line = Markup('<path d="M{} {}H{}" stroke="currentColor" stroke-opacity="{}" stroke-width="1"/>')
    text = Markup('<text x="{}" y="{}" text-anchor="{}" font-size="13" fill="currentColor">{}</text>')
    digits = max(0, -math.floor(math.log10(frame.step)))
    for number in range(round((frame.high - frame.low) / frame.step) + 1):
        value = frame.low + number * frame.step
        y = round(frame.y(value), 1)
        yield line.format(LEFT, y, WIDTH - RIGHT, 0.55 if abs(value) < frame.step / 1e6 else 0.15)
        yield text.format(LEFT - 8, y + 4, "end", f"{round(value, digits) + 0.0:,.{digits}f}".replace("-", "−"))
    for number, (day, label) in enumerate(ticks(frame.first, frame.last)):
        x = round(frame.x(day), 1)
        yield Markup('<path d="M{} {}V{}" stroke="currentColor" stroke-opacity=".15"/>').format(x, TOP, HEIGHT - BOTTOM)
        drawn = text.format(x, HEIGHT - BOTTOM + 28, "end" if x > WIDTH - 50 else "middle", label)
        yield Markup('<g class="between">{}</g>').format(drawn) if number % 2 else drawn
    yield Markup('<text x="{}" y="{}" font-size="13" fill="currentColor">{}</text>').format(8, TOP - 30, axis)


def ticks(first: date, last: date) -> list[tuple[date, str]]:
    """Return days worth a line: new years of long series, else first days of months."""
    span = (last - first).days
    years = next((years for days, years in _DAYS_A_TICK if span >= days), 0)
    if years:
        days = [date(year, 1, 1) for year in range(first.year, last.year + 1) if year % years == 0]
        return [(day, str(day.year)) for day in days if first <= day <= last]
    months = [date(year, month, 1) for year in range(first.year, last.year + 1) for month in range(1, 13)]
    inside = [day for day in months if first <= day <= last]
    kept = inside[:: max(1, -(-len(inside) // 8))]
    return [(day, f"{day:%Y-%m}") for day in kept] or [(first, f"{first:%Y-%m-%d}")]


def _drawn(one: Series, colour: str, frame: Frame, *, cap: str, faint: bool) -> Iterator[Markup]:
    bars, dots = [], []
    for day, value, error in _points(one):
        x, y = round(frame.x(day), 1), round(frame.y(value), 1)
        if error:
            bars.append(f"M{x} {frame.y(max(value - error, frame.low)):.1f}V{frame.y(value + error):.1f}")
        dots.append(f"M{x} {y}h0")
    yield Markup('<path d="{}" stroke="{}" stroke-opacity="{}" stroke-width="1" fill="none"/>').format(
        "".join(bars), colour, 0.25 if faint else 0.45
    )
    if not one.told:
        yield Markup('<path d="{}" stroke="{}" stroke-width="5" stroke-linecap="{}" fill="none"/>').format(
            "".join(dots), colour, cap
        )
    corners = [
        f"{frame.x(day):.1f} {frame.y(value):.1f}"
        for day, value in zip(one.dates, one.model, strict=False)
        if value is not None and math.isfinite(value)
    ]
    if len(corners) > 1:
        yield Markup('<path d="M{}" stroke="{}" stroke-width="{}" fill="none"/>').format(
            "L".join(corners), colour, 1.4 if one.told else 2.2
        )
    yield from _telling(one, colour, frame)
    if one.onset is not None and frame.first <= one.onset <= frame.last:
        x = round(frame.x(one.onset), 1)
        yield Markup('<path d="M{} {}V{}" stroke="{}" stroke-width="1.5" stroke-dasharray="6 4"/>').format(
            x, TOP, HEIGHT - BOTTOM, colour
        )
        anchor = "end" if x > WIDTH - 120 else "start"
        yield Markup('<text x="{}" y="{}" font-size="13" text-anchor="{}" fill="{}">{}</text>').format(
            x + (-5 if anchor == "end" else 5), TOP + 12, anchor, colour, one.onset_told or one.onset.isoformat()
        )


def _telling(one: Series, colour: str, frame: Frame) -> Iterator[Markup]:
    """Yield the marks that tell their values in words."""
    marks = one.marks or ("dot",) * len(one.told)
    for day, value, mark, told in zip(one.dates, one.values, marks, one.told, strict=False):
        if value is None:
            continue
        x, y = round(frame.x(day), 1), round(frame.y(value), 1)
        if mark == "cross":
            drawn = Markup('<path d="M{} {}l10 10m0-10l-10 10" stroke="{}" stroke-width="2.4"/>').format(
                x - 5, y - 5, NOTHING_THERE
            )
        else:
            drawn = Markup('<circle cx="{}" cy="{}" r="5" fill="{}" stroke="{}" stroke-width="2"/>').format(
                x, y, colour if mark == "dot" else "#fff", colour
            )
        yield Markup("<g>{}<title>{}</title></g>").format(drawn, told)
