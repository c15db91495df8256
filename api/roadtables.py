"""What is known of a stretch as tables: one content for the page, the printed report and the workbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.rated import told_parts
from api.roadcells import Table, Value, day, km, money, number, short, text
from api.texts import DIRECTIONS, ISOLATED, term, translate
from hazard_db.stretch import Row, Stretch
from maps.texts import place_name

GRADES = ("unknown", "low", "intermediate", "high", "very high")
MOST_REASONS = 3
MM_YR = "± mm/yr"
"""The head of a column that is the same in every language."""
PAGES = {
    "event": "/events/{}",
    "closure": "/closures/{}",
    "change": "/changes/{}",
    "deformation": "/displacement/areas/{}",
    "observation": "/observations/{}",
    "work": "/works/{}",
}


def reasons(rating: Row | None, *, inside: bool) -> tuple[Mapping[str, Any], ...]:
    """Return why a rating is what it is, as far as a visitor may know."""
    return told_parts(rating["contributions"], inside=inside) if rating else ()


def evidence(part: Mapping[str, Any]) -> str | None:
    """Return the page of what a reason rests on."""
    source, number = part["source"], str(part["id"])
    if not number or number.startswith(("rest", "cap")):
        return None
    if source == "site":
        return f"/sites/{part['label'].split(' ')[0]}"
    if source == "cascade":
        return f"/lakes/{number}" if number.startswith("L") else f"/glaciers/{number}"
    return PAGES[source].format(number) if source in PAGES else None


class Tables:
    """Builds the tables in a language."""

    def __init__(self, known: Stretch, lang: str) -> None:
        self.known, self.lang = known, lang
        self.t, self.term = translate(lang), term(lang)

    def all(self, spent: Sequence[Row] = ()) -> list[Table]:
        """Return every table."""
        return [
            self.ranking(),
            self.kilometres(),
            self.contributions(),
            self.sites(),
            self.events(),
            self.changes(),
            self.deformation(),
            self.observations(),
            self.closures(),
            self.works(),
            self.costs(spent),
            self.structures(),
            self.looks(),
        ]

    def ranking(self, level: str | None = None, most: int = 10) -> Table:
        """Return the worst kilometres first, from a grade on."""
        least = GRADES.index(level) if level in GRADES else 0
        rated = [
            (one, rating) for one in self.known.segments if (rating := self.known.rating(one)) and rating["score"] > 0
        ]
        rated = [pair for pair in rated if GRADES.index(pair[1]["grade"]) >= least]
        rows = []
        for segment, rating in sorted(rated, key=lambda pair: -pair[1]["score"])[:most]:
            parts = sorted(reasons(rating, inside=self.known.asked.inside), key=lambda part: -part["points"])
            why = self.t("comma").join(
                self.reason(part) + " " + self.isolated(f"({part['points']:.0f})")
                for part in parts[:MOST_REASONS]
                if part["points"] > 0
            )
            rows.append(
                [
                    self._segment(segment),
                    self._grade(rating["grade"]),
                    number(rating["score"], 1),
                    number(100 * rating["confidence"], 0, " %"),
                    text(why),
                ]
            )
        columns = {"col.km": 0.12, "col.grade": 0.13, "col.score": 0.09, "col.confidence": 0.12, "col.reason": 0.54}
        return self._table("ranking", "road.ranking", columns, rows, "road.no_ranking")

    def kilometres(self) -> Table:
        """Return every kilometre with what the strip shows of it."""
        rows = []
        for one in self.known.segments:
            rating, point = self.known.rating(one), self.known.points.get(one.id)
            looks = [
                look["last_good_look"]
                for look in self.known.looks
                if look["segment_id"] == one.id and look["last_good_look"]
            ]
            seen = max(looks, default=None)
            closed = sum(
                row["chainage_to_km"] >= one.km_from and row["chainage_from_km"] < one.km_to
                for row in self.known.closures
            )
            rows.append(
                [
                    self._segment(one),
                    self._grade(rating["grade"] if rating else "unknown"),
                    number(rating["score"] if rating else None, 1),
                    number(100 * rating["confidence"] if rating else None, 0, " %"),
                    number(point["fastest"] if point else None, 1)
                    if point
                    else Value(None, self.t("road.not_measured")),
                    number(self.known.counts.get(one.id, 0)),
                    number(closed),
                    Value(seen, str(seen) if seen else self.t("road.not_seen"), kind="d"),
                    text(self._places(one.place)),
                ]
            )
        columns = {
            "col.km": 0.1,
            "col.grade": 0.14,
            "col.score": 0.08,
            "col.confidence": 0.11,
            "road.rate": 0.12,
            "observations.title": 0.12,
            "closures.title": 0.09,
            "col.last_look": 0.12,
            "col.place": 0.12,
        }
        return self._table("kilometres", "road.kilometres", columns, rows)

    def contributions(self, *, each: bool = False) -> Table:
        """Return what the ratings are made of: one row a record with the kilometres it speaks of, or one for each of them."""
        rows = []
        for segments, parts in self._spoken(each=each):
            first, last, part = segments[0], segments[-1], parts[0]
            points = sorted(one["points"] for one in parts)
            spread = f"{points[0]:.1f}" if points[0] == points[-1] else f"{points[0]:.1f}–{points[-1]:.1f}"
            detail = part["detail"] if len(parts) == 1 else max(parts, key=lambda one: one["points"])["detail"]
            rows.append(
                [
                    Value(first.km_from, f"{first.km_from:g}–{last.km_to:g}", f"/segments/{first.km_from:g}", "n"),
                    Value(points[-1], spread, kind="n"),
                    text(self.reason(part), evidence(part)),
                    text(detail),
                    Value(part["date"], part["date"] or "–", kind="d"),
                    text("" if part["reviewed"] else self.t("unreviewed")),
                ]
            )
        columns = {
            "col.km": 0.12,
            "col.points": 0.1,
            "col.source": 0.27,
            "col.reason": 0.27,
            "col.date": 0.12,
            "col.state": 0.12,
        }
        return self._table("contributions", "segment.why", columns, rows, "road.no_ranking")

    def _spoken(self, *, each: bool) -> list[tuple[list[Any], list[Mapping[str, Any]]]]:
        """Return runs of neighbouring segments with what one record adds to each of them, in the order of the road."""
        runs: list[tuple[list[Any], list[Mapping[str, Any]]]] = []
        last: dict[tuple[str, str], tuple[list[Any], list[Mapping[str, Any]]]] = {}
        for one in self.known.segments:
            for part in reasons(self.known.rating(one), inside=self.known.asked.inside):
                key = (part["source"], part["id"])
                run = None if each or not part["id"] else last.get(key)
                if part["points"] == 0:
                    continue
                if run is not None and run[0][-1].km_to == one.km_from:
                    run[0].append(one)
                    run[1].append(part)
                else:
                    last[key] = ([one], [part])
                    runs.append(last[key])
        return runs

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
        return self._table("sites", "sites.title", columns, rows)

    def events(self) -> Table:
        """Return dated events."""
        rows = [
            [
                km(one["chainage_km"]),
                Value(one["occurred_on"], day(one["occurred_on"], one["precision"]), kind="d"),
                text(self.term(one["kind"])),
                text(one["name"], f"/events/{one['id']}"),
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
        return self._table("events", "events.title", columns, rows)

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
        return self._table("changes", "changes.title", columns, rows)

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
            "col.id": 0.06,
            "col.kind": 0.12,
            "road.rate": 0.11,
            MM_YR: 0.09,
            "road.points": 0.08,
            "col.period": 0.2,
            "col.state": 0.11,
            "displacement.set": 0.15,
        }
        return self._table("deformation", "road.areas", columns, rows, "road.no_areas")

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
        return self._table("observations", "observations.title", columns, rows)

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
                text(self._vehicles(one["vehicle_class"])),
                text(one["cause"], f"/events/{one['event_id']}" if one["event_id"] else None),
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
        return self._table("closures", "closures.title", columns, rows, "ledger.none")

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
        return self._table("works", "works.title", dict(zip(names, shares, strict=False)), rows)

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
        return self._table("costs", "ledger.spent", columns, rows)

    def structures(self) -> Table:
        """Return bridges and what comes down to them."""
        rows = []
        for one in self.known.structures:
            above = "; ".join(self._above(way) for way in one["cascades"])
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
        return self._table("structures", "structures.title", columns, rows)

    def looks(self) -> Table:
        """Return per segment and detector when it was last seen."""
        at = {one.id: one for one in self.known.segments}
        rows = [
            [
                self._segment(at[look["segment_id"]]),
                text(self.term(look["kind"])),
                Value(look["last_good_look"], str(look["last_good_look"] or self.t("never")), kind="d"),
                Value(look["last_look"], str(look["last_look"]), kind="d"),
                number(100 * look["share"], 0, " %"),
            ]
            for look in self.known.looks
        ]
        columns = {
            "col.km": 0.15,
            "road.detector": 0.25,
            "col.last_look": 0.22,
            "road.any_look": 0.2,
            "road.share": 0.18,
        }
        return self._table("looks", "road.looks", columns, rows, "road.never")

    def _table(
        self, name: str, title: str, columns: Mapping[str, float], rows: Sequence[Sequence[Value]], none: str = "none"
    ) -> Table:
        """Return a table; `columns`: what each is called -> its share of the width."""
        head = [MM_YR if one == MM_YR else self.t(one) for one in columns]
        return Table(name, self.t(title), head, rows, tuple(columns.values()), self.t(none))

    def reason(self, part: Mapping[str, Any]) -> str:
        """Return a reason in a few words of the reader's language, with the record's own name."""
        source, number = part["source"], str(part["id"])
        if source == "change" and number.isdigit():
            return self.t("change.title", id=number)
        if source == "deformation" and number.isdigit():
            return f"{self.term(source)} {number}"
        if source == "visibility" or not number:
            return self.term(source)
        return f"{self.term(source)} {self.isolated(short(str(part['label']), 60))}"

    def isolated(self, text: str) -> str:
        """Return a text of the catalogue that keeps its own direction within one from right to left."""
        return ISOLATED.format(text) if DIRECTIONS[self.lang] == "rtl" else text

    def _above(self, way: Mapping[str, Any]) -> str:
        down = self.t("structures.way", km=f"{way['flow_m'] / 1000:.1f}", m=f"{way['drop_m']:,.0f}")
        return f"{way['name'] or way['id']} ({down})"

    def _segment(self, one: Any) -> Value:
        return Value(one.km_from, f"{one.km_from:g}–{one.km_to:g}", f"/segments/{one.km_from:g}", "n")

    def _grade(self, grade: str) -> Value:
        return Value(grade, self.term(grade), kind=f"g {grade.replace(' ', '-')}")

    def _places(self, names: str | None) -> str:
        return " / ".join(place_name(name, self.lang) for name in names.split(" / ")) if names else ""

    def _vehicles(self, name: str) -> str:
        return self.term(f"vehicles_{name}") if name in {"all", "heavy", "light"} else name
