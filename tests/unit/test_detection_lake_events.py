"""What has happened to a lake: growth against the right look before, drainings, and what is no event."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from detection.methods.lakeevents import EventRules, LakeEvent, Look, events

START = date(2022, 1, 1)


def look(day: int, area_m2: float, state: str = "water", sigma_m2: float = 1_000.0) -> Look:
    return Look(START + timedelta(days=day), state, area_m2, sigma_m2)


def told(looks: list[Look], since_day: int = 0) -> list[tuple[str, int, int, float]]:
    found = events(looks, START + timedelta(days=since_day))
    return [(one.event, (one.first - START).days, (one.last - START).days, one.change_m2) for one in found]


def test_growth_is_told_against_the_smallest_area_of_the_last_sixty_days() -> None:
    assert told([look(0, 10_000), look(70, 50_000), look(100, 40_000), look(120, 60_000)]) == [
        ("growth", 100, 120, 20_000)
    ]


def test_of_equal_areas_the_latest_tells_since_when_it_grew() -> None:
    assert told([look(0, 10_000), look(20, 10_000), look(30, 30_000)]) == [("growth", 20, 30, 20_000)]


def test_what_grew_while_nothing_was_seen_is_told_at_the_first_sight() -> None:
    winter = [look(day, 10_000, "frozen") for day in range(20, 150, 10)]
    assert told([look(0, 5_000), look(10, 10_000), *winter, look(160, 80_000)]) == [("growth", 10, 160, 70_000)]


def test_a_lake_where_there_was_none_before_the_winter_is_told() -> None:
    assert told([look(0, 0, "dry"), look(200, 80_000)]) == [("growth", 0, 200, 80_000)]


def test_ice_tells_nothing_new() -> None:
    assert told([look(0, 10_000), look(10, 90_000, "frozen")]) == []


def test_a_first_look_alone_is_no_event() -> None:
    assert told([look(0, 90_000)]) == []


def test_growth_within_the_doubt_of_both_looks_is_no_event() -> None:
    doubt = EventRules().sigmas * 5_000 * 2**0.5
    before = look(0, 100_000, sigma_m2=5_000)
    assert told([before, look(10, 100_000 + doubt - 1, sigma_m2=5_000)]) == []
    assert told([before, look(10, 100_000 + doubt + 1, sigma_m2=5_000)]) != []


def test_most_of_a_lake_gone_from_one_look_to_the_next_is_a_draining() -> None:
    assert told([look(0, 100_000), look(10, 45_000)]) == [("drained", 0, 10, 55_000)]
    assert told([look(0, 100_000), look(10, 55_000)]) == []


def test_a_dry_place_drained_however_long_after() -> None:
    assert told([look(0, 100_000), look(300, 0, "dry")]) == [("drained", 0, 300, 100_000)]
    assert told([look(0, 100_000), look(300, 40_000)]) == []  # slow loss through months is none


def test_what_came_about_before_the_day_asked_for_is_not_told_again() -> None:
    looks = [look(0, 100_000), look(10, 20_000), look(20, 21_000)]
    assert told(looks, since_day=11) == []
    assert told(looks, since_day=10) == [("drained", 0, 10, 80_000)]


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(["water", "frozen", "dry"]), st.floats(0, 1e6)), max_size=12
    )
)
def test_events_fit_the_looks_they_name(raw: list[tuple[int, str, float]]) -> None:
    days = {day: (state, 0.0 if state == "dry" else area) for day, state, area in raw}
    looks = {START + timedelta(days=day): look(day, area, state) for day, (state, area) in days.items()}
    for one in events(list(looks.values()), START):
        assert isinstance(one, LakeEvent)
        gained = looks[one.last].area_m2 - looks[one.first].area_m2
        assert (gained if one.event == "growth" else -gained) == one.change_m2 > 0
        assert looks[one.first].state != "frozen" and looks[one.last].state != "frozen"
        assert one.first < one.last
