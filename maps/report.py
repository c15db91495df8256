"""Printed pages: A4 in English, Chinese and Urdu with headings, facts, tables, maps and photos; knows nothing of the catalogue."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.fonts import TTFFont
from PIL import Image, ImageOps

from hazard_db.wording import DIRECTIONS
from maps import assets, fonts
from maps.panel import Panel, draw

MARGIN_MM, GAP_MM = 13.0, 3.0
BODY_PT, SMALL_PT, TITLE_PT, HEADING_PT = 9.0, 7.5, 18.0, 11.0
LEADING = {"en": 1.35, "zh": 1.5, "ur": 2.05}
"""Height of a line in its letters: Nastaliq falls from right to left across a line."""
BESIDE_URDU = 1.75
"""The same, of Latin letters and numbers on a page in Urdu, so that they stand level with their neighbours."""
URDU_SIZE = 0.95
INK, SOFT, RULE = (28, 32, 36), (84, 91, 99), (200, 196, 189)
LONGEST_PHOTO_PX = 1200
MM_PER_PT = 25.4 / 72


@dataclass(frozen=True)
class Photo:
    """A picture with what is said below it."""

    path: Path
    caption: str


class Report:
    """A document that is written from top to bottom; its columns begin on the side where its language does."""

    def __init__(
        self, lang: str, title: str, *, author: str = "KKH Hazard Watch", made_at: datetime | None = None
    ) -> None:
        self.lang, self.rtl = lang, DIRECTIONS[lang] == "rtl"
        self.folder = assets.folder() / "fonts"
        self.pdf = FPDF(format="A4")
        self.pdf.set_auto_page_break(False)
        self.pdf.set_margin(MARGIN_MM)
        self.pdf.set_title(title)
        self.pdf.set_author(author)
        self.pdf.set_lang({"en": "en", "zh": "zh-Hans", "ur": "ur"}[lang])
        if made_at is not None:
            self.pdf.set_creation_date(made_at)
        self._loaded: list[str] = []
        self.pdf.add_font("base", "", self._file(fonts.LATIN))
        self.pdf.add_font("base", "B", self._file(fonts.BOLD))
        self.pdf.add_font("urdu", "", self._file(fonts.URDU))
        self.pdf.set_text_shaping(True)
        self.pdf.add_page()
        self.pdf.set_y(MARGIN_MM)

    @property
    def width(self) -> float:
        """Between the margins, mm."""
        return float(self.pdf.epw)

    @property
    def left(self) -> float:
        """Above the bottom margin and the footer, mm."""
        return float(self.pdf.h - MARGIN_MM - 12 - self.pdf.get_y())

    @property
    def y(self) -> float:
        """Where the next part begins, mm from the top."""
        return float(self.pdf.get_y())

    @y.setter
    def y(self, value: float) -> None:
        self.pdf.set_y(value)

    def x(self, start: float, width: float) -> float:
        """Return the left edge, mm, of a box that begins so far from the side where reading begins."""
        return MARGIN_MM + (self.width - start - width if self.rtl else start)

    def title(self, text: str, below: str) -> None:
        """Write what the page is about."""
        self.write(text, 0, self.width, size=TITLE_PT, bold=True)
        self.write(below, 0, self.width, size=HEADING_PT, ink=SOFT)
        self._rule()

    def heading(self, text: str) -> None:
        """Write the heading of a part."""
        self.y += 1.5
        self.write(text, 0, self.width, size=HEADING_PT, bold=True)
        self.y += 0.5

    def note(self, text: str) -> None:
        """Write a small line."""
        self.write(text, 0, self.width, size=SMALL_PT, ink=SOFT)

    def facts(self, pairs: Sequence[tuple[str, str]], start: float, width: float, *, label_share: float = 0.36) -> None:
        """Write labels and their values in two columns of a box."""
        for label, value in pairs:
            top = self.y
            self.write(label, start, width * label_share - 1, ink=SOFT)
            bottom, self.y = self.y, top
            self.write(value, start + width * label_share, width * (1 - label_share))
            self.y = max(self.y, bottom) + 0.4

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[str]],
        shares: Sequence[float],
        *,
        most_mm: float | None = None,
    ) -> int:
        """Return how many rows of a table were written: as many as there is room for.

        Parameters
        ----------
        shares
            Of the width, by column.
        most_mm
            Height that it may take; to the end of the page without it.
        """
        room = self.left if most_mm is None else min(most_mm, self.left)
        end = self.y + room
        if head:
            self._row(head, shares, size=SMALL_PT, ink=SOFT)
        for number, row in enumerate(rows):
            if self.y + self._height(row, shares) > end:
                return number
            self._row(row, shares, size=BODY_PT, ink=INK)
        return len(rows)

    def map(self, panel: Panel, start: float, width: float, height: float) -> None:
        """Draw a map into a box that begins at the present height, without moving on."""
        top = self.y
        draw(self.pdf, panel, (self.x(start, width), top, width, height), self.letters)
        self.y = top

    def photos(self, photos: Sequence[Photo], height: float) -> int:
        """Return how many photos were placed side by side, each whole, with its caption below."""
        count = min(len(photos), 4)
        if not count or height < 20:
            return 0
        wide = (self.width - GAP_MM * (count - 1)) / count
        top, below, placed = self.y, self.y, 0
        for photo in photos[:count]:
            with suppress(OSError, Image.DecompressionBombError), Image.open(photo.path) as image:
                image.draft("RGB", (LONGEST_PHOTO_PX, LONGEST_PHOTO_PX))
                upright = ImageOps.exif_transpose(image).convert("RGB")
                upright.thumbnail((LONGEST_PHOTO_PX, LONGEST_PHOTO_PX))
                start = placed * (wide + GAP_MM)
                self.pdf.image(upright, self.x(start, wide), top, wide, height - 8, keep_aspect_ratio=True)
                self.y = top + height - 7.5
                self.write(photo.caption, start, wide, size=SMALL_PT, ink=SOFT)
                below, placed = max(below, self.y), placed + 1
        self.y = below
        return placed

    def footer(self, text: str, code: Sequence[Sequence[bool]] = ()) -> None:
        """Write the last lines, with a QR code given as rows of dark and light on the side where reading ends."""
        size = 16.0 if code else 0.0
        self.y = self.pdf.h - MARGIN_MM - 10
        self._rule()
        self.write(text, 0, self.width - size - GAP_MM, size=SMALL_PT, ink=SOFT)
        if code:
            left, top, dot = self.x(self.width - size, size), self.pdf.h - MARGIN_MM - size + 4, size / len(code)
            self.pdf.set_fill_color(255, 255, 255)
            self.pdf.rect(left, top, size, size, style="F")
            self.pdf.set_fill_color(*INK)
            for row, line in enumerate(code):
                for column, dark in enumerate(line):
                    if dark:
                        self.pdf.rect(left + column * dot, top + row * dot, dot, dot, style="F")

    def close(self) -> None:
        """Let go of the files of fonts, where the report is given up; `content` does so by itself."""
        for font in self.pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    def content(self) -> bytes:
        """Return the file."""
        return bytes(self.pdf.output())

    def write(
        self, text: str, start: float, width: float, *, size: float = BODY_PT, bold: bool = False, ink: tuple[int, int, int] = INK
    ) -> None:  # fmt: skip
        """Write a text into a column at the present height and move below it."""
        height = self._prepare(text, size, bold=bold)
        self.pdf.set_text_color(*ink)
        top = self.y
        self.pdf.set_xy(self.x(start, width), top)
        self.pdf.multi_cell(
            width, height, text or "–", align="R" if self.rtl else "L", new_x="LMARGIN", new_y="NEXT", padding=0
        )

    def letters(self, text: str, size: float, *, bold: bool = False) -> None:
        """Make ready to write a text: fonts for its letters, its direction."""
        self._prepare(text, size, bold=bold)

    def letters_mm(self, size: float) -> float:
        """Return the height of a line in the page's own letters, mm."""
        return size * MM_PER_PT * LEADING[self.lang]

    def _prepare(self, text: str, size: float, *, bold: bool) -> float:
        """Return the height of a line, mm, of a text of a size in points, with the fonts for its letters chosen."""
        for name in fonts.needed(text, self.folder):
            if name not in self._loaded and name not in {fonts.LATIN, fonts.URDU}:
                self.pdf.add_font(name, "", self._file(name))
                self._loaded.append(name)
        self.pdf.set_fallback_fonts(["base", "urdu", *self._loaded], exact_match=False)
        arabic = direction(text, default=self.lang == "ur")
        bold = bold and self.lang != "zh"  # there are no bold letters of Chinese: a line is of one weight
        self.pdf.set_font(
            "urdu" if arabic else "base", "" if arabic or not bold else "B", size * (URDU_SIZE if arabic else 1)
        )
        self.pdf.set_text_shaping(True, direction="rtl" if arabic else "ltr")
        leading = LEADING["ur"] if arabic else BESIDE_URDU if self.rtl else LEADING[self.lang]
        return size * MM_PER_PT * leading

    def _row(self, cells: Sequence[str], shares: Sequence[float], *, size: float, ink: tuple[int, int, int]) -> None:
        top, bottom, start = self.y, self.y, 0.0
        for cell, share in zip(cells, shares, strict=True):
            self.y = top
            self.write(cell, start, share * self.width - 1.5, size=size, ink=ink)
            bottom, start = max(bottom, self.y), start + share * self.width
        self.y = bottom + 0.6
        self.pdf.set_draw_color(*RULE)
        self.pdf.set_line_width(0.15)
        self.pdf.line(MARGIN_MM, self.y, MARGIN_MM + self.width, self.y)
        self.y += 0.6

    def _height(self, cells: Sequence[str], shares: Sequence[float]) -> float:
        heights = []
        for cell, share in zip(cells, shares, strict=True):
            line = self._prepare(cell, BODY_PT, bold=False)
            tall: Any = self.pdf.multi_cell(share * self.width - 1.5, line, cell or "–", dry_run=True, output="HEIGHT")
            heights.append(float(tall))
        return max(heights) + 1.2

    def _rule(self) -> None:
        self.y += 0.8
        self.pdf.set_draw_color(*RULE)
        self.pdf.set_line_width(0.3)
        self.pdf.line(MARGIN_MM, self.y, MARGIN_MM + self.width, self.y)
        self.y += 1.2

    def _file(self, name: str) -> Path:
        fonts.letters(self.folder)  # says what to do where there are none
        return self.folder / f"{name}.ttf"


def direction(text: str, *, default: bool) -> bool:
    """Return whether a text runs from right to left, by its first letter; numbers alone run as numbers do."""
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in {"R", "AL"}:
            return True
        if kind == "L":
            return False
    return default and not any(letter.isdigit() for letter in text)
