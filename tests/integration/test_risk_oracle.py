"""Ratings worked out again, one record and one kilometre at a time, from the tables as they are: no statement is shared."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, date, datetime
from typing import Any

import pytest
import shapely
from sqlalchemy import text

from hazard_db import changes, connect, ledger, risk, seed
from hazard_db.risk_weights import load_weights
from tests.integration.test_risk import found, run

pytestmark = pytest.mark.integration
ON = date(2026, 7, 1)
STRETCH = (600.0, 700.0)
WEIGHED = {"site", "event", "change", "closure"}
W = load_weights()


def test_points_of_a_stretch_are_those_of_a_plain_loop(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        stored = changes.store_run(
            conn, run(), [found(), found(lon=74.87, lat=36.31, area_m2=2_500.0, confidence=0.3)], []
        )
        changes.review(conn, stored.new[0], "confirmed", "amina")
        closure = {"km_from": 640.2, "km_to": 659.7, "closed_at": datetime(2024, 5, 1, tzinfo=UTC), "closed_precision": "minute",
                   "opened_at": datetime(2024, 5, 1, 12, tzinfo=UTC), "cause": "rock fall", "vehicle_class": "all", "detour": "none",
                   "source": "NHA"}  # fmt: skip
        ledger.enter(conn, ledger.CLOSURES, closure)
        risk.update(conn, ON)
        told = {(row.km_from, row.hazard): row for row in risk.show(conn, *STRETCH)}
        rows = conn.execute(
            text("SELECT km_from, km_to, consequence FROM segment WHERE alignment_id = current_alignment()")
        )
        segments = [row._mapping for row in rows if STRETCH[0] <= row.km_from and row.km_to <= STRETCH[1]]
        facts = list(_facts(conn))
    compared = 0
    for one in segments:
        expected: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
        for fact in facts:
            points = _points(fact, one)
            if points >= 0.1:
                expected[fact["hazard"]][fact["source"], fact["id"]] = points
        for hazard, parts in expected.items():
            row = told[one["km_from"], hazard]
            shown = {(p["source"], p["id"]): p["points"] for p in row.contributions if p["source"] in WEIGHED}
            listed = {key: points for key, points in shown.items() if not key[1].startswith("rest")}
            for key, points in listed.items():
                assert points == pytest.approx(parts[key], abs=0.051), (one["km_from"], hazard, key)
                compared += 1
            assert len(listed) == min(12, len(parts)), (one["km_from"], hazard, listed.keys() ^ parts.keys())
            assert sum(shown.values()) == pytest.approx(sum(parts.values()), abs=0.06 * len(parts))
            over = sum(
                max(0.0, sum(v for (s, _), v in parts.items() if s == source) - most) for source, most in W.most.items()
            )
            assert row.score == pytest.approx(min(100, sum(parts.values()) - over), abs=0.06 * len(parts))
    assert compared > 100, "the stretch holds records enough"


def _points(fact: dict[str, Any], segment: Any) -> float:
    """Return hazard x exposure x vulnerability of one record for one kilometre."""
    first, last = fact["a"] - fact["accuracy_m"] / 1000, fact["b"] + fact["accuracy_m"] / 1000
    begins = segment["km_from"] <= first < segment["km_to"]
    if not (begins or (first < segment["km_to"] and last > segment["km_from"])):
        return 0.0
    near = 1.0 if fact["on_road"] else _reach(fact)
    exposure = near * min(1.0, W.stretch_km / max(last - first, 1e-9))
    return float(fact["hazard_points"] * exposure * fact["factor"] * W.vulnerability[segment["consequence"] - 1])


def _reach(fact: dict[str, Any]) -> float:
    """Return the mean of what places within the accuracy would count, by adding up many of them."""
    reach = W.reach.get(fact["kind"], W.reach["default"])
    offset, accuracy = fact["offset_m"], fact["accuracy_m"]
    steps = 4000
    places = [abs(offset + accuracy * (2 * (n + 0.5) / steps - 1)) for n in range(steps)] if accuracy else [offset]
    return sum(min(1.0, max(0.0, (reach.far_m - m) / (reach.far_m - reach.near_m))) for m in places) / len(places)


def _aged(day: date | None, half_life: float | None) -> float:
    if half_life is None:
        return 1.0
    return 0.5 if day is None else math.pow(0.5, max(0.0, (ON - day).days / 365.25) / half_life)


def _grade(value: float | None, limits: Any) -> int:
    return 0 if value is None else sum(value >= limit for limit in limits)


def _facts(conn: Any) -> Any:
    for row in (
        one._mapping
        for one in conn.execute(text("SELECT *, ST_AsBinary(geom) AS wkb FROM site WHERE chainage_km IS NOT NULL"))
    ):
        claims = [
            one._mapping
            for one in conn.execute(text("SELECT attribute, value FROM claim WHERE site_id = :id"), {"id": row["id"]})
        ]
        grades = [0]
        for claim in claims:
            limits = {"threatened_people": W.threat.people, "threatened_assets_cny": W.threat.cny}.get(
                claim["attribute"]
            )
            if limits is not None and claim["value"].replace(".", "", 1).isdigit():
                grades.append(_grade(float(claim["value"]), limits))
        told = bool(grades[1:])
        line = shapely.from_wkb(bytes(row["wkb"])).geom_type in {"LineString", "MultiLineString"}
        yield _fact("site", row, W.sites.points[row["activity"]], W.threat.factors[max(grades)] if told else W.threat.factors[0],
                    accuracy_m=row["accuracy_m"] or 0, on_road=line and row["offset_m"] < 1)  # fmt: skip
    for row in (
        one._mapping
        for one in conn.execute(text("SELECT *, ST_AsBinary(geom) AS wkb FROM event WHERE chainage_km IS NOT NULL"))
    ):
        if row["occurred_on"] > ON:
            continue
        shape = shapely.from_wkb(bytes(row["wkb"]))
        lost = (row["impacts"] or {}).get("loss_cny")
        grade = max(
            _grade(row["fatalities"], W.loss.people),
            _grade(lost if isinstance(lost, int | float) else None, W.loss.cny),
        )
        unsure = (
            row["accuracy_m"]
            if row["accuracy_m"] is not None
            else W.events.unknown_accuracy_m
            if shape.geom_type == "Point"
            else 0
        )
        on_road = "road" in (row["impacts"] or {}) or ("Line" in shape.geom_type and row["offset_m"] < 1)
        yield _fact("event", row, W.events.points * _aged(row["occurred_on"], W.events.half_life_years), W.loss.factors[grade],
                    accuracy_m=unsure, on_road=on_road)  # fmt: skip
    for row in (
        one._mapping
        for one in conn.execute(text("SELECT * FROM change WHERE chainage_km IS NOT NULL AND part_of IS NULL"))
    ):
        base = W.changes.confirmed if row["status"] == "confirmed" else W.changes.candidate * row["confidence"]
        points = (
            base
            * math.sqrt(min(1, row["area_m2"] / W.changes.large_m2))
            * _aged(row["last_date"], W.changes.half_life_years)
        )
        yield _fact("change", row, points, 1.0, accuracy_m=0, on_road=False)
    for row in (
        one._mapping
        for one in conn.execute(
            text("SELECT * FROM closure WHERE withdrawn_at IS NULL AND chainage_from_km IS NOT NULL")
        )
    ):
        days = (
            None
            if row["opened_at"] is None
            else max(0.0, (row["opened_at"] - row["closed_at"]).total_seconds() / 86400)
        )
        long = math.sqrt(
            min(1, W.closures.long_days / W.closures.long_days if days is None else days / W.closures.long_days)
        )
        points = W.closures.points * long * _aged(row["closed_at"].date(), W.closures.half_life_years)
        kind = (
            "landslide"
            if row["event_id"] is None
            else conn.scalar(text("SELECT kind FROM event WHERE id = :id"), {"id": row["event_id"]})
        )
        yield _fact("closure", {**row, "kind": kind, "offset_m": 0.0}, points, 1.0, accuracy_m=0, on_road=True)


def _fact(source: str, row: Any, points: float, factor: float, *, accuracy_m: float, on_road: bool) -> dict[str, Any]:
    return {
        "source": source, "id": str(row["id"]), "kind": row["kind"], "hazard": W.hazard_of.get(row["kind"], row["kind"]),
        "hazard_points": points, "factor": factor, "a": row["chainage_from_km"], "b": row["chainage_to_km"],
        "offset_m": row["offset_m"], "accuracy_m": accuracy_m, "on_road": on_road,
    }  # fmt: skip
