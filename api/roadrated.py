"""What the ratings of a stretch say and what was seen of it, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.reasons import hidden
from api.roadcells import Table, Value, number, text
from api.roadwords import Worded, evidence, reasons

GRADES = ("unknown", "low", "intermediate", "high", "very high")
MOST_REASONS = 3


class RatedTables(Worded):
    """Tables of ratings and of looks."""

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
                    self.segment(segment),
                    self.grade(rating["grade"]),
                    number(rating["score"], 1),
                    number(100 * rating["confidence"], 0, " %"),
                    text(why),
                ]
            )
        columns = {"col.km": 0.12, "col.grade": 0.13, "col.score": 0.09, "col.confidence": 0.12, "col.reason": 0.54}
        return self.table("ranking", "road.ranking", columns, rows, "road.no_ranking")

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
                    self.segment(one),
                    self.grade(rating["grade"] if rating else "unknown"),
                    number(rating["score"] if rating else None, 1),
                    number(100 * rating["confidence"] if rating else None, 0, " %"),
                    number(point["fastest"] if point else None, 1)
                    if point
                    else Value(None, self.t("road.not_measured")),
                    number(self.known.counts.get(one.id, 0)),
                    number(closed),
                    Value(seen, str(seen) if seen else self.t("road.not_seen"), kind="d"),
                    text(self.places(one.place)),
                ]
            )
        columns = {
            "col.km": 0.1,
            "col.grade": 0.12,
            "col.score": 0.07,
            "col.confidence": 0.1,
            "road.rate": 0.15,
            "observations.title": 0.11,
            "closures.title": 0.09,
            "col.last_look": 0.12,
            "col.place": 0.14,
        }
        return self.table("kilometres", "road.kilometres", columns, rows)

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
                    text(self.clauses(detail)),
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
        return self.table("contributions", "segment.why", columns, rows, "road.no_ranking")

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

    def looks(self) -> Table:
        """Return per segment and detector when it was last seen."""
        at = {one.id: one for one in self.known.segments}
        rows = [
            [
                self.segment(at[look["segment_id"]]),
                text(self.term(look["kind"])),
                Value(look["last_good_look"], str(look["last_good_look"] or self.t("never")), kind="d"),
                Value(look["last_look"], str(look["last_look"]), kind="d"),
                number(100 * look["share"], 0, " %"),
                text(hidden(look, self.lang)),
            ]
            for look in self.known.looks
        ]
        columns = {
            "col.km": 0.12,
            "road.detector": 0.15,
            "col.last_look": 0.15,
            "road.any_look": 0.14,
            "road.share": 0.12,
            "road.hidden": 0.32,
        }
        return self.table("looks", "road.looks", columns, rows, "road.never")
