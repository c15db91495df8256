"""What was found of glaciers and lakes, as the catalogue's records: termini, lakes, and the changes that people should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from api.passes import raster_paths
from api.ways import update_ways
from detection.icefiles import footprint
from detection.methods.lakeevents import LakeEvent, Look, events
from detection.windows import Plan
from hazard_db import changes, lakes, termini
from hazard_db.connect import Connection
from hazard_db.glacier_file import Glacier
from hazard_db.scenes import SceneRecord


@dataclass(frozen=True)
class Place:
    """All scenes of one place, oldest first, and the outlines of its glaciers."""

    series: tuple[SceneRecord, ...]
    since: date
    glaciers: tuple[Glacier, ...] = ()

    @property
    def newest(self) -> SceneRecord:
        """The scene that messages name."""
        return self.series[-1]


def store_glaciers(
    conn: Connection, place: Place, plan: Plan, collection: Mapping[str, Any], run: changes.RunRecord
) -> tuple[int, changes.StoredChanges]:
    """Return how many termini are new, and the changes that surging glaciers are, of a run stored with both."""
    by_label = _scenes_of(plan, place)
    records = [_terminus(feature, by_label) for feature in collection["features"]]
    outlines = {one.id: one.outline for one in place.glaciers}
    surging = [
        change
        for name, own in _grouped(collection["features"], "glacier_id").items()
        if (change := _surge(own, outlines[name], place.since)) is not None
    ]
    stored = changes.store_run(conn, run, surging, [])
    if plan.dem is not None:
        update_ways(conn, plan.dem, ["glacier"], termini.numbers(conn, [one.id for one in place.glaciers]))
    return termini.store(conn, stored.run_id, records), stored


def store_lakes(
    conn: Connection, place: Place, plan: Plan, collection: Mapping[str, Any], run: changes.RunRecord
) -> tuple[int, changes.StoredChanges]:
    """Return how many outlines of lakes are new, and the changes of those that grew or drained, of a run stored with both."""
    by_label = _scenes_of(plan, place)
    grouped = _grouped(collection["features"], "lake_id")
    dry_m2 = collection["parameters"]["min_area_m2"] / 2
    records = [_lake(name, own, by_label, dry_m2) for name, own in grouped.items()]
    stored = changes.store_run(conn, run, [], [])
    kept = lakes.store(
        conn, stored.run_id, records, scene_ids=[one.id for one in place.series],
        footprint_wkb=shapely.to_wkb(footprint(plan.grid)),
    )  # fmt: skip
    if plan.dem is not None:
        update_ways(conn, plan.dem, ["lake"], kept.ids)
    found = [change for lake in lakes.find(conn, kept.ids) for change in happenings(conn, lake, place.since)]
    return kept.changed, changes.add_changes(conn, stored.run_id, found)


def _scenes_of(plan: Plan, place: Place) -> dict[str, SceneRecord]:
    """Return the catalogue's scene of each picture of a plan, by the picture's label."""
    by_href = {str(path): scene for scene in place.series for path in raster_paths(Path(), [scene])}
    return {
        picture.label: next(scene for href, scene in by_href.items() if picture.files[0].endswith(href))
        for picture in plan.scenes
    }


def _grouped(features: Sequence[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for feature in features:
        grouped.setdefault(feature["properties"][key], []).append(feature)
    return grouped


def _terminus(feature: Mapping[str, Any], by_label: Mapping[str, SceneRecord]) -> termini.TerminusRecord:
    told = feature["properties"]
    return termini.TerminusRecord(
        glacier_id=told["glacier_id"],
        scene_id=by_label[told["scene"]].id,
        observed_on=date.fromisoformat(told["date"]),
        measured={name: told["surge_date" if name == "surge_on" else name] for name in termini.MEASURED},
        geometry=feature["geometry"],
    )


def _surge(own: Sequence[Mapping[str, Any]], outline: BaseGeometry, since: date) -> changes.ChangeRecord | None:
    """Return the change that a surging glacier is, on the glacier's outline; None where it does not, or not since a day."""
    told = [feature["properties"] for feature in own if feature["properties"]["length_m"] is not None]
    if not told or told[-1]["surge_date"] is None or date.fromisoformat(told[-1]["date"]) < since:
        return None
    last = told[-1]
    surging = [one for one in told if one["date"] >= last["surge_date"]]
    begin = min(_before(told, last["surge_date"]) or told[:1], key=lambda one: one["length_m"])
    advance = max(one["length_m"] for one in surging) - begin["length_m"]
    gained = max(one["area_m2"] for one in surging) - begin["area_m2"]
    first, day = date.fromisoformat(begin["date"]), date.fromisoformat(last["date"])
    return changes.ChangeRecord(
        kind="glacier", geometry=mapping(outline), confidence=last["confidence"], magnitude=round(advance, 1),
        area_m2=round(max(gained, 0.0), 1), area_uncertainty_m2=last["area_uncertainty_m2"], mean_slope_deg=None, observed_share=None,
        first_date=first, last_date=day,
        properties={
            "event": "surge", "glacier_id": last["glacier_id"], "advance_m": round(advance, 1), "days": (day - first).days,
            "surge_date": last["surge_date"], "trend": last["trend"],
        },
    )  # fmt: skip


def _before(told: Sequence[Mapping[str, Any]], surge_date: str) -> list[Mapping[str, Any]]:
    """Return the dates of the year before a surge was told: it had begun by then, from the shortest of them."""
    year_before = (date.fromisoformat(surge_date) - timedelta(days=400)).isoformat()
    return [one for one in told if year_before <= one["date"] < surge_date]


def _lake(
    name: str, own: Sequence[Mapping[str, Any]], by_label: Mapping[str, SceneRecord], dry_m2: float
) -> lakes.LakeRecord:
    """Return a lake; where its place was dry, its area is none but for what is too small to be told, `dry_m2`."""
    by_day = {scene.acquired_at.date().isoformat(): scene for scene in by_label.values()}
    told = own[-1]["properties"]
    views = []
    for feature in own:
        one = feature["properties"]
        view = lakes.View(
            by_label[one["scene"]].id, date.fromisoformat(one["date"]), one["state"], one["area_m2"], one["area_uncertainty_m2"],
            one["confidence"], one["growth_m2_yr"], one["growth_uncertainty_m2_yr"], shape(feature["geometry"]),
        )  # fmt: skip
        views.append(view)
        for dry in (one["dry_before"], one["drained_by"]):
            if dry is not None:
                views.append(lakes.View(by_day[dry].id, date.fromisoformat(dry), "dry", 0.0, dry_m2, one["confidence"]))
    return lakes.LakeRecord(name, told["ice_dammed"], told["ice_contact_share"], tuple(views))


def happenings(conn: Connection, lake: Mapping[str, Any], since: date) -> list[changes.ChangeRecord]:
    """Return the changes that a lake has been through since a day."""
    looks = [
        Look(row["observed_on"], row["state"], row["area_m2"], row["area_uncertainty_m2"])
        for row in lakes.series(conn, lake["id"])
    ]
    return [_happening(one, lake) for one in events(looks, since)]


def _happening(one: LakeEvent, lake: Mapping[str, Any]) -> changes.ChangeRecord:
    return changes.ChangeRecord(
        kind="lake" if one.event == "growth" else "flood", geometry=lake["geometry"], confidence=lake["confidence"], magnitude=None,
        area_m2=round(one.change_m2, 1), area_uncertainty_m2=round(one.sigma_m2, 1), mean_slope_deg=None, observed_share=None,
        first_date=one.first, last_date=one.last,
        properties={
            "event": one.event, "lake_id": lake["lake_id"], "days": one.days, "lake_area_m2": round(one.area_m2, 1),
            "ice_dammed": lake["ice_dammed"],
        },
    )  # fmt: skip
