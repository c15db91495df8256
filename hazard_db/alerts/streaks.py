"""What many looks at one thing say together: the clock is the acquisition, and neither order nor repetition of looks counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Look:
    """Whether an acquisition that could see a place showed something there."""

    acquired_at: datetime
    shows: bool
    told_at: datetime = FIRST
    """When it was processed: of one acquisition processed twice the later word counts."""


@dataclass(frozen=True)
class Streak:
    """The newest acquisitions that say the same."""

    shows: bool
    length: int
    since: datetime
    """Of the first acquisition in the streak."""
    until: datetime
    """Of the newest."""
    turns: int
    """How often what was said changed within the last acquisitions: many turns are a source that flaps."""


def streak(looks: Iterable[Look], *, window: int = 10) -> Streak | None:
    """Return the streak of looks in the order of their acquisition; None where nobody looked.

    Parameters
    ----------
    looks
        In any order, repeated or not: late, reprocessed and duplicate acquisitions give the same answer.
    window
        Newest acquisitions within which turns are counted.
    """
    settled: dict[datetime, Look] = {}
    for look in looks:
        other = settled.get(look.acquired_at)
        if other is None or (look.told_at, look.shows) > (other.told_at, other.shows):
            settled[look.acquired_at] = look
    if not settled:
        return None
    ordered = [settled[moment] for moment in sorted(settled)]
    newest = ordered[-1]
    length = next((n for n, look in enumerate(reversed(ordered)) if look.shows != newest.shows), len(ordered))
    recent = ordered[-window:]
    turns = sum(one.shows != other.shows for one, other in pairwise(recent))
    return Streak(newest.shows, length, ordered[-length].acquired_at, newest.acquired_at, turns)
