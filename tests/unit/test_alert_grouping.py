"""Which changes are one alert: beside the same rule without its index, and floods of changes in one message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.grouping import Group, group_changes, group_key, join_flood, stretch
from alerts.states import certainty
from hazard_db.alerts import Facts, LiveAlert

NOW = datetime(2026, 7, 1, tzinfo=UTC)
DISTANCE_M, SPAN_KM = 500.0, 5.0


def change(number: int, km: float, long_km: float = 0.0, kind: str = "landslide", **values: Any) -> Facts:
    day = date(2026, 6, 1)
    return Facts(
        number, kind, values.pop("status", "candidate"), 0.9, 900.0, 90.0, day, day, (day,), ("a",), chainage_km=km + long_km / 2,
        chainage_from_km=km, chainage_to_km=km + long_km, alignment_id=values.pop("alignment_id", 1), **values,
    )  # fmt: skip


def alert(
    number: int, km_from: float | None, km_to: float | None, scope: str = "Restricted", **values: Any
) -> LiveAlert:
    return LiveAlert(
        number, values.pop("kind", "landslide"), "open", scope, f"key {number}", "Minor", "Possible", "Future", km_from, km_to, 1,
        (99,), values.pop("evidence", {}), {}, NOW,
    )  # fmt: skip


def plainly(changes: Sequence[Facts], live: Sequence[LiveAlert]) -> list[tuple[int | None, list[int]]]:
    """Return (alert, changes) of the groups as the rule has it, each change compared with every group."""
    groups: list[dict[str, Any]] = [
        {
            "alert": one,
            "kind": one.kind,
            "road": one.alignment_id,
            "from": one.chainage_from_km,
            "to": one.chainage_to_km,
            "ids": [],
        }
        for one in live
        if one.chainage_from_km is not None and not one.evidence.get("flood")
    ]
    for one in sorted(changes, key=lambda one: (*stretch(one), one.is_finding, one.id)):
        low, high = stretch(one)
        best, nearest = None, None
        for group in groups:
            public = group["alert"] is not None and group["alert"].scope == "Public"
            gap = max(0.0, low - group["to"], group["from"] - high)
            long = max(high, group["to"]) - min(low, group["from"])
            if (group["kind"], group["road"]) != (one.kind, one.alignment_id) or (public and one.status != "confirmed"):
                continue
            if (
                gap <= DISTANCE_M / 1000
                and long <= max(SPAN_KM, group["to"] - group["from"])
                and (nearest is None or gap < nearest)
            ):
                best, nearest = group, gap
        if best is None:
            best = {"alert": None, "kind": one.kind, "road": one.alignment_id, "from": low, "to": high, "ids": []}
            groups.append(best)
        best["from"], best["to"] = min(best["from"], low), max(best["to"], high)
        best["ids"].append(one.id)
    return [(group["alert"] and group["alert"].id, group["ids"]) for group in groups if group["ids"]]


near = st.floats(10, 18).map(lambda km: round(km, 1))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Facts], list[LiveAlert]]:
    changes = [
        change(
            number, draw(near), draw(st.sampled_from([0.0, 0.3, 6.0])), draw(st.sampled_from(["landslide", "rockfall"])),
            status=draw(st.sampled_from(["candidate", "confirmed"])), alignment_id=draw(st.sampled_from([1, 1, 1, 2])),
        )
        for number in range(draw(st.integers(0, 12)))
    ]  # fmt: skip
    live = [
        alert(
            100 + number,
            low,
            low + draw(st.sampled_from([0.0, 1.0, 7.0])),
            draw(st.sampled_from(["Public", "Restricted"])),
        )
        for number, low in enumerate(draw(st.lists(near, max_size=3)))
    ]
    return changes, live


@given(scenes())
def test_groups_are_those_of_the_rule_without_its_index(drawn: tuple[list[Facts], list[LiveAlert]]) -> None:
    changes, live = drawn
    groups = group_changes(changes, live, distance_m=DISTANCE_M, span_km=SPAN_KM)
    told = [(group.alert and group.alert.id, [one.id for one in group.changes]) for group in groups]
    assert told == plainly(changes, live)


def test_alerts_without_a_place_and_floods_take_nothing_in() -> None:
    live = [alert(1, None, None), alert(2, 12.0, 13.0, evidence={"flood": True})]
    (group,) = group_changes([change(7, 12.5)], live, distance_m=DISTANCE_M, span_km=SPAN_KM)
    assert group.alert is None


def test_a_change_outside_the_corridor_has_no_stretch() -> None:
    with pytest.raises(ValueError, match="7 has no chainage"):
        stretch(replace(change(7, 1.0), chainage_km=None))
    assert stretch(replace(change(7, 1.0), chainage_from_km=None, chainage_to_km=None)) == (1.0, 1.0)


def test_too_many_of_a_kind_are_one_message_and_what_joins_an_alert_stays() -> None:
    begun = group_changes([change(n, 2.0 * n) for n in range(1, 5)] + [change(9, 3.0, kind="rockfall")], [alert(50, 100, 101)],
                          distance_m=DISTANCE_M, span_km=SPAN_KM)  # fmt: skip
    joined = Group("landslide", 1, 100, 101, alert(50, 100, 101), [change(8, 100.5)])
    groups = join_flood([*begun, joined], 3)
    assert [(one.kind, one.flood, [each.id for each in one.changes], one.km_from, one.km_to) for one in groups] == [
        ("landslide", False, [8], 100, 101),
        ("landslide", True, [1, 2, 3, 4], 2.0, 8.0),
        ("rockfall", False, [9], 3.0, 3.0),
    ]
    assert sorted(join_flood(begun, 4), key=lambda one: one.km_from) == sorted(begun, key=lambda one: one.km_from)


def test_a_name_that_is_taken_is_numbered() -> None:
    group = Group("landslide", 1, 12.34, 12.5)
    assert group_key(group, []) == "landslide/1/12.3"
    assert group_key(group, ["landslide/1/12.3", "landslide/1/12.3/2"]) == "landslide/1/12.3/3"


@pytest.mark.parametrize(("values", "wanted"), [
    ({"status": "confirmed"}, "Observed"), ({}, "Possible"),
    ({"is_finding": True, "kind": "earthquake"}, "Observed"), ({"is_finding": True, "kind": "rain"}, "Possible"),
    ({"is_finding": True, "kind": "bulletin"}, "Possible"),
])  # fmt: skip
def test_how_sure_a_change_is(values: dict[str, Any], wanted: str) -> None:
    assert certainty(change(1, 1.0, **values)) == wanted


def test_two_detectors_or_two_dates_are_likely() -> None:
    one = change(1, 1.0)
    assert certainty(replace(one, methods=("a", "b"))) == "Likely"
    assert certainty(replace(one, seen_on=(date(2026, 5, 1), date(2026, 6, 1)))) == "Likely"
