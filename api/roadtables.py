"""What is known of a stretch as tables: one content for the page, the printed report and the workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from api.rated import told_parts
from api.texts import DIRECTIONS, ISOLATED, term, translate
from hazard_db.stretch import Row, Stretch
from maps.texts import place_name

GRADES = ("unknown", "low", "intermediate", "high", "very high")
MOST_REASONS = 3
PAGES = {
    "event": "/events/{}",
    "closure": "/closures/{}",
    "change": "/changes/{}",
    "deformation": "/displacement/areas/{}",
    "observation": "/observations/{}",
    "work": "/works/{}",
}


@dataclass(frozen=True)
class Value:
    """A cell: what it is for programs, how people read it, where its evidence lies."""

    value: Any
    words: str
    href: str | None = None
    kind: str = ""
    """n = number, d = date, a text of the catalogue = auto, g = grade."""


@dataclass(frozen=True)
class Table:
    """A table of a stretch."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Value]]
    shares: Sequence[float]
    """Of the width, by column."""
    none: str
    """Said where there are no rows."""


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
                    _number(rating["score"], 1),
                    _number(100 * rating["confidence"], 0, " %"),
                    _text(why),
                ]
            )
        head = [
            self.t("col.km"),
            self.t("col.grade"),
            self.t("col.score"),
            self.t("col.confidence"),
            self.t("col.reason"),
        ]
        return Table(
            "ranking", self.t("road.ranking"), head, rows, (0.12, 0.13, 0.09, 0.12, 0.54), self.t("road.no_ranking")
        )

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
                    _number(rating["score"] if rating else None, 1),
                    _number(100 * rating["confidence"] if rating else None, 0, " %"),
                    _number(point["fastest"] if point else None, 1)
                    if point
                    else Value(None, self.t("road.not_measured")),
                    _number(self.known.counts.get(one.id, 0)),
                    _number(closed),
                    Value(seen, str(seen) if seen else self.t("road.not_seen"), kind="d"),
                    _text(self._places(one.place)),
                ]
            )
        head = [
            self.t("col.km"),
            self.t("col.grade"),
            self.t("col.score"),
            self.t("col.confidence"),
            self.t("road.rate"),
            self.t("observations.title"),
            self.t("closures.title"),
            self.t("col.last_look"),
            self.t("col.place"),
        ]
        return Table(
            "kilometres",
            self.t("road.kilometres"),
            head,
            rows,
            (0.1, 0.14, 0.08, 0.11, 0.12, 0.12, 0.09, 0.12, 0.12),
            self.t("none"),
        )

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
                    _text(self.reason(part), evidence(part)),
                    _text(detail),
                    Value(part["date"], part["date"] or "–", kind="d"),
                    _text("" if part["reviewed"] else self.t("unreviewed")),
                ]
            )
        names = ("col.km", "col.points", "col.source", "col.reason", "col.date", "col.state")
        shares = (0.12, 0.1, 0.27, 0.27, 0.12, 0.12)
        head = [self.t(name) for name in names]
        return Table("contributions", self.t("segment.why"), head, rows, shares, self.t("road.no_ranking"))

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
                _km(one["chainage_km"]),
                _text(f"{one['code']} {one['name']}", f"/sites/{one['code']}"),
                _text(self.term(one["kind"])),
                _text(self.term(one["activity"])),
                _number(one["offset_m"]),
                _text(one["source"]),
            ]
            for one in self.known.sites
        ]
        head = [
            self.t("col.km"),
            self.t("col.name"),
            self.t("col.kind"),
            self.t("col.state"),
            self.t("col.offset"),
            self.t("col.source"),
        ]
        return Table("sites", self.t("sites.title"), head, rows, (0.09, 0.3, 0.14, 0.12, 0.1, 0.25), self.t("none"))

    def events(self) -> Table:
        """Return dated events."""
        rows = [
            [
                _km(one["chainage_km"]),
                Value(one["occurred_on"], _day(one["occurred_on"], one["precision"]), kind="d"),
                _text(self.term(one["kind"])),
                _text(one["name"], f"/events/{one['id']}"),
                _number(one["fatalities"]),
                _text(one["source"]),
            ]
            for one in self.known.events
        ]
        head = [
            self.t("col.km"),
            self.t("col.date"),
            self.t("col.kind"),
            self.t("col.name"),
            self.t("events.fatalities"),
            self.t("col.source"),
        ]
        return Table("events", self.t("events.title"), head, rows, (0.09, 0.12, 0.14, 0.33, 0.08, 0.24), self.t("none"))

    def changes(self) -> Table:
        """Return changes seen by satellites."""
        rows = [
            [
                _km(one["chainage_km"]),
                _text(self.t("change.title", id=one["id"]), f"/changes/{one['id']}"),
                _text(self.term(one["kind"])),
                Value(one["last_date"], f"{one['first_date']} – {one['last_date']}", kind="d"),
                _number(one["area_m2"], 0, " m²"),
                _number(one["offset_m"], 0, " m"),
                _text(self.term(one["status"])),
                _number(100 * one["confidence"], 0, " %"),
            ]
            for one in self.known.changes
        ]
        head = [
            self.t("col.km"),
            self.t("col.name"),
            self.t("col.kind"),
            self.t("col.period"),
            self.t("col.area"),
            self.t("col.offset"),
            self.t("col.state"),
            self.t("col.confidence"),
        ]
        return Table(
            "changes",
            self.t("changes.title"),
            head,
            rows,
            (0.08, 0.13, 0.11, 0.22, 0.13, 0.11, 0.12, 0.1),
            self.t("none"),
        )

    def deformation(self) -> Table:
        """Return areas that move."""
        rows = [
            [
                _km(one["chainage_km"]),
                _text(f"{one['id']}", f"/displacement/areas/{one['id']}"),
                _text(self.term(one["motion"])),
                _number(one["velocity_mm_yr"], 1),
                _number(one["velocity_std_mm_yr"], 1),
                _number(one["n_points"]),
                Value(one["last_date"], f"{one['first_date']} – {one['last_date']}", kind="d"),
                _text(self.term(one["status"])),
                _text(one["set_name"]),
            ]
            for one in self.known.areas
        ]
        head = [
            self.t("col.km"),
            self.t("col.id"),
            self.t("col.kind"),
            self.t("road.rate"),
            "± mm/yr",
            self.t("road.points"),
            self.t("col.period"),
            self.t("col.state"),
            self.t("displacement.set"),
        ]
        return Table(
            "deformation",
            self.t("road.areas"),
            head,
            rows,
            (0.08, 0.06, 0.12, 0.11, 0.09, 0.08, 0.2, 0.11, 0.15),
            self.t("road.no_areas"),
        )

    def observations(self, most: int = 200) -> Table:
        """Return the newest observations."""
        rows = [
            [
                _km(one["chainage_km"]),
                Value(one["observed_at"], f"{one['observed_at']:%Y-%m-%d}" if one["observed_at"] else "–", kind="d"),
                _text(self.term(one["kind"]), f"/observations/{one['id']}"),
                _text(self.term(one["review_status"])),
                _number(one["offset_m"], 0, " m"),
                _text(_short(one["note"] or "", 160)),
            ]
            for one in self.known.observations[:most]
        ]
        head = [
            self.t("col.km"),
            self.t("col.date"),
            self.t("col.kind"),
            self.t("col.state"),
            self.t("col.offset"),
            self.t("col.note"),
        ]
        return Table(
            "observations",
            self.t("observations.title"),
            head,
            rows,
            (0.09, 0.13, 0.17, 0.14, 0.11, 0.36),
            self.t("none"),
        )

    def closures(self) -> Table:
        """Return when the road was closed."""
        rows = [
            [
                _text(f"{one['chainage_from_km']:g}–{one['chainage_to_km']:g}", f"/closures/{one['id']}"),
                Value(one["closed_at"], _day(one["closed_at"], one["closed_precision"]), kind="d"),
                Value(
                    one["opened_at"],
                    _day(one["opened_at"], one["closed_precision"]) if one["opened_at"] else self.t("ledger.no_end"),
                    kind="d",
                ),
                _text(self._vehicles(one["vehicle_class"])),
                _text(one["cause"], f"/events/{one['event_id']}" if one["event_id"] else None),
                _text(one["detour"] or "–"),
                _text(one["source"]),
            ]
            for one in self.known.closures
        ]
        head = [
            self.t("col.km"),
            self.t("closures.closed"),
            self.t("closures.opened"),
            self.t("ledger.vehicles"),
            self.t("closures.cause"),
            self.t("ledger.detour"),
            self.t("col.source"),
        ]
        return Table(
            "closures",
            self.t("closures.title"),
            head,
            rows,
            (0.11, 0.13, 0.13, 0.12, 0.2, 0.13, 0.18),
            self.t("ledger.none"),
        )

    def works(self) -> Table:
        """Return works; what they cost only inside."""
        inside = self.known.asked.inside
        rows = [
            [
                _text(f"{one['chainage_from_km']:g}–{one['chainage_to_km']:g}", f"/works/{one['id']}"),
                Value(one["started_on"], str(one["started_on"]), kind="d"),
                Value(one["ended_on"], str(one["ended_on"] or "–"), kind="d"),
                _text(self.term(f"work_{one['kind']}")),
                _text(self.term(f"work_{one['status']}")),
                _text(one["description"]),
                *([_money(one["cost"], one["currency"])] if inside else []),
            ]
            for one in self.known.works
        ]
        head = [
            self.t("col.km"),
            self.t("ledger.started"),
            self.t("ledger.ended"),
            self.t("col.kind"),
            self.t("col.state"),
            self.t("ledger.description"),
            *([self.t("ledger.cost")] if inside else []),
        ]
        shares = (0.12, 0.12, 0.12, 0.12, 0.11, 0.25, 0.16) if inside else (0.12, 0.12, 0.12, 0.14, 0.12, 0.38)
        return Table("works", self.t("works.title"), head, rows, shares, self.t("none"))

    def costs(self, spent: Sequence[Row]) -> Table:
        """Return what works cost by year."""
        rows = [
            [
                _number(one["year"], 0, plain=True),
                _text(self.term(f"work_{one['kind']}")),
                _number(one["works"]),
                _money(one["cost"], one["currency"]),
            ]
            for one in spent
        ]
        head = [self.t("ledger.year"), self.t("col.kind"), self.t("works.title"), self.t("ledger.cost")]
        return Table("costs", self.t("ledger.spent"), head, rows, (0.2, 0.3, 0.2, 0.3), self.t("none"))

    def structures(self) -> Table:
        """Return bridges and what comes down to them."""
        rows = []
        for one in self.known.structures:
            above = "; ".join(self._above(way) for way in one["cascades"])
            rows.append(
                [
                    _km(one["chainage_km"]),
                    _text(place_name(one["name"], self.lang), f"/structures#structure-{one['id']}"),
                    _text(self.term(f"structure_{one['kind']}")),
                    _text(above or self.t("structures.none_above")),
                    _text(one["note"] or "–"),
                ]
            )
        head = [
            self.t("col.km"),
            self.t("col.name"),
            self.t("col.kind"),
            self.t("structures.above"),
            self.t("col.note"),
        ]
        return Table(
            "structures", self.t("structures.title"), head, rows, (0.1, 0.22, 0.12, 0.32, 0.24), self.t("none")
        )

    def looks(self) -> Table:
        """Return per segment and detector when it was last seen."""
        at = {one.id: one for one in self.known.segments}
        rows = [
            [
                self._segment(at[look["segment_id"]]),
                _text(self.term(look["kind"])),
                Value(look["last_good_look"], str(look["last_good_look"] or self.t("never")), kind="d"),
                Value(look["last_look"], str(look["last_look"]), kind="d"),
                _number(100 * look["share"], 0, " %"),
            ]
            for look in self.known.looks
        ]
        head = [
            self.t("col.km"),
            self.t("road.detector"),
            self.t("col.last_look"),
            self.t("road.any_look"),
            self.t("road.share"),
        ]
        return Table("looks", self.t("road.looks"), head, rows, (0.15, 0.25, 0.22, 0.2, 0.18), self.t("road.never"))

    def reason(self, part: Mapping[str, Any]) -> str:
        """Return a reason in a few words of the reader's language, with the record's own name."""
        source, number = part["source"], str(part["id"])
        if source == "change" and number.isdigit():
            return self.t("change.title", id=number)
        if source == "deformation" and number.isdigit():
            return f"{self.term(source)} {number}"
        if source == "visibility" or not number:
            return self.term(source)
        return f"{self.term(source)} {self.isolated(_short(str(part['label']), 60))}"

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


def linked(table: Table, link: Callable[[str], str | None]) -> Table:
    """Return a table whose links are made absolute, or taken away where there is no address."""
    rows = [[replace(one, href=link(one.href)) if one.href else one for one in row] for row in table.rows]
    return replace(table, rows=rows)


def filled(tables: Sequence[Table]) -> Iterator[Table]:
    """Yield the tables that have rows."""
    yield from (table for table in tables if table.rows)


def _km(value: float | None) -> Value:
    return Value(
        value, "–" if value is None else f"{value:.1f}", None if value is None else f"/segments/{value:.3f}", "n"
    )


def _number(value: Any, digits: int = 0, unit: str = "", *, plain: bool = False) -> Value:
    number = None if value is None else float(value)
    words = "–" if number is None else f"{number:.0f}" if plain else f"{number:,.{digits}f}".replace("-", "−")
    return Value(
        None if number is None else round(number, max(digits, 1)),
        words + (unit if number is not None else ""),
        kind="n",
    )


def _money(cost: Any, currency: str | None) -> Value:
    return Value(
        None if cost is None else float(cost), "–" if cost is None else f"{float(cost):,.0f} {currency}", kind="n"
    )


def _text(words: str, href: str | None = None) -> Value:
    return Value(words, words, href, "auto")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _day(day: Any, precision: str) -> str:
    return f"{day:%Y-%m-%d %H:%M}"[: {"year": 4, "month": 7, "day": 10}.get(precision, 16)]
