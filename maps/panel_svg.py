"""The small map as SVG: works without a script, prints as it is seen."""

from __future__ import annotations

import math
from collections.abc import Iterator

from markupsafe import Markup

from maps.panel import Frame, Panel, Spot, framed, scale_bar
from maps.style import AREAS, CASING, GRADES, INK, PAPER, SYMBOLS


def draw(panel: Panel, label: str, width: int = 520) -> Markup:
    """Return a map that grows with the page, as high as what it shows asks for."""
    west, south, east, north = panel.bounds
    tall = (north - south) / max(1e-9, (east - west) * math.cos(math.radians((south + north) / 2)))
    height = round(min(620.0, max(240.0, width * tall)))
    frame = framed(panel.bounds, (0, 0, width, height))
    parts = [Markup('<rect width="{}" height="{}" fill="{}"/>').format(width, height, PAPER)]
    if panel.relief_href is not None:
        west, south, east, north = panel.relief_bounds
        left, top = frame.at(west, north)
        right, bottom = frame.at(east, south)
        parts.append(Markup('<image href="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" preserveAspectRatio="none"/>').format(
            panel.relief_href, left, top, right - left, bottom - top))  # fmt: skip
    for outline in panel.outlines:
        parts.append(_path([frame.at(*point[:2]) for point in outline], SYMBOLS["site"].fill, 1.5))
    for way in panel.ways:
        parts.append(_path([frame.at(*point[:2]) for point in way], AREAS["way"].color, 2, AREAS["way"].dash, PAPER))
    lines = [[frame.at(*point[:2]) for point in line] for line in panel.road]
    grades = panel.grades or ("low",) * len(lines)
    parts += [_path(line, INK, GRADES[grade].weight + CASING.weight) for line, grade in zip(lines, grades, strict=True)]
    parts += [
        _path(line, GRADES[grade].color, GRADES[grade].weight, GRADES[grade].dash, GRADES[grade].under)
        for line, grade in zip(lines, grades, strict=True)
    ]
    for spot in sorted(panel.spots, key=lambda one: one.main):
        parts.append(_spot(spot, *frame.at(spot.lon, spot.lat)))
    for lon, lat, text in panel.kilometres:
        x, y = frame.at(lon, lat)
        parts.append(
            Markup(
                '<text x="{:.1f}" y="{:.1f}" font-size="13" fill="{}" stroke="#fff" stroke-width="3" paint-order="stroke">{}</text>'
            ).format(x + 7, y - 5, INK, text)
        )
    parts += _furniture(panel, frame, height, width)
    return Markup('<svg class="panelmap" role="group" aria-label="{}" viewBox="0 0 {} {}" direction="ltr" xmlns="http://www.w3.org/2000/svg">{}</svg>').format(
        label, width, height, Markup("").join(parts))  # fmt: skip


def _path(
    points: list[tuple[float, float]], color: str, weight: float, dash: str | None = None, under: str = ""
) -> Markup:
    if len(points) < 2:
        return Markup("")
    told = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    line = Markup('<path d="M{}" fill="none" stroke="{}" stroke-width="{}" stroke-linejoin="round"{}/>')
    if not dash:
        return line.format(told, color, weight, "")
    return line.format(told, under, weight, "") + line.format(
        told, color, weight, Markup(' stroke-dasharray="{}"').format(dash)
    )


def _spot(spot: Spot, x: float, y: float) -> Markup:
    symbol = SYMBOLS[spot.kind]
    drawn = Markup('<g transform="translate({:.1f} {:.1f}) scale(.75)"><g transform="translate(-12 -12)"><title>{}</title>'
                   '<g fill="#fff" stroke="#fff" stroke-width="5">{}</g><g fill="{}" stroke="{}" stroke-width="2">{}</g>{}</g></g>').format(
        x, y, spot.label, Markup(symbol.shape), symbol.fill, symbol.stroke, Markup(symbol.shape), Markup(symbol.inner))  # fmt: skip
    return Markup('<a href="{}" tabindex="-1">{}</a>').format(spot.href, drawn) if spot.href else drawn


def _furniture(panel: Panel, frame: Frame, height: int, width: int) -> Iterator[Markup]:
    """Yield the scale, and where north is."""
    text, bar = scale_bar(frame, panel.unit)
    box = Markup('<rect x="6" y="{}" width="{:.0f}" height="26" fill="#fff" fill-opacity=".8"/>')
    yield box.format(height - 32, max(bar, 7.5 * len(text)) + 14)
    yield Markup('<path d="M12 {}v5h{:.1f}v-5" fill="none" stroke="{}" stroke-width="1.5"/>').format(
        height - 16, bar, INK
    )
    yield Markup('<text x="12" y="{}" font-size="12" fill="{}">{}</text>').format(height - 19, INK, text)
    arrow = Markup(
        '<g transform="translate({} 8)"><path d="M8 0l7 20-7-5-7 5z" fill="{}"/><text x="8" y="33" font-size="12">N</text></g>'
    )
    yield arrow.format(width - 30, INK)
