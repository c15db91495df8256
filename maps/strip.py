"""A stretch of road as a strip map: kilometre along x, one lane a question; the same on a screen and on paper.

What is worse is taller and darker, and each look has a pattern of its own, so that it reads in black and white and for every eye.
What is not known or was not seen is dotted, in no lane drawn like something safe.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hazard_db.placenames import place_name
from hazard_db.stretch import Row, Stretch
from maps.layers import Telling
from maps.style import COUNTED, GRADES, INK, LOOK_EXPIRES_DAYS, SEEN, SOFT, WHITE, WORKS, rate_colour

MOST_HAZARDS, MOST_CLOSURES = 6, 4
MOST_WORDS = 26
"""Cells of a lane that still hold a word each."""


@dataclass(frozen=True)
class Look:
    """How a cell looks."""

    fill: str
    hatch: str | None = None
    """None, sparse, dense, cross, dots."""
    share: float = 1.0
    """Of the lane's height."""
    dark: bool = False
    """Words on it are white."""
    dashed: bool = False


LOOKS: Mapping[str, Look] = {
    "low": Look(GRADES["low"].color, None, 0.34),
    "intermediate": Look(GRADES["intermediate"].color, "sparse", 0.56),
    "high": Look(GRADES["high"].color, "dense", 0.78),
    "very high": Look(GRADES["very high"].color, None, 1.0, dark=True),
    "unknown": Look(WHITE, "dots", 1.0, dashed=True),
    "none": Look(WHITE, None, 0.12),
    "seen": Look(SEEN),
    "seen long ago": Look(WHITE, "sparse"),
    "not seen": Look(WHITE, "dots", dashed=True),
    "count": Look(COUNTED, None, 1.0, dark=True),
    "closed": Look(SOFT, "cross", dark=False),
    "closed still": Look(INK, None, dark=True),
    "work": Look(WORKS, "sparse", 0.5),
}


@dataclass(frozen=True)
class Cell:
    """A piece of a lane."""

    km_from: float
    km_to: float
    look: Look
    share: float | None = None
    """Of the height, where it is not the look's."""
    words: str = ""
    told: str = ""
    href: str | None = None


@dataclass(frozen=True)
class Mark:
    """A record at a kilometre."""

    km: float
    symbol: str
    told: str
    href: str | None = None


@dataclass(frozen=True)
class Lane:
    """One line of the strip."""

    name: str
    title: str
    cells: Sequence[Cell] = ()
    marks: Sequence[Mark] = ()
    note: str = ""
    """Said in the lane where it is empty."""


@dataclass(frozen=True)
class Strip:
    """The whole of it."""

    km_from: float
    km_to: float
    title: str
    lanes: Sequence[Lane]
    places: Sequence[tuple[float, str]]
    legend: Sequence[tuple[Look, str]]

    @property
    def posts(self) -> list[float]:
        """Return the kilometres that are written: about ten."""
        step = next(one for one in (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if (self.km_to - self.km_from) / one <= 11)
        first = math.ceil(self.km_from / step - 1e-9)
        return [round(number * step, 6) for number in range(first, math.floor(self.km_to / step + 1e-9) + 1)]


def build(
    known: Stretch, tell: Telling, before: Mapping[tuple[int, str], Row] | None = None, before_day: date | None = None
) -> Strip:
    """Return the strip of a stretch.

    Parameters
    ----------
    before
        Ratings of an earlier day, to stand above those of now.
    """
    asked = known.asked
    today = asked.on or tell.today
    name = (
        tell.words("strip.risk")
        if asked.hazard is None
        else tell.words("strip.risk_of", hazard=tell.term(asked.hazard))
    )
    lanes = [*_hazards(known, tell)]
    if before is not None and before_day is not None:
        lanes.append(_risk(known, before, tell, tell.words("strip.risk_on", day=before_day)))
    lanes += [
        _risk(known, known.ratings, tell, name if asked.on is None else tell.words("strip.risk_on", day=asked.on)),
        _deformation(known, tell), _observations(known, tell), _records(known, tell),
        *_closures(known, tell), *_visibility(known, tell, today),
    ]  # fmt: skip
    segments = known.segments
    title = tell.words("strip.title", a=f"{asked.km_from:g}", b=f"{asked.km_to:g}")
    low, high = max(asked.km_from, segments[0].km_from), min(asked.km_to, segments[-1].km_to)
    places = [(km, place_name(place, tell.lang)) for km, place in known.places]
    return Strip(low, high, title, [_cut(lane, low, high) for lane in lanes], places, legend(tell))


def legend(tell: Telling) -> list[tuple[Look, str]]:
    """Return what the looks mean."""
    grades = [(LOOKS[name], tell.term(name)) for name in ("very high", "high", "intermediate", "low")]
    return [*grades, (LOOKS["unknown"], tell.words("strip.key.unknown")), (LOOKS["none"], tell.words("strip.key.none")),
            (LOOKS["seen"], tell.words("strip.key.seen", days=LOOK_EXPIRES_DAYS)),
            (LOOKS["seen long ago"], tell.words("strip.key.long_ago", days=LOOK_EXPIRES_DAYS)),
            (LOOKS["not seen"], tell.words("strip.key.not_seen")), (LOOKS["closed"], tell.words("strip.key.closed")),
            (LOOKS["closed still"], tell.words("strip.key.closed_still")), (LOOKS["work"], tell.words("strip.key.work"))]  # fmt: skip


def _cut(lane: Lane, low: float, high: float) -> Lane:
    """Return a lane without what lies beyond the ends."""
    cells = [Cell(max(one.km_from, low), min(one.km_to, high), one.look, one.share, one.words, one.told, one.href)
             for one in lane.cells if one.km_to >= low and one.km_from <= high]  # fmt: skip
    return Lane(lane.name, lane.title, cells, [one for one in lane.marks if low <= one.km <= high], lane.note)


def _hazards(known: Stretch, tell: Telling) -> Iterator[Lane]:
    hazards = [known.asked.hazard] if known.asked.hazard else known.hazards[:MOST_HAZARDS]
    if not hazards:
        yield Lane("hazard", tell.words("strip.hazard"), note=tell.words("strip.no_hazard"))
    for hazard in hazards:
        cells = []
        for segment in known.segments:
            rating = known.ratings.get((segment.id, hazard))
            score = rating["score"] if rating else 0.0
            grade = rating["grade"] if rating and score else "none"
            told = tell.words("strip.nothing", km=_km(segment)) if grade == "none" else _told(segment, rating, tell)
            words = "?" if grade == "unknown" else f"{score:.0f}" if score else ""
            cells.append(Cell(segment.km_from, segment.km_to, LOOKS[grade], words=words, told=told))
        yield Lane("hazard", tell.words("strip.hazard_of", hazard=tell.term(hazard)), _worded(cells))


def _risk(known: Stretch, ratings: Mapping[tuple[int, str], Row], tell: Telling, title: str) -> Lane:
    cells = []
    for segment in known.segments:
        rating = ratings.get((segment.id, known.asked.hazard or "all"))
        look = LOOKS[rating["grade"] if rating else "unknown"]
        words = "?" if rating is None or rating["grade"] == "unknown" else f"{rating['score']:.0f}"
        href = tell.link(f"/segments/{segment.km_from:g}")
        cells.append(
            Cell(segment.km_from, segment.km_to, look, words=words, told=_told(segment, rating, tell), href=href)
        )
    return Lane("risk", title, _worded(cells))


def _deformation(known: Stretch, tell: Telling) -> Lane:
    cells = []
    for segment in known.segments:
        point = known.points.get(segment.id)
        if point is None:
            cells.append(
                Cell(
                    segment.km_from,
                    segment.km_to,
                    LOOKS["not seen"],
                    told=tell.words("strip.not_measured", km=_km(segment)),
                )
            )
            continue
        rate = point["fastest"]
        share = 0.3 + 0.7 * min(1.0, abs(rate or 0.0) / 40.0)
        told = tell.words("strip.measured", km=_km(segment), n=f"{point['n']:,}", rate=_rate(rate))
        look = Look(
            rate_colour(rate),
            "dense" if abs(rate or 0) >= 20 else "sparse" if abs(rate or 0) >= 10 else None,
            dark=abs(rate or 0) >= 40,
        )
        cells.append(Cell(segment.km_from, segment.km_to, look, share, _rate(rate), told))
    marks = [
        Mark(one["chainage_km"], "deformation" if one["status"] == "confirmed" else "deformation_new",
             f"{tell.term(one['motion'])} {_rate(one['velocity_mm_yr'])} mm/yr", tell.link(f"/displacement/areas/{one['id']}"))
        for one in known.areas if one["chainage_km"] is not None
    ]  # fmt: skip
    return Lane("deformation", tell.words("strip.deformation"), _worded(cells), marks)


def _observations(known: Stretch, tell: Telling) -> Lane:
    most = max(known.counts.values(), default=0)
    cells = [
        Cell(one.km_from, one.km_to, LOOKS["count"], 0.15 + 0.85 * count / most, f"{count:,}",
             tell.words("strip.observed", km=_km(one), n=f"{count:,}"), tell.link(f"/observations?km={one.km_from:g}-{one.km_to:g}&f=html"))
        for one in known.segments if (count := known.counts.get(one.id, 0))
    ]  # fmt: skip
    return Lane(
        "observations", tell.words("strip.observations"), _worded(cells), note=tell.words("strip.no_observations")
    )


def _records(known: Stretch, tell: Telling) -> Lane:
    marks = [
        Mark(one["chainage_km"], "site", f"{one['code']} {one['name']}", tell.link(f"/sites/{one['code']}"))
        for one in known.sites
    ]
    marks += [
        Mark(one["chainage_km"], "event", f"{one['occurred_on']} {one['name']}", tell.link(f"/events/{one['id']}"))
        for one in known.events
    ]
    marks += [
        Mark(one["chainage_km"], "change" if one["status"] == "confirmed" else "change_new",
             f"{tell.term(one['kind'])} {one['last_date']}, {one['area_m2']:,.0f} m²", tell.link(f"/changes/{one['id']}"))
        for one in known.changes
    ]  # fmt: skip
    marks += [
        Mark(one.chainage_km, "alert_grave" if one.severity in {"Severe", "Extreme"} else "alert",
             str(one.headline.get(tell.lang) or one.headline.get("en", "")), tell.link(f"/alerts/{one.id}"))
        for one in known.alerts if one.chainage_km is not None
    ]  # fmt: skip
    return Lane("records", tell.words("strip.records"), marks=marks, note=tell.words("strip.no_records"))


def _closures(known: Stretch, tell: Telling) -> Iterator[Lane]:
    """Yield lanes of closures, the newest in the first; what overlaps goes one lane down, works stand in the last."""
    lanes: list[list[Cell]] = [[]]
    for one in known.closures:
        still = one["opened_at"] is None and one["closed_precision"] == "minute"
        told = tell.words(
            "strip.closed",
            km=_range(one),
            a=f"{one['closed_at']:%Y-%m-%d}",
            b=_day(one["opened_at"]),
            cause=one["cause"],
        )
        first, look = one["chainage_from_km"], LOOKS["closed still" if still else "closed"]
        cell = Cell(first, max(one["chainage_to_km"], first + 0.05), look,
                    words=f"{one['closed_at']:%Y-%m}", told=told, href=tell.link(f"/closures/{one['id']}"))  # fmt: skip
        lane = next(
            (row for row in lanes if all(cell.km_to <= there.km_from or cell.km_from >= there.km_to for there in row)),
            None,
        )
        if lane is None and len(lanes) < MOST_CLOSURES:
            lanes.append(lane := [])
        if lane is not None:
            lane.append(cell)
    for number, row in enumerate(lanes):
        yield Lane(
            "closures", tell.words("strip.closures") if number == 0 else "", row, note=tell.words("strip.no_closures")
        )
    works = [
        Cell(one["chainage_from_km"], max(one["chainage_to_km"], one["chainage_from_km"] + 0.05), LOOKS["work"],
             told=f"{one['started_on']} {tell.term('work_' + one['kind'])}: {one['description']}", href=tell.link(f"/works/{one['id']}"))
        for one in known.works
    ]  # fmt: skip
    marks = [
        Mark(one["chainage_km"], "structure", f"{place_name(one['name'], tell.lang)}", tell.link(f"/structures#structure-{one['id']}"))
        for one in known.structures
    ]  # fmt: skip
    if works or marks:
        yield Lane("works", tell.words("strip.works"), works, marks)


def _visibility(known: Stretch, tell: Telling, today: date) -> Iterator[Lane]:
    looks = {(look["segment_id"], look["kind"]): look for look in known.looks}
    kinds = sorted({look["kind"] for look in known.looks})
    if not kinds:
        cells = [
            Cell(one.km_from, one.km_to, LOOKS["not seen"], told=tell.words("strip.never_seen", km=_km(one)))
            for one in known.segments
        ]
        yield Lane("visibility", tell.words("strip.visibility"), cells)
    for kind in kinds:
        cells = []
        for segment in known.segments:
            look = looks.get((segment.id, kind))
            good = look["last_good_look"] if look else None
            name = (
                "not seen"
                if good is None
                else "seen"
                if today - good <= timedelta(days=LOOK_EXPIRES_DAYS)
                else "seen long ago"
            )
            told = (
                tell.words("strip.never_seen", km=_km(segment))
                if good is None
                else tell.words("strip.seen", km=_km(segment), day=good)
            )
            why = _hidden(look, tell) if look else []
            if look and (good is None or look["last_look"] > good):
                seen = f"{100 * look['share']:.0f}"
                told += tell.words("strip.looked", day=look["last_look"], seen=seen, why=", ".join(why) or "–")
            words = f"{good:%m-%d}" if good else why[0].rsplit(" ", 2)[0] if why else ""
            cells.append(Cell(segment.km_from, segment.km_to, LOOKS[name], words=words, told=told))
        yield Lane("visibility", tell.words("strip.visibility_of", kind=tell.term(kind)), _worded(cells))
    yield from _radar(known, tell)


def _hidden(look: Row, tell: Telling) -> list[str]:
    """Return what hid the ground from the newest look, most first."""
    shares = sorted(look["hidden"].items(), key=lambda one: -one[1])
    return [f"{tell.term(f'hidden_{name}')} {100 * share:.0f} %" for name, share in shares if share >= 0.005]


def _radar(known: Stretch, tell: Telling) -> Iterator[Lane]:
    for name in sorted({view["set_name"] for view in known.views}):
        cells = []
        for view in known.views:
            if view["set_name"] == name:
                seen = view["seen_share"]
                told = tell.words("strip.radar", km=f"{view['km_from']:g}–{view['km_to']:g}", seen=f"{100 * seen:.0f}",
                                  layover=f"{100 * view['layover_share']:.0f}", shadow=f"{100 * view['shadow_share']:.0f}")  # fmt: skip
                look = LOOKS["seen" if seen >= 0.7 else "seen long ago" if seen >= 0.3 else "not seen"]
                cells.append(Cell(view["km_from"], view["km_to"], look, words=f"{100 * seen:.0f} %", told=told))
        yield Lane("visibility", tell.words("strip.radar_of", set=name), _worded(cells))


def _worded(cells: Sequence[Cell]) -> list[Cell]:
    """Return cells with their words as long as there is room for them."""
    if len(cells) <= MOST_WORDS:
        return list(cells)
    return [Cell(one.km_from, one.km_to, one.look, one.share, "", one.told, one.href) for one in cells]


def _told(segment: Any, rating: Row | None, tell: Telling) -> str:
    if rating is None:
        return tell.words("strip.not_rated", km=_km(segment))
    return tell.words("strip.rated", km=_km(segment), grade=tell.term(rating["grade"]), score=f"{rating['score']:.1f}",
                      confidence=f"{100 * rating['confidence']:.0f}")  # fmt: skip


def _km(segment: Any) -> str:
    return f"{segment.km_from:g}–{segment.km_to:g}"


def _range(one: Row) -> str:
    return f"{one['chainage_from_km']:g}–{one['chainage_to_km']:g}"


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:+.0f}".replace("-", "−")


def _day(moment: Any) -> str:
    return "?" if moment is None else f"{moment:%Y-%m-%d}"
