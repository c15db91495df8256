"""A strip map as SVG: places are shares of the width and words keep their size, so that it fits a phone without a script."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from markupsafe import Markup

from hazard_db.wording import DIRECTIONS
from maps.layers import Telling
from maps.strip import Cell, Lane, Look, Mark, Strip
from maps.style import FAINT, HAIR, INK, SOFT, SYMBOLS, Symbol

TITLE_PX = {"en": 15, "zh": 16, "ur": 25}
"""Height of the line above a lane."""
LANE_PX, GAP_PX, RULER_PX, PLACES_PX = 20, 5, 18, 18
WIDE_POSTS = 7
"""Where there are more kilometres than this, every other one is left out on phones: they would stand on each other."""
STRUCTURE = Symbol('<path d="M2 8h20v3H2zM5 11v6M19 11v6M9 11c1-3 5-3 6 0"/>', INK, INK)
SYMBOLS_HERE = {**SYMBOLS, "structure": STRUCTURE}
_numbers = count(1)

HATCHES = {
    "sparse": '<path d="M-1 7 7 -1M3 11 11 3" stroke="{ink}" stroke-width="1"/>',
    "dense": '<path d="M-1 3 3 -1M-1 7 7 -1M1 9 9 1M5 9 9 5" stroke="{ink}" stroke-width="1.1"/>',
    "cross": '<path d="M0 0 8 8M8 0 0 8" stroke="#fff" stroke-width="1.2"/>',
    "dots": f'<circle cx="2" cy="2" r="1" fill="{SOFT}"/><circle cx="6" cy="6" r="1" fill="{SOFT}"/>',
}


def draw(strip: Strip, tell: Telling, *, described_by: str = "") -> Markup:
    """Return a strip map; the kilometres rise from left to right in every language, as on the road's own plans."""
    prefix = f"strip{next(_numbers) % 100000}"
    lines, top = [], PLACES_PX + RULER_PX
    for lane in strip.lanes:
        title = TITLE_PX[tell.lang] if lane.title else 2
        lines.append(Markup("").join(_lane(strip, lane, top, title=title, tell=tell, prefix=prefix)))
        top += title + LANE_PX + GAP_PX
    height = top + 2
    head = Markup(
        '<svg class="stripmap" role="group" direction="ltr" width="100%" height="{}" aria-label="{}"{} xmlns="http://www.w3.org/2000/svg">'
    ).format(height, strip.title, Markup(' aria-describedby="{}"').format(described_by) if described_by else "")
    return head + _hatches(prefix) + Markup("").join(_ruler(strip, height)) + Markup("").join(lines) + Markup("</svg>")


def sample(look: Look) -> Markup:
    """Return a piece of a look, as a legend shows it."""
    prefix = f"key{next(_numbers) % 100000}"
    share = look.share
    return Markup('<svg class="sample" width="26" height="16" aria-hidden="true">{}{}</svg>').format(
        _hatches(prefix, look.hatch),
        Markup("").join(_box(look, "1", "24", top=15 - 14 * share, tall=14 * share, prefix=prefix)),
    )


def _hatches(prefix: str, only: str | None = "all") -> Markup:
    if only is None:
        return Markup("")
    drawn = "".join(
        f'<pattern id="{prefix}-{name}" width="8" height="8" patternUnits="userSpaceOnUse">{inner.format(ink=INK)}</pattern>'
        for name, inner in HATCHES.items() if only in {"all", name}
    )  # fmt: skip
    return Markup(f"<defs>{drawn}</defs>")


def _ruler(strip: Strip, height: int) -> Iterator[Markup]:
    at = _At(strip)
    last = -100.0
    for km, place in strip.places:
        x = at.share(km)
        if x - last < 9:  # names would stand on each other
            continue
        last = x
        anchor = "start" if x < 8 else "end" if x > 92 else "middle"
        yield Markup(f'<text x="{{}}%" y="{{}}" font-size="11" text-anchor="{{}}" fill="{INK}">{{}}</text>').format(
            f"{x:.3f}", 12, anchor, place
        )
    for number, km in enumerate(strip.posts):
        x = at.share(km)
        anchor = "start" if x < 3 else "end" if x > 97 else "middle"
        line = Markup(f'<line x1="{{0}}%" x2="{{0}}%" y1="{{1}}" y2="{{2}}" stroke="{HAIR}"/>')
        yield line.format(f"{x:.3f}", PLACES_PX + RULER_PX - 3, height)
        kind = Markup(' class="between"') if number % 2 and len(strip.posts) > WIDE_POSTS else ""
        text = Markup(f'<text{{}} x="{{}}%" y="{{}}" font-size="12" text-anchor="{{}}" fill="{INK}">{{}}</text>')
        yield text.format(kind, f"{x:.3f}", PLACES_PX + 11, anchor, f"{km:g}")


def _lane(strip: Strip, lane: Lane, top: int, *, title: int, tell: Telling, prefix: str) -> Iterator[Markup]:
    at, base = _At(strip), top + title
    if lane.title:
        rtl = DIRECTIONS[tell.lang] == "rtl"
        yield Markup(
            f'<text x="{{}}" y="{{}}" font-size="12" fill="{INK}" direction="{{}}" text-anchor="start">{{}}</text>'
        ).format("100%" if rtl else "0", base - (8 if rtl else 4), DIRECTIONS[tell.lang], lane.title)
    yield Markup(f'<line x1="0" x2="100%" y1="{{0}}" y2="{{0}}" stroke="{FAINT}"/>').format(base + LANE_PX + 0.5)
    for cell in lane.cells:
        yield _cell(cell, at, base, prefix)
    for mark in lane.marks:
        yield _mark(mark, at, base)
    if lane.note and not lane.cells and not lane.marks:
        rtl = DIRECTIONS[tell.lang] == "rtl"
        yield Markup(
            f'<text x="{{}}" y="{{}}" font-size="12" font-style="italic" fill="{SOFT}" direction="{{}}">{{}}</text>'
        ).format("99.5%" if rtl else "0.5%", base + 14, DIRECTIONS[tell.lang], lane.note)


def _cell(cell: Cell, at: _At, base: int, prefix: str) -> Markup:
    share = cell.share if cell.share is not None else cell.look.share
    tall = max(2.0, LANE_PX * share)
    x, wide = at.share(cell.km_from), max(0.35, at.share(cell.km_to) - at.share(cell.km_from))
    parts = [*_box(cell.look, f"{x:.3f}%", f"{wide:.3f}%", top=base + LANE_PX - tall, tall=tall, prefix=prefix)]
    if cell.words and wide >= 0.9 * len(cell.words):
        low = tall < 10  # words do not fit into what is small: they stand above it
        y = base + LANE_PX - tall - 2 if low else base + LANE_PX - tall / 2 + 4
        fill = "#fff" if cell.look.dark and not low else INK
        behind = cell.look.fill if cell.look.dark and not low else "#fff"
        halo = (  # as wide as a hatch is apart: no line of it runs into the letters
            Markup(' stroke="{}" stroke-width="6" stroke-linejoin="round" paint-order="stroke"').format(behind)
            if cell.look.hatch
            else ""
        )
        parts.append(Markup('<text class="word" x="{}%" y="{}" font-size="10.5" text-anchor="middle" fill="{}"{}>{}</text>').format(
            f"{x + wide / 2:.3f}", f"{y:.1f}", fill, halo, cell.words))  # fmt: skip
    return _linked(Markup("").join(parts), cell.told, cell.href)


def _box(look: Look, x: str, wide: str, *, top: float, tall: float, prefix: str) -> Iterator[Markup]:
    dash = Markup(' stroke-dasharray="3 2"') if look.dashed else ""
    box = Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}" stroke="{}" stroke-width=".7"{}/>')
    yield box.format(x, f"{top:.1f}", wide, f"{tall:.1f}", look.fill, INK, dash)
    if look.hatch:
        yield box.format(x, f"{top:.1f}", wide, f"{tall:.1f}", f"url(#{prefix}-{look.hatch})", "none", "")


def _mark(mark: Mark, at: _At, base: int) -> Markup:
    symbol = SYMBOLS_HERE[mark.symbol]
    inner = Markup(
        '<svg x="{}%" y="{}" overflow="visible"><g transform="translate(-9 0) scale(.75)"><g fill="#fff" stroke="#fff" stroke-width="5" '
        'stroke-linejoin="round">{}</g><g fill="{}" stroke="{}" stroke-width="2" stroke-linejoin="round">{}</g>{}</g></svg>'
    ).format(
        f"{at.share(mark.km):.3f}",
        base + 1,
        Markup(symbol.shape),
        symbol.fill,
        symbol.stroke,
        Markup(symbol.shape),
        Markup(symbol.inner),
    )
    return _linked(inner, mark.told, mark.href)


def _linked(inner: Markup, told: str, href: str | None) -> Markup:
    """Return a shape that tells what it is when it is pointed at; the table below leads there by keyboard."""
    titled = Markup("<g><title>{}</title>{}</g>").format(told, inner)
    return Markup('<a href="{}" tabindex="-1">{}</a>').format(href, titled) if href else titled


class _At:
    """From kilometres to shares of the width, percent; a little is left at both ends for words."""

    def __init__(self, strip: Strip) -> None:
        self.first, self.long = strip.km_from, max(1e-6, strip.km_to - strip.km_from)

    def share(self, km: float) -> float:
        """Return where a kilometre lies."""
        return 1.0 + 98.0 * (km - self.first) / self.long
