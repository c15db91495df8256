"""Which scenes of the catalogue are compared with which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.passes import DetectionSettings
from hazard_db.scenes import SceneRecord

SAME_AREA_SHARE = 0.3
"""Scenes that cover this share of each other's footprint look at the same place."""


@dataclass(frozen=True)
class Group:
    """Scenes of one place: what it looked like before, and since."""

    before: tuple[SceneRecord, ...]
    after: tuple[SceneRecord, ...]

    @property
    def newest(self) -> SceneRecord:
        """The scene that messages name."""
        return self.after[-1]


def group_scenes(known: Sequence[SceneRecord], since: datetime, settings: DetectionSettings) -> list[Group]:
    """Return, for each place with scenes since a time, those and the best ones before, oldest first.

    The dates before come from the same season where there are any: snow line, sun and vegetation differ less.
    Dates of radar make groups of their own, in which each orbit stands on both sides.
    """
    groups = []
    waiting = [scene for scene in known if scene.acquired_at >= since]
    while waiting:
        reference = waiting[-1]
        after = [scene for scene in waiting if _comparable(scene, reference)]
        waiting = [scene for scene in waiting if scene not in after]
        groups += _groups(known, after, _latest, reference=reference, since=since, settings=settings)
    return groups


def group_of(known: Sequence[SceneRecord], since: datetime, scene_id: str, settings: DetectionSettings) -> list[Group]:
    """Return the group of one scene and the dates that follow it; none where the catalogue has it no more.

    Of a scene that came in late and has none before it, what follows it is compared with it.
    """
    reference = next((scene for scene in known if scene.id == scene_id), None)
    if reference is None:
        return []
    after = [scene for scene in known if scene.acquired_at >= since and _comparable(scene, reference)]
    return _groups(known, after, _earliest, reference=reference, since=since, settings=settings)


def groups_in_turn(known: Sequence[SceneRecord], since: datetime, settings: DetectionSettings) -> list[Group]:
    """Return the group of every scene since a time, oldest first, as it was looked at when it came in."""
    return [
        group
        for scene in known
        if scene.acquired_at >= since
        for group in group_of(known, _midnight(scene), scene.id, settings)
    ]


def _groups(
    known: Sequence[SceneRecord],
    after: list[SceneRecord],
    choose: Callable[[Sequence[SceneRecord], int], list[SceneRecord]],
    *,
    reference: SceneRecord,
    since: datetime,
    settings: DetectionSettings,
) -> list[Group]:
    """Return dates with the best ones before them; of an orbit that has none, the first day is before the others."""
    group = _group(known, choose(after, settings.most_after), reference, since, settings)
    first = [one for one in after if orbit(one) not in map(orbit, group.before)]
    later = [one for one in first if _midnight(one) > _midnight(first[0])]
    if not later:
        return [group]
    reference, since = reference if reference in later else later[0], _midnight(later[0])
    return [group] * bool(group.before) + _groups(
        known, later, choose, reference=reference, since=since, settings=settings
    )


def _group(
    known: Sequence[SceneRecord],
    after: list[SceneRecord],
    reference: SceneRecord,
    since: datetime,
    settings: DetectionSettings,
) -> Group:
    """Return dates with the best ones before them."""
    earlier = [
        scene
        for scene in known
        if scene.acquired_at < since
        and since - scene.acquired_at <= timedelta(days=settings.before_days)
        and _comparable(scene, reference)
    ]
    seasonal = [scene for scene in earlier if _days_apart(scene, reference) <= settings.season_days]
    before = _latest([one for one in seasonal or earlier if orbit(one) in map(orbit, after)], settings.most_before)
    after = [one for one in after if not before or orbit(one) in map(orbit, before)]
    # the first one sets the output grid: prefer the reference's own
    before.sort(key=lambda scene: (scene.grid_tile, scene.collection) != (reference.grid_tile, reference.collection))
    return Group(tuple(before), tuple(after))


def season_of(known: Sequence[SceneRecord], reference: SceneRecord, settings: DetectionSettings) -> list[SceneRecord]:
    """Return the scenes of a place from one season of all years."""
    return [
        scene
        for scene in known
        if _comparable(scene, reference) and _days_apart(scene, reference) <= settings.season_days
    ]


def is_radar(scene: SceneRecord) -> bool:
    """Return whether a scene holds backscatter."""
    return "backscatter" in scene.assets


def orbit(scene: SceneRecord) -> str:
    """Return the orbit that a scene of radar was taken from; empty for reflectance."""
    return str(scene.properties.get("orbit", "")) if is_radar(scene) else ""


def _comparable(one: SceneRecord, other: SceneRecord) -> bool:
    """Return whether two scenes look at the same place with the same kind of sensor."""
    return is_radar(one) == is_radar(other) and same_area(one, other)


def _earliest(dates: Sequence[SceneRecord], most: int) -> list[SceneRecord]:
    """Return the earliest dates, so many of each orbit, oldest first."""
    return [
        one for index, one in enumerate(dates) if [orbit(other) for other in dates[:index]].count(orbit(one)) < most
    ]


def _latest(dates: Sequence[SceneRecord], most: int) -> list[SceneRecord]:
    """Return the latest dates, so many of each orbit, oldest first."""
    orbits = {orbit(one): [other for other in dates if orbit(other) == orbit(one)][-most:] for one in dates}
    return sorted((one for kept in orbits.values() for one in kept), key=lambda one: one.acquired_at)


def same_area(one: SceneRecord, other: SceneRecord) -> bool:
    """Return whether two scenes look at the same place on grids of one CRS."""
    if one.epsg != other.epsg:
        return False
    shared = one.footprint.intersection(other.footprint).area
    return bool(shared >= SAME_AREA_SHARE * max(one.footprint.area, other.footprint.area))


def _midnight(scene: SceneRecord) -> datetime:
    """Return when the day began on which a scene was taken."""
    return scene.acquired_at.replace(hour=0, minute=0, second=0, microsecond=0)


def _days_apart(one: SceneRecord, other: SceneRecord) -> int:
    days = abs(one.acquired_at.timetuple().tm_yday - other.acquired_at.timetuple().tm_yday)
    return min(days, 365 - days)
