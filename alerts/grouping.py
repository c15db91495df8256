"""Which changes are one alert: neighbours along the road, found by the same rule of thumb as an open alert nearby."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from hazard_db.alerts import Facts, LiveAlert


@dataclass
class Group:
    """Changes of one kind along a stretch of road, and the live alert they join, if any."""

    kind: str
    alignment_id: int | None
    km_from: float
    km_to: float
    alert: LiveAlert | None = None
    changes: list[Facts] = field(default_factory=list)
    flood: bool = False
    """All that one look found at too many places for as many alerts."""

    def gap_km(self, change: Facts) -> float:
        """Return the distance along the road between the group and a change; 0 where they overlap."""
        low, high = stretch(change)
        return max(0.0, low - self.km_to, self.km_from - high)

    def span_km(self, change: Facts) -> float:
        """Return how long the group would be with a change."""
        low, high = stretch(change)
        return max(self.km_to, high) - min(self.km_from, low)

    def add(self, change: Facts) -> None:
        """Take a change in."""
        low, high = stretch(change)
        self.km_from, self.km_to = min(self.km_from, low), max(self.km_to, high)
        self.changes.append(change)


def stretch(change: Facts) -> tuple[float, float]:
    """Return the kilometres that a change lies along.

    Raises
    ------
    ValueError
        It is not in the corridor.
    """
    if change.chainage_km is None:
        raise ValueError(f"{change.key} has no chainage")
    low = change.chainage_km if change.chainage_from_km is None else change.chainage_from_km
    high = change.chainage_km if change.chainage_to_km is None else change.chainage_to_km
    return low, high


def group_changes(
    changes: Sequence[Facts], live: Sequence[LiveAlert], *, distance_m: float, span_km: float
) -> list[Group]:
    """Return the changes as groups: each joins the nearest live alert or group within reach, or begins one.

    A public alert has been reviewed: an unreviewed change never joins it. A group does not grow beyond `span_km`
    (a single change that is longer is a group of its own), so that a bad scene does not hide the whole road in one.
    """
    groups = [
        Group(alert.kind, alert.alignment_id, alert.chainage_from_km, alert.chainage_to_km, alert)
        for alert in live
        if alert.chainage_from_km is not None and alert.chainage_to_km is not None and not alert.evidence.get("flood")
    ]
    reach_km = distance_m / 1000
    cells: dict[int, dict[int, None]] = {}
    for number, group in enumerate(groups):
        _enter(cells, number, group, reach_km)
    for change in sorted(changes, key=lambda one: (*stretch(one), one.is_finding, one.id)):
        about = sorted({number for cell in _cells(*stretch(change)) for number in cells.get(cell, ())})
        near = [number for number in about if _takes(groups[number], change, reach_km, span_km)]
        if near:
            chosen = min(near, key=lambda number: groups[number].gap_km(change))
        else:
            chosen = len(groups)
            groups.append(Group(change.kind, change.alignment_id, *stretch(change)))
        groups[chosen].add(change)
        _enter(cells, chosen, groups[chosen], reach_km)
    return [group for group in groups if group.changes]


def _cells(km_from: float, km_to: float) -> range:
    """Return the whole kilometres of a stretch: what is far apart is never compared."""
    return range(math.floor(km_from), math.floor(km_to) + 1)


def _enter(cells: dict[int, dict[int, None]], number: int, group: Group, reach_km: float) -> None:
    for cell in _cells(group.km_from - reach_km, group.km_to + reach_km):
        cells.setdefault(cell, {})[number] = None


def join_flood(groups: Sequence[Group], most: int) -> list[Group]:
    """Return the groups, those that begin an alert joined to one a kind where one look begins more than `most` of that kind.

    A thousand changes of one bad scene, or of one disaster, are one message; what joins alerts that are there already stays there.
    """
    begun: dict[tuple[str, int | None], list[Group]] = {}
    for group in groups:
        if group.alert is None:
            begun.setdefault((group.kind, group.alignment_id), []).append(group)
    kept = [group for group in groups if group.alert is not None]
    for (kind, alignment), listed in begun.items():
        if len(listed) <= most:
            kept += listed
            continue
        whole = Group(kind, alignment, min(one.km_from for one in listed), max(one.km_to for one in listed), flood=True)
        whole.changes = [change for one in listed for change in one.changes]
        kept.append(whole)
    return kept


def group_key(group: Group, taken: Collection[str]) -> str:
    """Return the name of a new group: kind, alignment, kilometre; numbered where a live alert has that name."""
    plain = f"{group.kind}/{group.alignment_id}/{group.km_from:.1f}"
    key, number = plain, 2
    while key in taken:
        key, number = f"{plain}/{number}", number + 1
    return key


def _takes(group: Group, change: Facts, distance_km: float, span_km: float) -> bool:
    if (group.kind, group.alignment_id) != (change.kind, change.alignment_id):
        return False
    if group.alert is not None and group.alert.scope == "Public" and change.status != "confirmed":
        return False
    if group.gap_km(change) > distance_km:
        return False
    return group.span_km(change) <= max(span_km, group.km_to - group.km_from)
