"""What an alert is: its state and the ways between states, how sure it is, and how urgent.

The machine itself lies with the catalogue, which enforces it; here is what follows from evidence. Terms and their
meaning are those of [@CAP12].
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeVar

from hazard_db.alerts import Facts
from hazard_db.alerts.states import (
    CERTAINTIES,
    CLOSED,
    LIVE,
    STATES,
    STEPS,
    Action,
    Certainty,
    MessageType,
    State,
    possible,
    step,
)

__all__ = [
    "CERTAINTIES",
    "CLOSED",
    "LIVE",
    "SEVERITIES",
    "STATES",
    "STEPS",
    "URGENCIES",
    "Action",
    "Certainty",
    "MessageType",
    "Severity",
    "State",
    "Urgency",
    "certainty",
    "first_state",
    "flaps",
    "highest",
    "is_over",
    "is_raised",
    "next_action",
    "possible",
    "step",
]

Severity = Literal["Minor", "Moderate", "Severe", "Extreme"]
Urgency = Literal["Unknown", "Past", "Future", "Expected", "Immediate"]

Rank = TypeVar("Rank", bound=str)

SEVERITIES: tuple[Severity, ...] = ("Minor", "Moderate", "Severe", "Extreme")
URGENCIES: tuple[Urgency, ...] = ("Unknown", "Past", "Future", "Expected", "Immediate")


def certainty(change: Facts) -> Certainty:
    """Return how sure a change is by its evidence.

    Observed: a person has confirmed it. Likely: two detectors found it, or imagery of two dates shows it.
    Possible: one detector found it, once. The same scenes looked at twice are no further evidence.
    """
    if change.status == "confirmed":
        return "Observed"
    if change.is_finding and change.kind not in {"rain", "bulletin"}:
        return "Observed"  # an instrument measured it, or we know that we are blind
    if len(change.methods) >= 2 or len(change.seen_on) >= 2:
        return "Likely"
    return "Possible"


def highest(order: tuple[Rank, ...], values: Iterable[str]) -> Rank:
    """Return the highest of some values in an order from low to high.

    Raises
    ------
    ValueError
        There are none, or one is not in the order.
    """
    return order[max([str(one) for one in order].index(value) for value in values)]


def is_raised(change: Facts, raise_after: int) -> bool:
    """Return whether enough acquisitions in a row show a change, or a person has confirmed it."""
    if change.status == "confirmed":
        return True
    if change.streak is None:  # detectors of changes tell the dates that show one; nothing tells the dates that do not
        return len(change.seen_on) >= raise_after
    return change.streak.shows and change.streak.length >= raise_after


def is_over(change: Facts, clear_after: int, flap_turns: int) -> bool:
    """Return whether enough acquisitions in a row show that a change is over and it does not flap.

    What a person has confirmed, and what no acquisition can show to be over, ends only by a person.
    """
    told = change.streak
    return (
        clear_after > 0
        and change.status != "confirmed"
        and told is not None
        and not told.shows
        and told.length >= clear_after
        and not flaps(change, flap_turns)
    )


def flaps(change: Facts, flap_turns: int) -> bool:
    """Return whether what is said of a change went on and off too often in its last acquisitions to be told each time."""
    return change.streak is not None and change.streak.turns >= flap_turns


def first_state(changes: Iterable[Facts], raise_after: int) -> State:
    """Return `open`, or `candidate` while too few acquisitions show any of the changes and nobody has confirmed one."""
    return "open" if any(is_raised(change, raise_after) for change in changes) else "candidate"


def next_action(state: State, *, wanted: State, before: str, now: str, over: bool = False) -> Action | None:
    """Return what a new look at a live alert does to its state, None where it stays as it is.

    Parameters
    ----------
    state
        The alert's own.
    wanted
        What its changes would begin with today.
    before, now
        Its severity so far and today: what was acknowledged does not cover what has become worse.
    over
        Its looks show that all it speaks of is over.
    """
    if over:
        return "clear"
    if state == "candidate" and wanted == "open":
        return "promote"
    if state == "acknowledged" and highest(SEVERITIES, (before, now)) != before:
        return "worsen"
    return None
