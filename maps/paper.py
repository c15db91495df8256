"""Printed documents of several pages: tables that go on overleaf, strips, plots, keys, a foot with the number on every page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime

from maps.plots import Frame, Series, frame_of, known_points, ticks
from maps.report import GAP_MM, INK, MARGIN_MM, RULE, SMALL_PT, SOFT, Report
from maps.strip import Cell, Lane, Look, Strip
from maps.style import SYMBOLS, rgb

FOOT_MM = 12.0
LANE_MM, TITLE_MM, TITLE_URDU_MM = 5.2, 3.4, 4.2
HATCH_MM = 1.3
MARK_MM, MOST_LEVELS = 3.8, 4
"""Width of a mark with its margin; how many stand above each other before they cover each other all the same."""
Box = tuple[float, float, float, float]


class Paper(Report):
    """A document of as many pages as it needs."""

    def __init__(self, lang: str, title: str, foot: str, *, made_at: datetime | None = None) -> None:
        super().__init__(lang, title, made_at=made_at)
        self.foot_text = foot

    def need(self, millimetres: float) -> None:
        """Begin another page where so much is not left on this one."""
        if self.left < millimetres:
            self.turn()

    def turn(self) -> None:
        """End the page and begin another."""
        self._foot()
        self.pdf.add_page()
        self.y = MARGIN_MM

    def content(self) -> bytes:
        """Return the file."""
        self._foot()
        return super().content()

    def flow(
        self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float], none: str = ""
    ) -> None:
        """Write a table, over as many pages as it takes; its head stands on each."""
        self.need(30)
        self.heading(title)
        if not rows:
            self.note(none)
            return
        done = 0
        while done < len(rows):
            wrote = self.table(head, rows[done:], shares)
            if wrote == 0 and self.y < MARGIN_MM + 20:  # a row that is higher than a page
                rows = [*rows[:done], [cell[:400] for cell in rows[done]], *rows[done + 1 :]]
                continue
            done += wrote
            if done < len(rows):
                self.turn()

    def say(self, text: str, *, loud: bool = False) -> None:
        """Write a paragraph; a loud one stands in a frame."""
        self.need(16)
        top = self.y
        if not loud:
            self.write(text, 0, self.width)
            self.y += 0.8
            return
        self.y += 1.2
        self.write(text, 2, self.width - 4, bold=True)
        self.pdf.set_draw_color(*INK)
        self.pdf.set_line_width(0.5)
        self.pdf.rect(MARGIN_MM, top, self.width, self.y - top + 1.2)
        self.y += 2.4

    def legend(self, keys: Sequence[tuple[Look, str]], marks: Sequence[tuple[str, str]]) -> None:
        """Write what the looks and the marks of a strip mean, all on one page."""
        rows = math.ceil(len(keys) / 3) + math.ceil(len(marks) / 4)
        self.need(rows * (self.letters_mm(SMALL_PT) + 0.4) + 2)
        self.keys(keys)
        self.marks(marks)

    def keys(self, keys: Sequence[tuple[Look, str]]) -> None:
        """Write what the looks of a strip mean, three in a row."""
        column = self.width / 3
        for number in range(0, len(keys), 3):
            self.need(8)
            top = below = self.y
            for place, (look, words) in enumerate(keys[number : number + 3]):
                start = place * column
                self._fill((self.x(start, 6), top + 0.6, 6, 3.4), look)
                self.y = top
                self.write(words, start + 7.5, column - 9, size=SMALL_PT)
                below = max(below, self.y)
            self.y = below + 0.4

    def marks(self, kinds: Sequence[tuple[str, str]]) -> None:
        """Write what the marks mean, four in a row."""
        column = self.width / 4
        for number in range(0, len(kinds), 4):
            self.need(8)
            top = below = self.y
            for place, (symbol, words) in enumerate(kinds[number : number + 4]):
                start = place * column
                self._mark(symbol, self.x(start, 5) + 2.5, top + 2.2)
                self.y = top
                self.write(words, start + 6, column - 7.5, size=SMALL_PT)
                below = max(below, self.y)
            self.y = below + 0.4

    def strip(self, title: str, strip: Strip) -> None:
        """Draw a strip map over the width, with its heading; it stays on one page."""
        title_mm = TITLE_URDU_MM if self.lang == "ur" else TITLE_MM
        tall = self.height_of(strip) - 9
        self.need(min(tall + 9, 250))
        self.heading(title)
        top, bottom = self.y, self.y + tall
        self._ruler(strip, top, bottom)
        y = top + 8.5
        for lane in strip.lanes:
            above = title_mm if lane.title else 0.6
            self._lane(strip, lane, y, above)
            y += above + self._lane_mm(strip, lane) + 0.8
        self.y = bottom + 1

    def height_of(self, strip: Strip) -> float:
        """Return the height, mm, that a strip takes with its heading."""
        title_mm = TITLE_URDU_MM if self.lang == "ur" else TITLE_MM
        return 18 + sum((title_mm if lane.title else 0.6) + self._lane_mm(strip, lane) + 0.8 for lane in strip.lanes)

    def plot(self, series: Series, title: str, axis: str, height: float = 46.0) -> None:
        """Draw a series with its error bars and the model that tells it best; time runs from left to right."""
        points = known_points(series)
        if not points:
            return
        self.need(height + 10)
        self.write(title, 0, self.width, size=SMALL_PT, bold=True)
        frame = frame_of(points)
        left, top, wide, high = MARGIN_MM + 14, self.y + 1, self.width - 16, height - 9
        span = max((frame.last - frame.first).days, 1)

        def at(day: date, value: float) -> tuple[float, float]:
            return left + wide * (day - frame.first).days / span, top + high * (frame.high - value) / (
                frame.high - frame.low
            )

        self._axes(frame, at, (left, top, wide, high))
        self.pdf.set_draw_color(90, 90, 90)
        self.pdf.set_line_width(0.12)
        for day, value, error in points:
            if error:
                self.pdf.polyline([at(day, value - error), at(day, value + error)])
        self.pdf.set_fill_color(*INK)
        for day, value, _ in points:
            x, y = at(day, value)
            self.pdf.ellipse(x - 0.45, y - 0.45, 0.9, 0.9, style="F")
        line = [
            at(day, value)
            for day, value in zip(series.dates, series.model, strict=False)
            if value is not None and math.isfinite(value)
        ]
        if len(line) > 1:
            self.pdf.set_draw_color(178, 24, 43)
            self.pdf.set_line_width(0.5)
            self.pdf.polyline(line)
        self.y = top + high + 5
        self.write(axis, 0, self.width, size=SMALL_PT, ink=SOFT)
        self.y += 1.5

    def _axes(self, frame: Frame, at: Callable[[date, float], tuple[float, float]], box: Box) -> None:
        left, top, wide, high = box
        for number in range(round((frame.high - frame.low) / frame.step) + 1):
            value = frame.low + number * frame.step
            _, y = at(frame.first, value)
            self.pdf.set_draw_color(*(INK if abs(value) < frame.step / 1e6 else RULE))
            self.pdf.set_line_width(0.15)
            self.pdf.line(left, y, left + wide, y)
            self._small(f"{value:g}".replace("-", "−"), left - 13, y - 1.6, 12, "R")
        for day, label in ticks(frame.first, frame.last):
            x, _ = at(day, frame.low)
            self.pdf.set_draw_color(*RULE)
            self.pdf.line(x, top, x, top + high)
            self._small(label, x - 8, top + high + 0.4, 16, "C")

    def _small(
        self, text: str, x: float, y: float, wide: float, align: str, *, ink: tuple[int, int, int] = INK, size: float = 6.5
    ) -> None:  # fmt: skip
        """Write a short text into a box that does not move anything."""
        keep = self.y
        self.letters(text, size)
        self.pdf.set_text_color(*ink)
        self.pdf.set_xy(x, y)
        self.pdf.cell(wide, 3.2, text, align=align)
        self.y = keep

    def _ruler(self, strip: Strip, top: float, bottom: float) -> None:
        last = -100.0
        for km, place in strip.places:
            x = self._across(strip, km)
            if x - last > 24:
                self._small(place, min(max(x - 15, MARGIN_MM), MARGIN_MM + self.width - 30), top, 30, "C")
                last = x
        for km in strip.posts:
            x = self._across(strip, km)
            self.pdf.set_draw_color(*RULE)
            self.pdf.set_line_width(0.15)
            self.pdf.line(x, top + 7.4, x, bottom - 1)
            self._small(f"{km:g}", x - 8, top + 4.2, 16, "C", size=7.5)

    def _lane(self, strip: Strip, lane: Lane, y: float, title: float) -> None:
        base = y + title + self._lane_mm(strip, lane)
        if lane.title:
            self.y = y - (1.2 if self.lang == "ur" else 0)
            self.write(lane.title, 0, self.width, size=7)
        for cell in lane.cells:
            self._cell(strip, cell, base)
        self.pdf.set_draw_color(*SOFT)
        self.pdf.set_line_width(0.2)
        self.pdf.line(MARGIN_MM, base, MARGIN_MM + self.width, base)
        for mark, level in zip(lane.marks, self._levels(strip, lane), strict=True):
            self._mark(mark.symbol, self._across(strip, mark.km), base - LANE_MM / 2 - level * MARK_MM)
        if lane.note and not lane.cells and not lane.marks:
            self.y = base - LANE_MM - (0.8 if self.lang == "ur" else 0)
            self.write(lane.note, 1, self.width - 2, size=SMALL_PT, ink=SOFT)

    def _levels(self, strip: Strip, lane: Lane) -> list[int]:
        """Return how many marks stand below each: those of the same place stand above each other, none covers another."""
        taken: list[list[float]] = []
        levels = []
        for mark in lane.marks:
            x = self._across(strip, mark.km)
            level = next((n for n, row in enumerate(taken) if all(abs(x - one) >= MARK_MM for one in row)), len(taken))
            level = min(level, MOST_LEVELS - 1)
            if level == len(taken):
                taken.append([])
            taken[level].append(x)
            levels.append(level)
        return levels

    def _lane_mm(self, strip: Strip, lane: Lane) -> float:
        return LANE_MM + MARK_MM * max(self._levels(strip, lane), default=0)

    def _cell(self, strip: Strip, cell: Cell, base: float) -> None:
        share = cell.share if cell.share is not None else cell.look.share
        left, tall = self._across(strip, cell.km_from), max(0.6, LANE_MM * share)
        wide = max(0.6, self._across(strip, cell.km_to) - left)
        self._fill((left, base - tall, wide, tall), cell.look)
        if not cell.words:
            return
        self.letters(cell.words, 6.5)
        if self.pdf.get_string_width(cell.words) > wide + 0.4:
            return
        inside = tall >= 2.8
        y = base - tall / 2 - 1.6 if inside else base - tall - 3.0
        if inside and cell.look.hatch:
            long = self.pdf.get_string_width(cell.words) + 0.6
            self.pdf.set_fill_color(255, 255, 255)
            self.pdf.rect(left + (wide - long) / 2, y + 0.2, long, 2.8, style="F")
        light = cell.look.dark and inside and not cell.look.hatch
        self._small(cell.words, left, y, wide, "C", ink=(255, 255, 255) if light else INK)

    def _fill(self, box: Box, look: Look) -> None:
        left, top, wide, tall = box
        if box[3] == 3.4:  # a sample in the key shows its height too
            top, tall = top + tall * (1 - look.share), tall * look.share
        self.pdf.set_fill_color(*rgb(look.fill))
        self.pdf.rect(left, top, wide, tall, style="F")
        if look.hatch:
            with (
                self.pdf.local_context(),
                self.pdf.rect_clip(left, top, wide, tall),
            ):  # colours are those of before, after it
                self._hatch((left, top, wide, tall), look.hatch)
        self.pdf.set_draw_color(*INK)
        self.pdf.set_line_width(0.15)
        with self.pdf.local_context():
            if look.dashed:
                self.pdf.set_dash_pattern(dash=0.8, gap=0.6)
            self.pdf.rect(left, top, wide, tall)

    def _hatch(self, box: Box, kind: str) -> None:
        left, top, wide, tall = box
        if kind == "dots":
            self.pdf.set_fill_color(*SOFT)
            for row in range(int(tall / HATCH_MM) + 1):
                for column in range(int(wide / HATCH_MM) + 1):
                    x, y = left + (column + 0.5 * (row % 2)) * HATCH_MM + 0.4, top + row * HATCH_MM + 0.5
                    self.pdf.ellipse(x - 0.17, y - 0.17, 0.34, 0.34, style="F")
            return
        self.pdf.set_draw_color(*((255, 255, 255) if kind == "cross" else INK))
        self.pdf.set_line_width(0.18)
        step = HATCH_MM * (0.62 if kind == "dense" else 1.2)
        for number in range(int((wide + tall) / step) + 1):
            x = left - tall + number * step
            self.pdf.line(x, top + tall, x + tall, top)
            if kind == "cross":
                self.pdf.line(x, top, x + tall, top + tall)

    def _mark(self, symbol: str, x: float, y: float) -> None:
        shapes: dict[str, list[tuple[float, float]]] = {
            "site": [(0, -1), (1, 0.8), (-1, 0.8)], "event": [(0, -1.1), (1.1, 0), (0, 1.1), (-1.1, 0)],
            "change": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
            "deformation": [(-1, -0.8), (1, -0.8), (0, 1)],
            "alert": [(-0.4, -1), (0.4, -1), (1, -0.4), (1, 0.4), (0.4, 1), (-0.4, 1), (-1, 0.4), (-1, -0.4)],
        }  # fmt: skip
        kind = symbol.removesuffix("_new").removesuffix("_grave")
        size = 1.7
        if kind == "structure":
            self.pdf.set_draw_color(*INK)
            self.pdf.set_line_width(0.5)
            self.pdf.polyline([(x - 2, y + 1.4), (x - 2, y - 0.2), (x + 2, y - 0.2), (x + 2, y + 1.4)])
            return
        hollow = symbol.endswith("_new")
        fill = (255, 255, 255) if hollow else rgb(SYMBOLS[symbol].fill)
        self.pdf.set_fill_color(*fill)
        self.pdf.set_draw_color(*rgb(SYMBOLS[symbol].stroke))
        self.pdf.set_line_width(0.4)
        self.pdf.polygon([(x + dx * size, y + dy * size) for dx, dy in shapes[kind]], style="DF")
        if kind == "alert":
            self._small("!", x - 2, y - 1.7, 4, "C", ink=(255, 255, 255) if symbol == "alert_grave" else INK, size=7.5)

    def _across(self, strip: Strip, km: float) -> float:
        """Return where a kilometre lies, mm from the left edge of the page: from left to right in every language."""
        room = 2.0
        return (
            MARGIN_MM + room + (self.width - 2 * room) * (km - strip.km_from) / max(1e-6, strip.km_to - strip.km_from)
        )

    def _foot(self) -> None:
        self.y = float(self.pdf.h) - MARGIN_MM - FOOT_MM + 3
        self._rule()
        top = self.y
        self.write(self.foot_text, 0, self.width - 16 - GAP_MM, size=SMALL_PT, ink=SOFT)
        self._small(
            f"{self.pdf.page_no()}", self.x(self.width - 12, 12), top, 12, "L" if self.rtl else "R", ink=SOFT, size=8
        )
