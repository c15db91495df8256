"""Printed strips: what is written can be read, and no mark covers another."""

from __future__ import annotations

from collections.abc import Iterator

import pypdfium2
import pytest

from maps.paper import MARK_MM, Paper
from maps.strip import Cell, Lane, Look, Mark, Strip

SCALE = 3


@pytest.fixture
def paper() -> Iterator[Paper]:
    """A page of a report, whose fonts are let go of."""
    made = Paper("en", "Km 1 to 3", "foot")
    yield made
    made.close()


def test_words_after_a_dotted_cell_are_dark(paper: Paper) -> None:
    dotted = Lane("risk", "Risk", [Cell(1, 3, Look("#ffffff", "dots"))])
    paper.strip(
        "Strip", Strip(1, 3, "Strip", [dotted, Lane("records", "Records", note="nothing on record")], [], [1, 2, 3])
    )
    with pypdfium2.PdfDocument(paper.content()) as document:
        page = document[0]
        words = page.get_textpage()
        at = words.get_text_range().index("nothing on record")
        left, bottom, right, top = words.get_charbox(at)
        picture = page.render(scale=SCALE).to_pil().convert("L")
        words.close()
        page.close()
    box = [round(side * SCALE) for side in (left - 1, 0, right + 1, 0)]
    box[1], box[3] = (round(picture.height - side * SCALE) for side in (top + 1, bottom - 1))
    assert picture.crop(tuple(box)).getextrema()[0] < 160


def test_marks_of_one_place_stand_above_each_other(paper: Paper) -> None:
    marks = [Mark(2.0, kind, kind) for kind in ("site", "event", "alert")] + [Mark(1.0, "site", "afar")]
    lane = Lane("records", "Records", marks=marks)
    strip = Strip(1, 3, "Strip", [lane], [], [1, 2, 3])
    assert paper._levels(strip, lane) == [0, 1, 2, 0]
    bare = Strip(1, 3, "Strip", [Lane("records", "Records")], [], [1, 2, 3])
    assert paper.height_of(strip) == pytest.approx(paper.height_of(bare) + 2 * MARK_MM)
