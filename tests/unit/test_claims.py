"""Sources side by side: what differs comes first, and nothing that was said is lost."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from api.claims import Compared, Comparison, compare, of_observations


def claim(attribute: str, value: object, source: str, unit: str | None = None) -> dict[str, object]:
    return {"attribute": attribute, "value": value, "unit": unit, "source": source}


def test_what_sources_disagree_on_comes_first() -> None:
    told = compare([
        claim("kind", "rockfall", "survey"), claim("kind", "rockfall", "map"),
        claim("volume", 300, "survey", "m³"), claim("volume", 500, "map", "m³"), claim("volume", 300, "survey", "m³"),
        claim("width", 12, "map", "m"),
    ])  # fmt: skip
    assert told == Comparison(
        ("survey", "map"),
        (
            Compared("volume", ("300 m³", "500 m³"), True),
            Compared("kind", ("rockfall", "rockfall"), False),
            Compared("width", ("", "12 m"), False),
        ),
    )


def test_a_source_that_contradicts_itself_is_shown_with_both() -> None:
    (row,) = compare([claim("depth", 1, "a"), claim("depth", 2, "a")]).rows
    assert row == Compared("depth", ("1 / 2",), True)


def test_no_claims_make_an_empty_table() -> None:
    assert compare([]) == Comparison((), ())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.sampled_from("xyz"))))
def test_every_claim_stands_in_the_cell_of_its_source(said: list[tuple[str, int, str]]) -> None:
    told = compare([claim(attribute, value, source) for attribute, value, source in said])
    cells = {
        (row.attribute, int(value), source)
        for row in told.rows
        for source, cell in zip(told.sources, row.values, strict=True)
        for value in cell.split(" / ")
        if value
    }
    assert cells == set(said)
    assert [row.differ for row in told.rows] == sorted((row.differ for row in told.rows), reverse=True)


def test_answers_of_observations_are_claims_named_by_day_and_mark() -> None:
    seen = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
    told = of_observations([
        {"id": "0123456789", "observed_at": seen, "attributes": {"activity": "active", "length_m": 0, "width_m": "", "note": "x"}},
        {"id": "abcdefghij", "observed_at": None, "attributes": {"depth_m": 2.5, "material": [], "movement": None}},
        {"id": "none", "observed_at": seen, "attributes": None},
    ])  # fmt: skip
    assert told == [
        claim("activity", "active", "observation 2026-05-01 01234567"),
        claim("length_m", "0", "observation 2026-05-01 01234567"),
        claim("depth_m", "2.5", "observation abcdefgh"),
    ]
