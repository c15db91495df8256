"""Dates, numbers and codes of messages keep their direction where text runs from right to left: on pages and in what is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from lxml import etree

from alerts import cap, feed, texts
from alerts.sample import sample_message
from api.texts import isolated_figures
from hazard_db.alerts import AlertMessage
from hazard_db.wording import isolated_runs

URDU = "رقبہ: 35,029 ± 7,306 مربع میٹر، 2025-07-25 09:22 UTC، فی گھنٹہ +0.6 m، کلومیٹر 656.9 تا 657.2، اعتماد 0.99۔"


def test_figures_are_isolated_with_their_uncertainty_unit_and_sign() -> None:
    told = (isolated_figures(URDU, "ur") or "").replace("\u2068", "[").replace("\u2069", "]")
    assert told == (
        "رقبہ: [35,029 ± 7,306] مربع میٹر، [2025-07-25 09:22 UTC]، فی گھنٹہ [+0.6 m]، کلومیٹر [656.9] تا [657.2]، اعتماد [0.99]۔"
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_messages_from_left_to_right_stay_as_they_are(lang: str) -> None:
    assert isolated_figures(URDU, lang) == URDU
    assert isolated_figures(None, "ur") is None


def test_a_full_stop_is_not_part_of_a_number() -> None:
    assert isolated_figures("کلومیٹر 656.", "ur") == "کلومیٹر \u2068656\u2069."


def test_ranges_are_one_figure_and_codes_are_none() -> None:
    assert isolated_figures("کلومیٹر 656.9-657.2", "ur") == "کلومیٹر \u2068656.9-657.2\u2069"
    assert isolated_figures("لائن approximate-2026، KKH-LS-0001", "ur") == "لائن approximate-2026، KKH-LS-0001"


def test_plain_texts_isolate_codes_words_and_figures_but_no_addresses() -> None:
    told = isolated_runs(
        "طریقہ sar-log-ratio, matched_filter، 2026-06-20 تک؛ لائن approximate-2026 (K 640-657). https://kkh.example/7?a=2026-01-02",
        "ur",
    )
    assert told.replace("\u2068", "[").replace("\u2069", "]") == (
        "طریقہ [sar-log-ratio, matched_filter]، [2026-06-20] تک؛ لائن [approximate-2026] ([K 640-657]). "
        "https://kkh.example/7?a=2026-01-02"
    )
    assert isolated_runs(told, "zh") == told


def test_headlines_are_within_their_length_with_every_mark_closed() -> None:
    for length in range(100, 200):
        told = texts.message_headline(
            {"ur": "12 سلائیڈ " + "ا" * length + " 2026-06-01 Attabad 640-657"}, "open", "Restricted", "ur"
        )
        assert len(told) <= texts.HEADLINE_LENGTH
        assert told.count("\u2068") == told.count("\u2069") >= 1


STORY = texts.Story(
    kind="landslide", km_from=657.12, km_to=657.44, place="Passu", side="left", distance_m=120.4, road_is_approximate=False,
    alignment="approximate-2026", area_m2=40_000, area_uncertainty_m2=4_000, changes=2, first_date=date(2026, 6, 1),
    last_date=date(2026, 6, 20), confidence=0.804, methods=("matched_filter",), dates_seen=1, confirmed=False,
)  # fmt: skip


def message() -> AlertMessage:
    sample = sample_message("tests@kkh.example")
    told = {"headline": {"ur": texts.headline(STORY, "ur")}, "description": {"ur": texts.description(STORY, "ur")}}
    return replace(sample, scope="Public", content={**sample.content, **told})


def test_cap_and_atom_read_right_in_urdu() -> None:
    document = cap.parse(cap.render(message(), "https://kkh.example", "KKH"))
    infos = {one.findtext(f"{{{cap.NAMESPACE}}}language"): one for one in document.iter(f"{{{cap.NAMESPACE}}}info")}
    described = infos["ur"].findtext(f"{{{cap.NAMESPACE}}}description") or ""
    for run in ("2026-06-01", "2026-06-20", "40,000 ± 4,000", "matched_filter", "approximate-2026", "0.80"):
        assert f"\u2068{run}\u2069" in described
    assert "پسو" in described
    assert "\u2068657.1\u2069" in (infos["ur"].findtext(f"{{{cap.NAMESPACE}}}headline") or "")
    assert "\u2068" not in etree.tostring(infos["en"], encoding="unicode")
    summary = feed.atom([message()], "https://kkh.example", language="ur").decode()
    assert "\u20682026-06-01\u2069" in summary
    assert "\u2068" not in feed.atom([message()], "https://kkh.example", language="en").decode()
