"""What is on record of a stretch, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.roadcells import Table, Value, day, km, money, number, short, text
from api.roadwords import MM_YR, Worded
from api.texts import stated
from hazard_db.placenames import place_name
from hazard_db.stretch import Row


class RecordTables(Worded):
    """Tables of records."""

    def sites(self) -> Table:
        """Return the sites of the inventory."""
        rows = [
            [
                km(one["chainage_km"]),
                text(f"{one['code']} {one['name']}", f"/sites/{one['code']}"),
                text(self.term(one["kind"])),
                text(self.term(one["activity"])),
                number(one["offset_m"]),
                text(one["source"]),
            ]
            for one in self.known.sites
        ]
        columns = {
            "col.km": 0.09,
            "col.name": 0.3,
            "col.kind": 0.14,
            "col.state": 0.12,
            "col.offset": 0.1,
            "col.source": 0.25,
        }
        return self.table("sites", "sites.title", columns, rows)

    def events(self) -> Table:
        """Return dated events."""
        rows = [
            [
                km(one["chainage_km"]),
                Value(one["occurred_on"], day(one["occurred_on"], one["precision"]), kind="d"),
                text(self.term(one["kind"])),
                text(place_name(one["name"], self.lang), f"/events/{one['id']}"),
                number(one["fatalities"]),
                text(one["source"]),
            ]
            for one in self.known.events
        ]
        columns = {
            "col.km": 0.09,
            "col.date": 0.12,
            "col.kind": 0.14,
            "col.name": 0.33,
            "events.fatalities": 0.08,
            "col.source": 0.24,
        }
        return self.table("events", "events.title", columns, rows)

    def changes(self) -> Table:
        """Return changes seen by satellites."""
        rows = [
            [
                km(one["chainage_km"]),
                text(self.t("change.title", id=one["id"]), f"/changes/{one['id']}"),
                text(self.term(one["kind"])),
                Value(one["last_date"], f"{one['first_date']} – {one['last_date']}", kind="d"),
                number(one["area_m2"], 0, " m²"),
                number(one["offset_m"], 0, " m"),
                text(self.term(one["status"])),
                number(100 * one["confidence"], 0, " %"),
            ]
            for one in self.known.changes
        ]
        columns = {
            "col.km": 0.08,
            "col.name": 0.13,
            "col.kind": 0.11,
            "col.period": 0.22,
            "col.area": 0.13,
            "col.offset": 0.11,
            "col.state": 0.12,
            "col.confidence": 0.1,
        }
        return self.table("changes", "changes.title", columns, rows)

    def deformation(self) -> Table:
        """Return areas that move."""
        rows = [
            [
                km(one["chainage_km"]),
                text(f"{one['id']}", f"/displacement/areas/{one['id']}"),
                text(self.term(one["motion"])),
                number(one["velocity_mm_yr"], 1),
                number(one["velocity_std_mm_yr"], 1),
                number(one["n_points"]),
                Value(one["last_date"], f"{one['first_date']} – {one['last_date']}", kind="d"),
                text(self.term(one["status"])),
                text(one["set_name"]),
            ]
            for one in self.known.areas
        ]
        columns = {
            "col.km": 0.08,
            "col.id": 0.05,
            "col.kind": 0.13,
            "road.rate": 0.09,
            MM_YR: 0.09,
            "road.points": 0.07,
            "col.period": 0.22,
            "col.state": 0.13,
            "displacement.set": 0.14,
        }
        return self.table("deformation", "road.areas", columns, rows, "road.no_areas")

    def observations(self, most: int = 200) -> Table:
        """Return the newest observations."""
        rows = [
            [
                km(one["chainage_km"]),
                Value(one["observed_at"], f"{one['observed_at']:%Y-%m-%d}" if one["observed_at"] else "–", kind="d"),
                text(self.term(one["kind"]), f"/observations/{one['id']}"),
                text(self.term(one["review_status"])),
                number(one["offset_m"], 0, " m"),
                text(short(one["note"] or "", 160)),
            ]
            for one in self.known.observations[:most]
        ]
        columns = {
            "col.km": 0.09,
            "col.date": 0.13,
            "col.kind": 0.17,
            "col.state": 0.14,
            "col.offset": 0.11,
            "col.note": 0.36,
        }
        return self.table("observations", "observations.title", columns, rows)

    def closures(self) -> Table:
        """Return when the road was closed."""
        rows = [
            [
                text(f"{one['chainage_from_km']:g}–{one['chainage_to_km']:g}", f"/closures/{one['id']}"),
                Value(one["closed_at"], day(one["closed_at"], one["closed_precision"]), kind="d"),
                Value(
                    one["opened_at"],
                    day(one["opened_at"], one["closed_precision"]) if one["opened_at"] else self.t("ledger.no_end"),
                    kind="d",
                ),
                text(self.vehicles(one["vehicle_class"])),
                text(stated(self.lang)(one["cause"]), f"/events/{one['event_id']}" if one["event_id"] else None),
                text(one["detour"] or "–"),
                text(one["source"]),
            ]
            for one in self.known.closures
        ]
        columns = {
            "col.km": 0.11,
            "closures.closed": 0.13,
            "closures.opened": 0.13,
            "ledger.vehicles": 0.12,
            "closures.cause": 0.2,
            "ledger.detour": 0.13,
            "col.source": 0.18,
        }
        return self.table("closures", "closures.title", columns, rows, "ledger.none")

    def works(self) -> Table:
        """Return works; what they cost only inside."""
        inside = self.known.asked.inside
        rows = [
            [
                text(f"{one['chainage_from_km']:g}–{one['chainage_to_km']:g}", f"/works/{one['id']}"),
                Value(one["started_on"], str(one["started_on"]), kind="d"),
                Value(one["ended_on"], str(one["ended_on"] or "–"), kind="d"),
                text(self.term(f"work_{one['kind']}")),
                text(self.term(f"work_{one['status']}")),
                text(one["description"]),
                *([money(one["cost"], one["currency"])] if inside else []),
            ]
            for one in self.known.works
        ]
        names = (
            "col.km",
            "ledger.started",
            "ledger.ended",
            "col.kind",
            "col.state",
            "ledger.description",
            "ledger.cost",
        )
        shares = (0.12, 0.12, 0.12, 0.12, 0.11, 0.25, 0.16) if inside else (0.12, 0.12, 0.12, 0.14, 0.12, 0.38)
        return self.table("works", "works.title", dict(zip(names, shares, strict=False)), rows)

    def costs(self, spent: Sequence[Row]) -> Table:
        """Return what works cost by year."""
        rows = [
            [
                number(one["year"], 0, plain=True),
                text(self.term(f"work_{one['kind']}")),
                number(one["works"]),
                money(one["cost"], one["currency"]),
            ]
            for one in spent
        ]
        columns = {"ledger.year": 0.2, "col.kind": 0.3, "works.title": 0.2, "ledger.cost": 0.3}
        return self.table("costs", "ledger.spent", columns, rows)

    def structures(self) -> Table:
        """Return bridges and what comes down to them."""
        rows = []
        for one in self.known.structures:
            above = self.t("semicolon").join(self._above(way) for way in one["cascades"])
            rows.append(
                [
                    km(one["chainage_km"]),
                    text(place_name(one["name"], self.lang), f"/structures#structure-{one['id']}"),
                    text(self.term(f"structure_{one['kind']}")),
                    text(above or self.t("structures.none_above")),
                    text(one["note"] or "–"),
                ]
            )
        columns = {"col.km": 0.1, "col.name": 0.22, "col.kind": 0.12, "structures.above": 0.32, "col.note": 0.24}
        return self.table("structures", "structures.title", columns, rows)

    def _above(self, way: Mapping[str, Any]) -> str:
        down = self.t("structures.way", km=f"{way['flow_m'] / 1000:.1f}", m=f"{way['drop_m']:,.0f}")
        return f"{way['name'] or way['id']} ({down})"
