"""A small map on paper: the road with its kilometres, outlines, marks by shape, a scale; relief below where there is one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpdf import FPDF

from maps.chart import Bounds
from maps.style import GRADES, rgb

EARTH_M_PER_DEG = 111_320.0
WAY = (29, 78, 216)
INK, PAPER, ROAD = (34, 38, 43), (233, 230, 223), (251, 243, 220)
COLORS = {
    "site": (107, 74, 31), "event": (63, 75, 87), "change": (142, 42, 156), "observation": (31, 102, 176), "photo": (34, 38, 43),
    "alert": (155, 16, 34), "deformation": (178, 24, 43), "lake": (13, 74, 112), "glacier": (44, 127, 153),
}  # fmt: skip
LABEL_PT = 7.0
LABEL_MM = (7.0, 3.4)
"""Room that a label of a kilometre takes."""
MM_PER_PX = 0.2
Box = tuple[float, float, float, float]
Letters = Callable[..., None]


@dataclass(frozen=True)
class Spot:
    """A mark; its kind gives its shape and colour."""

    kind: str
    lon: float
    lat: float
    label: str = ""
    main: bool = False
    accuracy_m: float | None = None
    href: str | None = None


@dataclass(frozen=True)
class Panel:
    """What a small map shows, EPSG:4326."""

    bounds: Bounds
    road: Sequence[Sequence[Sequence[float]]] = ()
    kilometres: Sequence[tuple[float, float, str]] = ()
    """Longitude, latitude, text."""
    outlines: Sequence[Sequence[Sequence[float]]] = ()
    spots: Sequence[Spot] = ()
    relief: tuple[Path, Bounds] | None = None
    unit: str = "m"
    grades: Sequence[str] = ()
    """Rating of each line of the road; without them the road is drawn plain."""
    relief_href: str | None = None
    """Address of the same relief, for pages."""
    ways: Sequence[Sequence[Sequence[float]]] = ()
    """Ways of water from above down to the road."""

    @property
    def relief_bounds(self) -> Bounds:
        """Return what the relief covers."""
        return self.relief[1] if self.relief else self.bounds


@dataclass(frozen=True)
class Frame:
    """From degrees to millimetres on the page; true to scale in the middle."""

    box: Box
    west: float
    north: float
    mm_per_deg_x: float
    mm_per_deg_y: float

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        """Return the place on the page."""
        return self.box[0] + (lon - self.west) * self.mm_per_deg_x, self.box[1] + (self.north - lat) * self.mm_per_deg_y


def around(lon: float, lat: float, radius_m: float) -> Bounds:
    """Return the square around a place."""
    high = radius_m / EARTH_M_PER_DEG
    wide = high / max(0.05, math.cos(math.radians(lat)))
    return lon - wide, lat - high, lon + wide, lat + high


def draw(pdf: FPDF, panel: Panel, box: Box, letters: Letters) -> None:
    """Draw a map into a box (left, top, width, height in mm)."""
    frame = framed(panel.bounds, box)
    with pdf.local_context(), pdf.rect_clip(*box):  # colours are those of before, after it
        pdf.set_fill_color(*PAPER)
        pdf.rect(*box, style="F")
        if panel.relief is not None:
            _relief(pdf, frame, *panel.relief)
        for line in panel.outlines:
            _line(pdf, [frame.at(*point[:2]) for point in line], COLORS["site"], 0.5)
        for line in panel.ways:
            with pdf.local_context():
                pdf.set_dash_pattern(dash=1.6, gap=1)
                _line(pdf, [frame.at(*point[:2]) for point in line], WAY, 0.4)
        _road(pdf, panel, frame)
        _labels(pdf, frame, panel.kilometres, letters)
        for spot in sorted(panel.spots, key=lambda one: one.main):
            _spot(pdf, frame, spot)
        _scale(pdf, frame, panel.unit, letters)
    pdf.set_draw_color(*INK)
    pdf.set_line_width(0.2)
    pdf.rect(*box)


def framed(bounds: Bounds, box: Box) -> Frame:
    """Return the frame that shows all of the bounds, as large as the box allows."""
    west, south, east, north = bounds
    middle_lon, middle_lat = (west + east) / 2, (south + north) / 2
    shrink = math.cos(math.radians(middle_lat))
    per_deg = min(box[2] / max(1e-9, (east - west) * shrink), box[3] / max(1e-9, north - south))
    across = per_deg * shrink
    return Frame(box, middle_lon - box[2] / across / 2, middle_lat + box[3] / per_deg / 2, across, per_deg)


def _relief(pdf: FPDF, frame: Frame, picture: Path, bounds: Bounds) -> None:
    left, top = frame.at(bounds[0], bounds[3])
    right, bottom = frame.at(bounds[2], bounds[1])
    pdf.image(picture, left, top, right - left, bottom - top)


def _road(pdf: FPDF, panel: Panel, frame: Frame) -> None:
    """Draw the road: plain, or by its rating, the worse the wider and darker; what is not known is dashed."""
    lines = [[frame.at(*point[:2]) for point in line] for line in panel.road]
    if not panel.grades:
        for color, width in ((INK, 1.6), (ROAD, 0.9)):
            for line in lines:
                _line(pdf, line, color, width)
        return
    looks = [GRADES[grade] for grade in panel.grades]
    for line, look in zip(lines, looks, strict=True):
        _line(pdf, line, INK, (look.weight + 2.2) * MM_PER_PX)
    for line, look in zip(lines, looks, strict=True):
        _line(pdf, line, rgb(look.under if look.dash else look.color), look.weight * MM_PER_PX)
        if look.dash:
            with pdf.local_context():
                pdf.set_dash_pattern(dash=1.2, gap=1.2)
                _line(pdf, line, rgb(look.color), look.weight * MM_PER_PX)


def _line(pdf: FPDF, points: Sequence[tuple[float, float]], color: tuple[int, int, int], width: float) -> None:
    if len(points) < 2:
        return
    pdf.set_draw_color(*color)
    pdf.set_line_width(width)
    pdf.polyline(points)


def _spot(pdf: FPDF, frame: Frame, spot: Spot) -> None:
    x, y = frame.at(spot.lon, spot.lat)
    color = COLORS.get(spot.kind, INK)
    pdf.set_draw_color(*color)
    if spot.accuracy_m:
        pdf.set_line_width(0.2)
        radius = spot.accuracy_m / EARTH_M_PER_DEG * frame.mm_per_deg_y
        with pdf.local_context():
            pdf.set_dash_pattern(dash=1, gap=1)
            pdf.ellipse(x - radius, y - radius, 2 * radius, 2 * radius)
    size = 2.2 if spot.main else 1.5
    pdf.set_line_width(0.3)
    pdf.set_draw_color(255, 255, 255)
    pdf.set_fill_color(*color)
    shapes: Mapping[str, Sequence[tuple[float, float]]] = {
        "site": [(0, -1), (1, 0.8), (-1, 0.8)], "event": [(0, -1.1), (1.1, 0), (0, 1.1), (-1.1, 0)],
        "change": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    }  # fmt: skip
    corners = shapes.get(spot.kind)
    if corners is None:
        pdf.ellipse(x - size * 0.8, y - size * 0.8, size * 1.6, size * 1.6, style="DF")
    else:
        pdf.polygon([(x + dx * size, y + dy * size) for dx, dy in corners], style="DF")


def _labels(pdf: FPDF, frame: Frame, kilometres: Sequence[tuple[float, float, str]], letters: Letters) -> None:
    """Write the kilometres that there is room for, from the first on."""
    written: list[tuple[float, float]] = []
    for lon, lat, text in kilometres:
        x, y = frame.at(lon, lat)
        if all(abs(x - other_x) > LABEL_MM[0] or abs(y - other_y) > LABEL_MM[1] for other_x, other_y in written):
            _label(pdf, (x, y), text, letters)
            written.append((x, y))


def _label(pdf: FPDF, at: tuple[float, float], text: str, letters: Letters) -> None:
    letters(text, LABEL_PT)
    wide = pdf.get_string_width(text) + 1
    pdf.set_fill_color(255, 255, 255)
    pdf.rect(at[0] + 1.5, at[1] - 1.6, wide, 3.2, style="F")
    pdf.set_text_color(*INK)
    pdf.set_xy(at[0] + 1.5, at[1] - 1.6)
    pdf.cell(wide, 3.2, text, align="C")


def scale_bar(frame: Frame, unit: str) -> tuple[str, float]:
    """Return a round length with its unit, and how long it is in the frame."""
    metres = EARTH_M_PER_DEG / frame.mm_per_deg_y
    most = metres * frame.box[2] / 3
    step = 10 ** math.floor(math.log10(most))
    length = next(step * times for times in (5, 2, 1) if step * times <= most)
    return f"{length:,.0f} {unit}", length / metres


def _scale(pdf: FPDF, frame: Frame, unit: str, letters: Letters) -> None:
    """Draw a bar of a round length, and where north is."""
    left, top, width, height = frame.box
    text, bar = scale_bar(frame, unit)
    letters(text, LABEL_PT)
    wide = pdf.get_string_width(text) + 2
    x, y = left + 2, top + height - 3
    pdf.set_fill_color(255, 255, 255)
    pdf.rect(x - 1, y - 4.5, max(wide, bar) + 2, 6, style="F")
    pdf.set_draw_color(*INK)
    pdf.set_line_width(0.4)
    pdf.polyline([(x, y - 1), (x, y), (x + bar, y), (x + bar, y - 1)])
    pdf.set_text_color(*INK)
    pdf.set_xy(x, y - 4.3)
    pdf.cell(wide, 3, text)
    tip = (left + width - 4, top + 2.5)
    pdf.set_fill_color(*INK)
    pdf.polygon([tip, (tip[0] + 1.6, tip[1] + 5), (tip[0], tip[1] + 3.8), (tip[0] - 1.6, tip[1] + 5)], style="F")
    letters("N", LABEL_PT)
    pdf.set_xy(tip[0] - 2, tip[1] + 5)
    pdf.cell(4, 3, "N", align="C")
