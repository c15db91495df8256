"""The same slide seen again is one change, in whatever order its scenes come in and however often."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import mapping
from sqlalchemy import Connection, text

from hazard_db import changes, connect, sightings
from hazard_db.sightings import Seen

pytestmark = pytest.mark.integration

NOW = datetime(2026, 7, 1, tzinfo=UTC)
LON, LAT, SIZE = 74.8675, 36.3368, 0.002
FIRST = date(2026, 6, 1)


def found(
    left: float = 0.0, size: float = SIZE, *, day: int = 0, days: int = 20, **values: Any
) -> changes.ChangeRecord:
    """Return a square slide that lies `left` sizes east of the first one."""
    west = LON + left * SIZE
    shape = shapely.box(west, LAT, west + size, LAT + SIZE)
    area = 20_000.0 * size / SIZE
    defaults: dict[str, Any] = {
        "kind": "landslide", "geometry": mapping(shape), "confidence": 0.8, "magnitude": 6.0, "area_m2": area,
        "area_uncertainty_m2": 0.05 * area, "mean_slope_deg": 31.0, "observed_share": 1.0,
        "first_date": FIRST + timedelta(days=day), "last_date": FIRST + timedelta(days=day + days),
    }  # fmt: skip
    return changes.ChangeRecord(**(defaults | values))


def store(conn: Connection, *listed: changes.ChangeRecord, name: str = "a") -> changes.StoredChanges:
    run = changes.RunRecord("landslide", "matched_filter", "1", {}, [], name, "test", NOW, NOW, 0.9, {}, None)
    return changes.store_run(conn, run, listed, [])


def picture(conn: Connection) -> list[Any]:
    """Return all that is shown of the changes but their numbers."""
    listed = changes.list_changes(conn, include_unreviewed=True)
    facts = ("first_date", "last_date", "area_m2", "confidence", "geometry")
    seen = ("development", "first_date", "last_date", "area_m2")
    return sorted(
        (
            [str(one[name]) for name in facts],
            sorted([str(each[name]) for name in seen] for each in sightings.sightings_of(conn, one["id"])),
        )
        for one in listed
    )


def test_growth_and_new_movement_are_told(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        first = store(conn, found())
        looks = [found(0.05, day=5), found(size=2 * SIZE, day=10), found(0.1, day=400), found(0.1, day=405)]
        for number, look in enumerate(looks):
            assert store(conn, look, name=str(number)).seen_again == first.new
        change = changes.get_change(conn, first.new[0])
    assert [one["development"] for one in change["sightings"]] == ["new", "same", "grown", "reactivated", "same"]
    assert change["area_m2"] == 40_000
    assert shapely.geometry.shape(change["geometry"]).area == pytest.approx(2 * SIZE**2, rel=1e-3)
    assert (change["first_date"], change["last_date"]) == (FIRST + timedelta(405), FIRST + timedelta(420))


def test_a_late_scene_does_not_flap(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        first = store(conn, found(size=2 * SIZE, day=30))
        store(conn, found(size=2 * SIZE, day=31, area_m2=39_000.0), name="b")
        late = store(conn, found(), name="late")
        told = [one["development"] for one in changes.get_change(conn, first.new[0])["sightings"]]
        assert (late.new, late.seen_again) == ((), first.new)
    assert told == ["new", "grown", "same"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_ties_two_together_makes_them_one(database: Any, order: tuple[int, ...]) -> None:
    looks = [found(0.0), found(0.6), found(1.2)]  # the first and the last do not touch
    with connect.transaction(database.engine) as conn:
        for place in order:
            store(conn, looks[place], name=str(place))
        shown = changes.list_changes(conn, include_unreviewed=True)
        assert len(shown) == 1
        assert len(sightings.sightings_of(conn, shown[0]["id"])) == 3
        parts = conn.scalars(text("SELECT part_of FROM change WHERE part_of IS NOT NULL")).all()
        assert set(parts) <= {shown[0]["id"]}


def test_the_reviewed_one_stays_and_speaks_for_both(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        left, right = store(conn, found(0.0)).new[0], store(conn, found(1.2), name="b").new[0]
        changes.review(conn, right, "confirmed", "amina")
        assert store(conn, found(0.6), name="c").seen_again == (right,)
        assert changes.get_change(conn, left)["part_of"] == right
        assert changes.get_change(conn, right)["status"] == "confirmed"
    with connect.transaction(database.public_engine) as conn:
        assert conn.scalars(text("SELECT id FROM published.changes")).all() == [right]


def test_a_false_alarm_stays_one_but_does_not_silence_its_place(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        cloud = store(conn, found()).new[0]
        changes.review(conn, cloud, "false_alarm", "amina")
        assert store(conn, found(day=2), name="reprocessed").seen_again == (cloud,)
        later = store(conn, found(day=100), name="later")
        assert len(later.new) == 1
        assert changes.get_change(conn, cloud)["status"] == "false_alarm"


LOOKS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(2, 5), st.integers(0, 6)), min_size=2, max_size=5, unique=True
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=LOOKS, order=st.randoms(use_true_random=False), again=st.integers(0, 4))
def test_order_and_reprocessing_make_no_difference(database: Any, looks: Any, order: Any, again: int) -> None:
    listed = [found(0.5 * left, 0.5 * width * SIZE, day=15 * day) for left, width, day in looks]
    turned = list(enumerate(listed))
    order.shuffle(turned)
    pictures = []
    for run in (list(enumerate(listed)), turned):
        with connect.transaction(database.engine) as conn:
            for number, look in run:
                store(conn, look, name=str(number))
            pictures.append(picture(conn))
            ids = {one["id"] for one in changes.list_changes(conn, include_unreviewed=True)}
            repeated = store(conn, listed[again % len(listed)], name="again")
            assert repeated.new == ()
            assert {one["id"] for one in changes.list_changes(conn, include_unreviewed=True)} == ids
            assert [shown for shown, _ in picture(conn)] == [shown for shown, _ in pictures[-1]]
            conn.rollback()
    assert pictures[0] == pictures[1]


@given(
    st.permutations(
        [
            Seen(FIRST + timedelta(30 * n), FIRST + timedelta(30 * n - 20), a, 10.0, 0.5, n)
            for n, a in enumerate((100.0, 110.0, 300.0, 290.0))
        ]
    )
)
def test_developments_follow_time_not_arrival(shuffled: list[Seen]) -> None:
    assert sightings.developments(shuffled) == {0: "new", 1: "reactivated", 2: "grown", 3: "reactivated"}
