"""Values through time as a picture in the page: marks, error bars, events; every mark tells its value in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from markupsafe import Markup

from maps.style import INK

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 78, 14, 34, 32
LINE = "#1f6a92"
EVENT = "#9b1022"
GRID = "#d9d6ce"
MOST_TICKS = 7
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Point:
    """A value on a day."""

    day: date
    value: float
    sigma: float | None = None
    """One standard deviation."""
    mark: Literal["dot", "hollow", "cross"] = "dot"
    """Measured; remembered; nothing there."""
    told: str = ""


@dataclass(frozen=True)
class Moment:
    """A day that matters."""

    day: date
    told: str


def time_series(points: Sequence[Point], *, label: str, unit: str, moments: Sequence[Moment] = ()) -> Markup:
    """Return a picture (SVG) of values through time; empty where there are none.

    The time runs from left to right in every language, as the numbers do.
    """
    if not points:
        return Markup("")
    points = sorted(points, key=lambda one: one.day)
    low = min(one.value - (one.sigma or 0) for one in points)
    if all(one.value >= 0 for one in points):
        low = max(low, 0.0)  # an error bar does not reach below nothing
    high = max(one.value + (one.sigma or 0) for one in points)
    ticks = value_ticks(low, high)
    first, last = points[0].day, points[-1].day
    if first == last:
        first, last = first - timedelta(days=30), last + timedelta(days=30)
    scale = _Scale(first, last, ticks[0], ticks[-1])
    parts = [*_grid(scale, ticks, unit), *_line(scale, points), *(_event(scale, one) for one in moments)]
    parts += [_mark(scale, one) for one in points]
    return Markup(
        '<svg class="plot states" viewBox="0 0 {} {}" role="img" aria-label="{}" direction="ltr" font-size="13">{}</svg>'
    ).format(WIDTH, HEIGHT, label, Markup("").join(parts))


def value_ticks(low: float, high: float) -> list[float]:
    """Return round values at even steps that hold a range between them."""
    span = max(high - low, abs(high) * 1e-3, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / MOST_TICKS))
    step = next(one * power for one in STEPS if span / (one * power) <= MOST_TICKS)
    begin, end = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(begin, max(end, begin + 1) + 1)]


def day_ticks(first: date, last: date) -> list[tuple[date, str]]:
    """Return years, or months where there are few years, as days with what is written there."""
    months = (last.year - first.year) * 12 + last.month - first.month
    every = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 240) if months / step <= MOST_TICKS)
    ticks = []
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month + 1):
        day = date(number // 12, number % 12 + 1, 1)
        if number % every == 0 and first <= day <= last:
            ticks.append((day, f"{day:%Y}" if every >= 12 else f"{day:%Y-%m}"))
    return ticks


@dataclass(frozen=True)
class _Scale:
    first: date
    last: date
    low: float
    high: float

    def x(self, day: date) -> float:
        share = (day - self.first).days / max((self.last - self.first).days, 1)
        return round(LEFT + 12 + share * (WIDTH - LEFT - RIGHT - 24), 1)

    def y(self, value: float) -> float:
        return round(TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM), 1)


def _grid(scale: _Scale, ticks: Sequence[float], unit: str) -> list[Markup]:
    digits = (
        0 if all(float(tick).is_integer() for tick in ticks) else max(0, -math.floor(math.log10(ticks[1] - ticks[0])))
    )
    parts = [
        Markup(
            '<path d="M{0} {1}H{2}" stroke="{3}"/><text x="{4}" y="{5}" text-anchor="end" fill="{6}">{7}</text>'
        ).format(LEFT, scale.y(tick), WIDTH - RIGHT, GRID, LEFT - 8, scale.y(tick) + 4, INK, f"{tick:,.{digits}f}")
        for tick in ticks
    ]
    parts += [
        Markup(
            '<path d="M{0} {1}v6" stroke="{2}"/><text x="{0}" y="{3}" text-anchor="middle" fill="{2}">{4}</text>'
        ).format(scale.x(day), HEIGHT - BOTTOM, INK, HEIGHT - BOTTOM + 21, told)
        for day, told in day_ticks(scale.first, scale.last)
    ]
    return [
        *parts,
        Markup('<text x="{}" y="{}" text-anchor="end" fill="{}">{}</text>').format(LEFT - 8, 14, INK, unit),
    ]


def _line(scale: _Scale, points: Sequence[Point]) -> list[Markup]:
    way = "L".join(f"{scale.x(one.day)} {scale.y(one.value)}" for one in points)
    return [Markup('<path d="M{}" fill="none" stroke="{}" stroke-width="1.2" stroke-opacity=".55"/>').format(way, LINE)]


def _event(scale: _Scale, one: Moment) -> Markup:
    if not scale.first <= one.day <= scale.last:
        return Markup("")
    return Markup(
        '<path d="M{0} {1}V{2}" stroke="{3}" stroke-width="1.5" stroke-dasharray="5 4"><title>{4}</title></path>'
        '<text x="{5}" y="{6}" text-anchor="{7}" fill="{3}">{4}</text>'
    ).format(
        scale.x(one.day), TOP - 18, HEIGHT - BOTTOM, EVENT, one.told,
        scale.x(one.day) + (6 if scale.x(one.day) < WIDTH / 2 else -6), TOP - 8, "start" if scale.x(one.day) < WIDTH / 2 else "end",
    )  # fmt: skip


def _mark(scale: _Scale, one: Point) -> Markup:
    x, y = scale.x(one.day), scale.y(one.value)
    bar = Markup("")
    if one.sigma:
        bar = Markup('<path d="M{} {}V{}" stroke="{}" stroke-width="1.4"/>').format(
            x, scale.y(max(one.value - one.sigma, scale.low)), scale.y(one.value + one.sigma), LINE
        )
    shapes = {
        "dot": f'<circle cx="{x}" cy="{y}" r="4" fill="{LINE}"/>',
        "hollow": f'<circle cx="{x}" cy="{y}" r="4" fill="#fff" stroke="{LINE}" stroke-width="1.6"/>',
        "cross": f'<path d="M{x - 4} {y - 4}l8 8m0-8l-8 8" stroke="{EVENT}" stroke-width="2"/>',
    }
    return Markup("<g>{}{}<title>{}</title></g>").format(bar, Markup(shapes[one.mark]), one.told)
