"""Which scenes are compared, in whatever order they come in: a slide between two dates must meet a run that can tell it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, box

from api.passes import DetectionSettings
from api.scenegroups import Group, group_of, group_scenes, same_area
from hazard_db.scenes import SceneRecord

FIRST = datetime(2025, 7, 1, 5, 46, tzinfo=UTC)
SETTINGS = DetectionSettings()


def scene(day: int, orbit: str = "") -> SceneRecord:
    """Return a scene of one place, so many days after the first; of radar where it has an orbit."""
    return SceneRecord(
        id=f"{orbit}{day}", collection="c", sensor="MSI", acquired_at=FIRST + timedelta(days=day), epsg=32643,
        sun_elevation_deg=50, sun_azimuth_deg=150, checksum="", footprint=MultiPolygon([box(74.8, 36.3, 74.9, 36.4)]),
        assets={"backscatter" if orbit else "reflectance": {}}, properties={"orbit": orbit} if orbit else {},
    )  # fmt: skip


def looked(arrivals: Sequence[SceneRecord]) -> list[Group]:
    """Return the groups of all looks, each made when a scene comes in."""
    groups, known = [], list[SceneRecord]()
    for one in arrivals:
        known = sorted([*known, one], key=lambda scene: scene.acquired_at)
        groups += group_of(known, one.acquired_at.replace(hour=0, minute=0), one.id, SETTINGS)
    return groups


def tells(groups: Sequence[Group], last_without: SceneRecord, first_with: SceneRecord) -> bool:
    """Return whether a run compares nothing but dates up to the last without a slide with the first that shows it."""
    return any(
        first_with in group.after and group.before and all(b.acquired_at <= last_without.acquired_at for b in group.before)
        for group in groups
    )  # fmt: skip


@given(
    st.sets(st.integers(0, 60), min_size=2, max_size=7).flatmap(lambda days: st.permutations(sorted(days))),
    st.sampled_from(["", "A27", "D107"]),
)
def test_a_slide_between_two_dates_is_told_in_whatever_order_they_come_in(days: list[int], orbit: str) -> None:
    groups, in_turn = looked([scene(day, orbit) for day in days]), sorted(days)
    for before, after in pairwise(in_turn):
        assert tells(groups, scene(before, orbit), scene(after, orbit)), (
            f"nothing looks between day {before} and {after}"
        )


def test_each_orbit_has_its_first_day_though_another_is_known_before() -> None:
    other, late, shown = scene(0, "A27"), scene(3, "D107"), scene(9, "D107")
    assert tells(looked([other, shown, late]), late, shown)


def test_of_scenes_that_nothing_precedes_the_first_is_before_the_others() -> None:
    known = [scene(0), scene(5), scene(10)]
    assert group_scenes(known, FIRST - timedelta(days=30), SETTINGS) == [Group((known[0],), (known[1], known[2]))]


def test_a_single_scene_has_nothing_to_be_compared_with() -> None:
    assert group_scenes([scene(0)], FIRST - timedelta(days=1), SETTINGS) == [Group((), (scene(0),))]


def test_a_scene_that_is_no_longer_known_has_no_group() -> None:
    assert group_of([scene(0), scene(5)], FIRST, "gone", SETTINGS) == []


def test_scenes_of_other_grids_and_places_are_never_compared() -> None:
    one = scene(0)
    beside = replace(one, footprint=MultiPolygon([box(74.88, 36.3, 74.98, 36.4)]))
    assert same_area(one, one)
    assert not same_area(one, beside)  # a fifth in common
    assert same_area(one, replace(one, footprint=MultiPolygon([box(74.83, 36.3, 74.93, 36.4)])))
    assert not same_area(one, replace(one, epsg=32644))
    groups = group_scenes([one, replace(scene(30), epsg=32644)], FIRST + timedelta(days=20), SETTINGS)
    assert [group.before for group in groups] == [()]
