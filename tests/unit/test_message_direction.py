"""Dates and numbers of messages keep their direction on pages from right to left."""

from __future__ import annotations

import pytest

from api.texts import isolated_figures

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
