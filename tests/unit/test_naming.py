"""Names of facts, separators and commands as pages tell them."""

from __future__ import annotations

import pytest

from api.naming import named
from api.openrosa import forms
from api.pages import _coded
from api.reasons import clauses
from api.roadreport import _graded
from api.texts import term, translate


@pytest.mark.parametrize(
    ("name", "lang", "told"),
    [
        ("area_km2", "en", "Area (km²)"), ("area_km2", "zh", "面积（km²）"), ("peak_m3_s", "en", "Peak discharge (m³/s)"),
        ("lake_depth_m", "ur", "جھیل کی گہرائی (\u2068m\u2069)"), ("bridge", "zh", "桥梁"),
        ("boulder_count", "zh", "boulder count"), ("m", "en", "m"),
    ],
)  # fmt: skip
def test_names_of_facts_have_their_unit(name: str, lang: str, told: str) -> None:
    assert named(name, lang).replace("\u2068جھیل کی گہرائی\u2069", "جھیل کی گہرائی") == told


def test_thousands_stand_apart_where_no_year_is_meant() -> None:
    assert [forms.told("x", value, "en")[1] for value in (410_000_000, 2010, 12_345.5, None, "cut")] == [
        "410,000,000", "2010", "12,345.5", "–", "cut",
    ]  # fmt: skip


def test_each_language_has_its_own_separator() -> None:
    assert (translate("zh")("semicolon"), translate("ur")("semicolon")) == ("；", "؛ ")
    assert clauses("zh")("some name; another name") == "some name；another name"


@pytest.mark.parametrize("lang", ["en", "zh", "ur"])
def test_what_is_not_known_has_no_points_on_paper(lang: str) -> None:
    unknown = {"grade": "unknown", "score": 0.0}
    assert _graded(unknown, lang, translate(lang), term(lang)) == term(lang)("unknown")
    assert "41 / 100" in _graded({"grade": "high", "score": 41.0}, lang, translate(lang), term(lang))


def test_commands_are_shown_as_such_and_nothing_else_as_markup() -> None:
    assert str(_coded("no <b>; start `kkh <x>`")) == 'no &lt;b&gt;; start <code dir="ltr">kkh &lt;x&gt;</code>'
