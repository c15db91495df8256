"""Strip maps as SVG: where cells, marks and words stand, and that nothing of the catalogue gets in as markup."""

from __future__ import annotations

from datetime import date
from typing import Any
from xml.etree import ElementTree

import pytest

from maps.layers import Telling
from maps.strip import Cell, Lane, Look, Mark, Strip
from maps.strip_svg import GAP_PX, LANE_PX, PLACES_PX, RULER_PX, TITLE_PX, draw, sample
from maps.style import INK

SVG = "{http://www.w3.org/2000/svg}"
PLAIN, HATCHED = Look("#abcdef"), Look("#123456", "dense", 0.5, dashed=True)
DARK = Look("#000000", "cross", dark=True)


def telling(lang: str = "en") -> Telling:
    return Telling(lang, lambda key: key, lambda kind, key: key, date(2026, 7, 1))


def drawn(*lanes: Lane, lang: str = "en", places: Any = (), described_by: str = "") -> ElementTree.Element:
    strip = Strip(100.0, 200.0, "Km 100 & on", lanes, places, ())
    return ElementTree.fromstring(str(draw(strip, telling(lang), described_by=described_by)))


def share(km: float) -> float:
    return 1 + 98 * (km - 100) / 100


def test_kilometres_rise_from_left_to_right_and_values_from_the_base() -> None:
    root = drawn(Lane("risk", "Risk", [Cell(100, 150, PLAIN), Cell(150, 200, HATCHED, share=0.25)]))
    boxes = [box for box in root.iter(f"{SVG}rect")]
    base = PLACES_PX + RULER_PX + TITLE_PX["en"] + LANE_PX
    at = [(box.get("x"), box.get("width"), float(box.get("y", "")) + float(box.get("height", ""))) for box in boxes]
    assert at == [("1.000%", "49.000%", base), ("50.000%", "49.000%", base), ("50.000%", "49.000%", base)]
    assert [float(box.get("height", "")) for box in boxes] == [LANE_PX, LANE_PX / 4, LANE_PX / 4]
    assert [box.get("stroke-dasharray") for box in boxes] == [None, "3 2", None]
    hatch = boxes[2].get("fill", "").removeprefix("url(#").removesuffix(")")
    assert [one.get("id") for one in root.iter(f"{SVG}pattern")].count(hatch) == 1
    assert root.get("height") == str(base + GAP_PX + 2)
    assert root.get("aria-label") == "Km 100 & on"


def test_a_value_of_nothing_is_still_seen() -> None:
    (box,) = drawn(Lane("risk", "", [Cell(120, 120.001, PLAIN, share=0.0)])).iter(f"{SVG}rect")
    assert (box.get("height"), box.get("width")) == ("2.0", "0.350%")


def test_posts_stand_at_their_kilometres_and_turn_inwards_at_the_ends() -> None:
    root = drawn()
    posts = [
        (one.text, one.get("x"), one.get("text-anchor"))
        for one in root.iter(f"{SVG}text")
        if one.get("font-size") == "12"
    ]
    assert posts[0] == ("100", "1.000%", "start")
    assert posts[5] == ("150", "50.000%", "middle")
    assert posts[-1] == ("200", "99.000%", "end")
    assert [one.text for one in root.iter(f"{SVG}text") if one.get("class") == "between"] == [
        "110", "130", "150", "170", "190",
    ]  # fmt: skip


def test_names_of_places_that_would_stand_on_each_other_are_left_out() -> None:
    root = drawn(places=[(100, "A"), (105, "B"), (110, "C"), (150, "D"), (198, "E")])
    told = [(one.text, one.get("text-anchor")) for one in root.iter(f"{SVG}text") if one.get("font-size") == "11"]
    assert told == [("A", "start"), ("C", "middle"), ("D", "middle"), ("E", "end")]


@pytest.mark.parametrize(("cell", "fill", "halo", "above"), [
    (Cell(100, 150, PLAIN, words="4.2"), INK, None, False),
    (Cell(100, 150, DARK, words="4.2"), "#fff", "#000000", False),
    (Cell(100, 150, DARK, share=0.1, words="4.2"), INK, "#fff", True),
    (Cell(100, 150, HATCHED, share=1.0, words="4.2"), INK, "#fff", False),
])  # fmt: skip
def test_words_stand_out_from_their_ground(cell: Cell, fill: str, halo: str | None, above: bool) -> None:
    root = drawn(Lane("risk", "Risk", [cell]))
    (word,) = (one for one in root.iter(f"{SVG}text") if one.get("class") == "word")
    assert word.get("x") == "25.500%"
    assert word.get("fill") == fill
    assert word.get("stroke") == halo
    top = min(float(box.get("y", "")) for box in root.iter(f"{SVG}rect"))
    assert (float(word.get("y", "")) < top) == above


def test_words_that_do_not_fit_are_left_out() -> None:
    root = drawn(Lane("risk", "Risk", [Cell(100, 103, PLAIN, words="4.25")]))
    assert not [one for one in root.iter(f"{SVG}text") if one.get("class") == "word"]


def test_what_the_catalogue_says_is_text_and_links_lead_there() -> None:
    nasty = '<script>"&'
    root = drawn(
        Lane(
            "risk",
            nasty,
            [Cell(100, 150, PLAIN, told=nasty, href='/x?"<')],
            [Mark(150, "event", nasty), Mark(160, "structure", "b", "/s/1")],
        )
    )
    assert root.find(f".//{SVG}script") is None
    titles = [one.text for one in root.iter(f"{SVG}title")]
    assert titles == [nasty, nasty, "b"]
    assert [one.get("href") for one in root.iter(f"{SVG}a")] == ['/x?"<', "/s/1"]
    marks = [one for one in root.iter(f"{SVG}svg") if one.get("overflow") == "visible"]
    assert [one.get("x") for one in marks] == [f"{share(150):.3f}%", f"{share(160):.3f}%"]


@pytest.mark.parametrize(
    ("lang", "x", "note_x", "direction"), [("en", "0", "0.5%", "ltr"), ("ur", "100%", "99.5%", "rtl")]
)
def test_titles_and_notes_begin_where_reading_begins(lang: str, x: str, note_x: str, direction: str) -> None:
    root = drawn(Lane("records", "Records", note="nothing on record"), lang=lang)
    title, note = (one for one in root.iter(f"{SVG}text") if one.text in {"Records", "nothing on record"})
    assert (title.get("x"), title.get("direction")) == (x, direction)
    assert (note.get("x"), note.get("direction")) == (note_x, direction)
    assert root.get("direction") == "ltr"  # the road itself is not turned round


def test_a_note_is_not_said_where_something_is_drawn() -> None:
    texts = [
        one.text for one in drawn(Lane("a", "A", marks=[Mark(150, "site", "x")], note="nothing")).iter(f"{SVG}text")
    ]
    assert "nothing" not in texts


def test_two_strips_of_one_page_have_patterns_of_their_own() -> None:
    ids = [
        {one.get("id") for one in drawn(Lane("a", "", [Cell(100, 200, HATCHED)])).iter(f"{SVG}pattern")}
        for _ in range(2)
    ]
    assert not ids[0] & ids[1]
    assert drawn(described_by="table").get("aria-describedby") == "table"
    assert drawn().get("aria-describedby") is None


def test_a_sample_shows_the_look_with_its_hatch_alone() -> None:
    hatched, plain = (ElementTree.fromstring(str(sample(look))) for look in (HATCHED, PLAIN))
    assert len(list(hatched.iter("pattern"))) == 1
    assert [box.get("height") for box in hatched.iter("rect")] == ["7.0", "7.0"]
    assert not list(plain.iter("pattern"))
    assert [box.get("y") for box in plain.iter("rect")] == ["1.0"]
