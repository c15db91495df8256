"""Geometries of filters: every position is checked, whichever axis comes first, and boxes may cross the antimeridian."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from hazard_db.cql2_geometry import literal
from hazard_db.errors import InputError


def box(*corners: Any, degrees: bool = True, flipped: bool = False) -> Any:
    return shapely.geometry.shape(literal({"bbox": list(corners)}, degrees=degrees, flipped=flipped))


def test_a_box_is_its_rectangle() -> None:
    assert box(73, 35, 75, 37).equals(shapely.box(73, 35, 75, 37))
    assert box(73, 35, 0, 75, 37, 9000).equals(shapely.box(73, 35, 75, 37))
    assert box(35, 73, 37, 75, flipped=True).equals(shapely.box(35, 73, 37, 75))
    assert box(4.6e5, 4.0e6, 4.7e5, 4.1e6, degrees=False).equals(shapely.box(4.6e5, 4.0e6, 4.7e5, 4.1e6))


@given(st.floats(-180, 180), st.floats(-180, 180), st.floats(-89, 89))
def test_a_box_whose_west_lies_east_of_its_east_crosses_the_antimeridian(west: float, east: float, lon: float) -> None:
    around = box(west, -10, east, 10)
    inside = west <= lon <= east if west <= east else lon >= west or lon <= east
    assert around.intersects(shapely.Point(lon, 0)) == inside
    flipped = box(-10, west, 10, east, flipped=True)
    assert flipped.intersects(shapely.Point(0, lon)) == inside


def test_metres_do_not_wrap() -> None:
    assert literal({"bbox": [5, 0, 1, 1]}, degrees=False, flipped=False)["type"] == "Polygon"


@pytest.mark.parametrize(
    "corners", [None, [], [1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, "4"], [1, 2, 3, True], [1, 2, 3, float("nan")]]
)
def test_what_is_no_box(corners: Any) -> None:
    with pytest.raises(InputError, match="bbox in the filter has 4 or 6 numbers"):
        literal({"bbox": corners}, degrees=True, flipped=False)


@pytest.mark.parametrize(("position", "degrees", "flipped", "fine"), [
    ([180, 90], True, False, True), ([181, 0], True, False, False), ([0, 91], True, False, False),
    ([90, 180], True, True, True), ([91, 0], True, True, False), ([91, 0], True, False, True),
    ([4.6e5, 4.0e6], False, False, True),
])  # fmt: skip
def test_positions_must_be_in_the_world(position: list[float], degrees: bool, flipped: bool, fine: bool) -> None:
    nested = {"type": "MultiPolygon", "coordinates": [[[[0, 0], position, [1, 1], [0, 0]]]]}
    for node in ({"type": "Point", "coordinates": position}, nested):
        if fine:
            assert literal(node, degrees=degrees, flipped=flipped) == node
        else:
            with pytest.raises(InputError, match="outside of longitude and latitude"):
                literal(node, degrees=degrees, flipped=flipped)


@pytest.mark.parametrize("coordinates", [5, "x", [1], [1, "2"], [[1, 2], 3], [[1, 2], [True, 2]], {"a": 1}])
def test_positions_that_are_no_pairs_of_numbers(coordinates: Any) -> None:
    with pytest.raises(InputError, match="positions that are no pairs of numbers"):
        literal({"type": "LineString", "coordinates": coordinates}, degrees=True, flipped=False)


def test_the_parts_of_a_collection_are_looked_at() -> None:
    far = {"type": "Point", "coordinates": [200, 0]}
    with pytest.raises(InputError, match="200 0"):
        literal({"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection", "geometries": [far]}]},
                degrees=True, flipped=False)  # fmt: skip
    with pytest.raises(InputError, match="holds something else"):
        literal({"type": "GeometryCollection", "geometries": [far["coordinates"]]}, degrees=True, flipped=False)
