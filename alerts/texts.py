"""What alerts say to people, in English, Chinese and Urdu."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from hazard_db import wording
from hazard_db.placenames import place_name
from hazard_db.wording import isolated_runs

FOLDER = Path(__file__).parent / "locale"
CLOSED = frozenset({"resolved", "false_alarm", "expired"})
HEADLINE_LENGTH = 160
"""Characters of a headline, as CAP recommends for short-message receivers."""


@dataclass(frozen=True)
class Happening:
    """What has happened to a lake or glacier above the road."""

    event: str
    """growth, drained or surge."""
    name: str
    days: int
    advance_m: float | None
    way_known: bool
    flow_m: float | None
    """Down the valley to the road."""
    drop_m: float | None
    area_m2: float
    """Gained, lost, or covered."""
    others: int
    """More of them above the same place."""


@dataclass(frozen=True)
class Motion:
    """How ground moves whose rate has changed."""

    velocity_mm_yr: float | None
    """Along the line of sight; negative = away from the satellite."""
    velocity_std_mm_yr: float | None
    trend_change_mm_yr: float
    """Rate of the last months less the rate before."""
    onset: date | None
    """When it began to move otherwise, None where no day stands out."""


@dataclass(frozen=True)
class Trigger:
    """What rain, an earthquake, an instrument, another service or a silence says."""

    kind: str
    source: str
    measures: Mapping[str, float]
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Story:
    """What there is to say of the changes of one alert."""

    kind: str
    km_from: float
    km_to: float
    place: str | None
    side: str | None
    distance_m: float
    road_is_approximate: bool
    alignment: str | None
    area_m2: float
    """Of all changes together."""
    area_uncertainty_m2: float
    changes: int
    first_date: date
    last_date: date
    confidence: float
    methods: tuple[str, ...]
    dates_seen: int
    confirmed: bool
    """A person has confirmed at least one of the changes."""
    cause: Happening | None = None
    motion: Motion | None = None
    trigger: Trigger | None = None
    flood: bool = False
    """So many places in one look that the imagery itself is doubted."""


@cache
def words_of(language: str) -> dict[str, str]:
    """Return the words of a language by key."""
    return {key: words[language] for key, words in wording.read(FOLDER).items()}


def headline(story: Story, language: str) -> str:
    """Return one line of at most HEADLINE_LENGTH characters."""
    words, fields = words_of(language), _fields(story, language)
    if story.flood:
        return clip(words["headline_flood"].format(**fields))
    if story.cause is not None:
        return clip(words["headline_cause"].format(**fields, happened=happened(story.cause, language)))
    if story.trigger is not None:
        return clip(words["headline_trigger"].format(**fields, told=triggered(story.trigger, language)))
    if story.motion is not None:
        return clip(words["headline_motion"].format(**fields, **_moving(story.motion)))
    return clip(words["headline"].format(**fields))


def description(story: Story, language: str) -> str:
    """Return where, how large, when, and how sure, one line each."""
    words = words_of(language)
    fields = _fields(story, language)
    evidence = words["confirmed"] if story.confirmed else words["detected"]
    found, where = words["found"], words["where"]
    if story.cause is not None:
        fields |= _down(story.cause) | {"happened": happened(story.cause, language)}
        found = words["found_cause"] + (words["others"] if story.cause.others else "")
        if story.cause.flow_m is not None:
            where = words["where_flow"]
        elif not story.cause.way_known:
            where = words["where_unknown"]
    lines = [found, where, words["size"], words["when"], evidence]
    if story.trigger is not None:
        fields |= {"told": triggered(story.trigger, language), "source": one_line(story.trigger.source)}
        lines = [words["found_trigger"], words["where_road"], words["when"], words["how_sure_trigger"]]
    elif story.motion is not None:
        fields |= _moving(story.motion)
        onset = [words["onset"]] if story.motion.onset else []
        rate = [words["rate"]] if story.motion.velocity_mm_yr is not None else []
        sure = words["confirmed_motion" if story.confirmed else "detected_motion"]
        lines = [found, where, *rate, words["rate_change"], *onset, words["size"], sure]
    if story.flood:
        lines.insert(0, words["flood"])
    if story.road_is_approximate:
        lines.insert(2, words["approximate"])
    return "\n".join(line.format(**fields) for line in lines)


def happened(cause: Happening, language: str) -> str:
    """Return in a few words what has happened to a lake or glacier."""
    return words_of(language)[cause.event].format(
        name=clip(one_line(cause.name), 60),
        area=f"{cause.area_m2 / 1e6:.2f}",
        days=cause.days,
        advance=f"{cause.advance_m or 0:,.0f}",
    )


def triggered(trigger: Trigger, language: str) -> str:
    """Return in a few words what a trigger measured; what it did not measure is left out."""
    known = {**{name: clip(one_line(text), 60) for name, text in trigger.labels.items()}, **trigger.measures}
    words = words_of(language)
    parts = [words[key] for key in words if key.startswith(f"told.{trigger.kind}.")]
    told = [part for part in parts if FIELD.findall(part) and set(FIELD.findall(part)) <= set(known)]
    return words["comma"].join(part.format(**known) for part in told)


def _moving(motion: Motion) -> dict[str, str]:
    return {
        "velocity": f"{motion.velocity_mm_yr or 0:+.0f}",
        "velocity_std": f"{motion.velocity_std_mm_yr or 0:.0f}",
        "trend": f"{motion.trend_change_mm_yr:+.0f}",
        "onset": motion.onset.isoformat() if motion.onset else "",
    }


def _down(cause: Happening) -> dict[str, str]:
    return {
        "flow": f"{(cause.flow_m or 0) / 1000:,.1f}",
        "drop": f"{cause.drop_m or 0:,.0f}",
        "others": str(cause.others),
    }


def area_description(km_from: float | None, km_to: float | None, place: str | None, language: str) -> str:
    """Return the stretch of road and the place nearest to it."""
    words = words_of(language)
    if km_from is None or km_to is None:
        return isolated_runs(one_line(place_name(place, language)), language) if place else words["road"]
    text = words["road"] + words["comma"] + _stretch(km_from, km_to, language)
    text += words["near"].format(place=one_line(place_name(place, language))) if place else ""
    return isolated_runs(text, language)


def event_name(kind: str, language: str) -> str:
    """Return the name of a hazard."""
    words = words_of(language)
    return words.get(f"kind.{kind}", words["kind.other"])


def advice(state: str, scope: str, language: str) -> str:
    """Return what to do, and what not to rely on."""
    if state in CLOSED:
        return words_of(language)[state]
    return words_of(language)["reviewed" if scope == "Public" else "unreviewed"]


def message_headline(headlines: Mapping[str, str], state: str, scope: str, language: str) -> str:
    """Return an alert's headline with what has become of it in front."""
    words = words_of(language)
    mark = words.get(f"{state}_mark", "") if state in CLOSED else ""
    if scope != "Public" and state not in CLOSED:
        mark = words.get(f"{state}_mark", "") + words["unreviewed_mark"]
    text = headlines.get(language) or headlines.get("en") or words_of(language)["road"]
    told = one_line(f"{mark}{text}")
    marks = len(isolated_runs(told, language)) - len(told)
    return isolated_runs(clip(told, HEADLINE_LENGTH - marks), language)


def message_description(descriptions: Mapping[str, str], language: str) -> str:
    """Return what an alert says in a language, else in English, as a text of several lines that reads right everywhere."""
    told = plain(descriptions.get(language) or descriptions.get("en", ""))
    return "\n".join(isolated_runs(line, language) for line in told.splitlines())


def clip(text: str, length: int = HEADLINE_LENGTH) -> str:
    """Return a text of at most `length` characters; what is cut off shows."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def one_line(text: str) -> str:
    """Return a text without line breaks, control characters and characters that turn the direction of others."""
    kept = "".join(" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in text)
    return re.sub(r"\s+", " ", "".join(char for char in kept if char not in DIRECTION and _is_text(char))).strip()


def plain(text: str) -> str:
    """Return a text of several lines without control characters, as XML and e-mail can hold it."""
    return "\n".join(one_line(line) for line in text.splitlines())


DIRECTION = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

FIELD = re.compile(r"\{(\w+)")


def _fields(story: Story, language: str) -> dict[str, str]:
    words = words_of(language)
    return {
        "event": event_name(story.kind, language),
        "stretch": _stretch(story.km_from, story.km_to, language),
        "near": words["near"].format(place=clip(one_line(place_name(story.place, language)), 40))
        if story.place
        else "",
        "place": clip(one_line(place_name(story.place, language)), 40) + words["comma"] if story.place else "",
        "side": words[story.side] if story.side in {"left", "right", "on"} else words["road"],
        "distance": f"{story.distance_m:,.0f}",
        "alignment": one_line(story.alignment or "-"),
        "area": f"{story.area_m2:,.0f}",
        "uncertainty": f"{story.area_uncertainty_m2:,.0f}",
        "changes": str(story.changes),
        "first": story.first_date.isoformat(),
        "last": story.last_date.isoformat(),
        "confidence": f"{story.confidence:.2f}",
        "methods": ", ".join(one_line(method) for method in story.methods),
        "dates": str(story.dates_seen),
    }


def _stretch(km_from: float, km_to: float, language: str) -> str:
    low, high = f"{km_from:.1f}", f"{km_to:.1f}"
    return words_of(language)["km" if low == high else "km_range"].format(low=low, high=high)


def _is_text(char: str) -> bool:
    """Return whether XML 1.0 can hold the character."""
    code = ord(char)
    return not (0xD800 <= code <= 0xDFFF or code in {0xFFFE, 0xFFFF} or code < 0x20)
