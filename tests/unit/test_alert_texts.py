from __future__ import annotations

import string
from dataclasses import replace
from datetime import date

import pytest

from alerts import texts
from alerts.rules import Kind
from hazard_db.wording import LANGUAGES

STORY = texts.Story(
    kind="landslide", km_from=657.12, km_to=657.44, place="Attabad slide and lake", side="left", distance_m=120.4,
    road_is_approximate=False, alignment="approximate-2026", area_m2=40_000, area_uncertainty_m2=4_000, changes=2,
    first_date=date(2026, 6, 1), last_date=date(2026, 6, 20), confidence=0.804, methods=("matched_filter",), dates_seen=1,
    confirmed=False,
)  # fmt: skip


def test_english_words() -> None:
    assert texts.headline(STORY, "en") == (
        "Landslide: km 657.1 to 657.4, near Attabad slide and lake, 120 m from the road, 40,000 m²"
    )
    assert texts.description(STORY, "en").splitlines() == [
        "Landslide found in satellite data along the Karakoram Highway.",
        "Where: km 657.1 to 657.4, near Attabad slide and lake; left of the road, 120 m from it "
        "(looking towards higher kilometres; alignment approximate-2026).",
        "Size: 40,000 ± 4,000 m² in 2 place(s).",
        "When: between 2026-06-01 and 2026-06-20.",
        "How sure: confidence 0.80; found by matched_filter, in imagery of 1 date(s).",
    ]
    assert "confirmed by a person" in texts.description(replace(STORY, confirmed=True), "en")
    assert "approximate here" in texts.description(replace(STORY, road_is_approximate=True), "en")
    assert texts.advice("open", "Restricted", "en") == "Unreviewed detection: verify before acting."


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_things(language: str) -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    words, english = texts.words_of(language), texts.words_of("en")
    assert set(words) == set(english)
    assert {key: fields(text) for key, text in words.items()} == {key: fields(text) for key, text in english.items()}
    for kind in Kind.__args__:  # type: ignore[attr-defined]
        assert texts.event_name(kind, language)
    told = texts.description(replace(STORY, road_is_approximate=True), language)
    for number in ("657.1", "657.4", "120", "40,000", "4,000", "2026-06-01", "2026-06-20", "0.80"):
        assert number in told
    assert len(texts.headline(replace(STORY, place="x" * 1000), language)) <= texts.HEADLINE_LENGTH


def test_what_became_of_it_stands_in_front() -> None:
    headlines = {"en": "Landslide: km 1.0", "ur": "سلائیڈ"}
    assert texts.message_headline(headlines, "open", "Restricted", "en") == "Unreviewed. Landslide: km 1.0"
    assert texts.message_headline(headlines, "open", "Public", "en") == "Landslide: km 1.0"
    assert (
        texts.message_headline(headlines, "acknowledged", "Restricted", "en")
        == "Acknowledged. Unreviewed. Landslide: km 1.0"
    )
    assert texts.message_headline(headlines, "acknowledged", "Public", "en") == "Landslide: km 1.0"
    assert texts.message_headline(headlines, "resolved", "Public", "en") == "Ended. Landslide: km 1.0"
    assert texts.message_headline(headlines, "false_alarm", "Restricted", "zh") == "误报。Landslide: km 1.0"


def test_names_cannot_turn_or_break_lines() -> None:
    assert texts.one_line("A\u202eb\r\nBcc: x\x00\x1b[31m\u2028c\ufffe") == "Ab Bcc: x [31m c"
    assert texts.plain("one\x07\ntwo") == "one\ntwo"
    assert texts.area_description(None, None, None, "en") == "Karakoram Highway"
    assert texts.area_description(1.0, 1.0, "Dasu", "en") == "Karakoram Highway, km 1.0, near Dasu"


def test_a_lake_far_above_the_road_is_told_with_the_bridge_below() -> None:
    cause = texts.Happening("growth", "Shisper lake", 10, None, True, 11_400.0, 520.0, 80_000.0, 0)
    story = replace(
        STORY,
        kind="lake",
        km_from=634.0,
        km_to=634.0,
        place="Hassanabad bridge",
        cause=cause,
        road_is_approximate=False,
    )
    assert texts.headline(story, "en") == "Shisper lake grew 0.08 km² in 10 days → Hassanabad bridge, km 634.0"
    told = texts.description(story, "en")
    assert "11.4 km down the valley and 520 m lower" in told
    for language in ("zh", "ur"):
        assert "0.08" in texts.headline(story, language)
        assert "634.0" in texts.headline(story, language)
        assert "11.4" in texts.description(story, language)
    unknown = replace(cause, way_known=False, flow_m=None)
    assert "no elevation model" in texts.description(replace(story, cause=unknown), "en")
    surge = replace(cause, event="surge", advance_m=320.0, others=2)
    assert "surges: 320 m in 10 days" in texts.headline(replace(story, cause=surge), "en")
    assert "2 more" in texts.description(replace(story, cause=surge), "en")


@pytest.mark.parametrize(
    ("language", "name"), [("en", "Attabad landslide"), ("zh", "阿塔巴德滑坡"), ("ur", "عطا آباد لینڈ سلائیڈ")]
)
def test_places_have_the_names_of_the_language(language: str, name: str) -> None:
    story = replace(STORY, place="Attabad landslide")
    assert name in texts.headline(story, language)
    assert name in texts.description(story, language)
    assert name in texts.area_description(656.0, 657.0, story.place, language)
