from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazard_db.chainage import KnownPlace, calibrate, metres
from hazard_db.errors import CorridorError

ROAD = np.array([[74.0, 36.0], [74.1, 36.0], [74.1, 36.1], [74.3, 36.1]])


def place(name: str, km: float, lon: float, lat: float) -> KnownPlace:
    return KnownPlace(name, km, lon, lat)


def test_without_known_places_the_chainage_is_the_length() -> None:
    line = calibrate(ROAD, [])
    length = np.hypot(*np.diff(metres(line.lonlat), axis=0).T).sum() / 1000
    assert line.km[0] == 0
    assert line.km[-1] == pytest.approx(length, rel=1e-9)


def test_start_km_shifts_the_chainage() -> None:
    assert calibrate(ROAD, [], start_km=600).km[0] == 600


def test_known_places_are_met_exactly_and_between_them_it_is_linear_in_length() -> None:
    line = calibrate(ROAD, [place("a", 100, 74.05, 36.0), place("b", 140, 74.2, 36.1)])
    for km, lon, lat in ((100, 74.05, 36.0), (140, 74.2, 36.1)):
        vertex = np.abs(line.km - km).argmin()
        assert line.km[vertex] == pytest.approx(km, abs=1e-9)
        assert line.lonlat[vertex] == pytest.approx([lon, lat], abs=1e-4)
    inside = (line.km >= 100) & (line.km <= 140)
    steps = np.hypot(*np.diff(line.xy[inside], axis=0).T)
    assert np.ptp(np.diff(line.km[inside]) / steps) < 1e-9


def test_beyond_the_outermost_place_a_kilometre_is_a_kilometre() -> None:
    line = calibrate(ROAD, [place("a", 100, 74.05, 36.0), place("b", 140, 74.2, 36.1)])
    tail = line.km > 140
    assert np.diff(line.km[tail]) * 1000 == pytest.approx(np.hypot(*np.diff(line.xy[tail], axis=0).T), rel=1e-9)


def test_a_line_drawn_the_other_way_is_turned_round() -> None:
    places = [place("a", 100, 74.05, 36.0), place("b", 140, 74.2, 36.1)]
    assert calibrate(ROAD[::-1], places).km == pytest.approx(calibrate(ROAD, places).km)


def test_places_off_the_line_or_out_of_order_say_why_they_are_not_used() -> None:
    line = calibrate(
        ROAD,
        [
            place("a", 100, 74.0, 36.0),
            place("far", 110, 74.0, 37.0),
            place("wrong", 150, 74.05, 36.0),
            place("b", 140, 74.3, 36.1),
        ],
    )
    reasons = {fit.place.place: (fit.used, fit.reason) for fit in line.fits}
    assert reasons["a"][0]
    assert reasons["b"][0]
    assert "off the line" in reasons["far"][1]
    assert "order" in reasons["wrong"][1]


@pytest.mark.parametrize("bad", [[[74.0, 36.0]], [[74.0, 36.0], [74.0, 36.0]], [[74.0, 36.0], [np.nan, 36.0]]])
def test_no_line_is_refused(bad: list[list[float]]) -> None:
    with pytest.raises(CorridorError, match="alignment needs"):
        calibrate(np.array(bad), [])


@settings(max_examples=60, deadline=None)
@given(
    vertices=st.lists(st.tuples(st.floats(73, 76), st.floats(35, 37)), min_size=2, max_size=8, unique=True),
    known=st.lists(st.tuples(st.floats(0, 1000), st.floats(73, 76), st.floats(35, 37)), max_size=5),
)
def test_chainage_always_increases(
    vertices: list[tuple[float, float]], known: list[tuple[float, float, float]]
) -> None:
    line = calibrate(np.array(vertices), [place("p", *item) for item in known])
    assert (np.diff(line.km) >= 0).all()
    assert np.isfinite(line.km).all()


def test_cutting_and_joining_gives_the_line_back() -> None:
    line = calibrate(ROAD, [])
    parts = [line.cut(a, b) for a, b in ((0, 5), (5, 12), (12, line.km[-1]))]
    total = sum(np.hypot(*np.diff(metres(part), axis=0).T).sum() for part in parts)
    assert total / 1000 == pytest.approx(line.km[-1], rel=1e-6)
