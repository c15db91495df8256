"""What an alert is: its state and the ways between states, how sure it is, and how urgent.

The machine itself lies with the catalogue, which enforces it; here is what follows from evidence. Terms and their
meaning are those of [@CAP12].
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeVar

from hazard_db.alerts import ChangeFacts
from hazard_db.alerts.states import CLOSED, LIVE, STATES, STEPS, Action, MessageType, State, possible, step

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
    "highest",
    "next_action",
    "possible",
    "step",
]

Severity = Literal["Minor", "Moderate", "Severe", "Extreme"]
Certainty = Literal["Unknown", "Unlikely", "Possible", "Likely", "Observed"]
Urgency = Literal["Unknown", "Past", "Future", "Expected", "Immediate"]

Rank = TypeVar("Rank", bound=str)

SEVERITIES: tuple[Severity, ...] = ("Minor", "Moderate", "Severe", "Extreme")
CERTAINTIES: tuple[Certainty, ...] = ("Unknown", "Unlikely", "Possible", "Likely", "Observed")
URGENCIES: tuple[Urgency, ...] = ("Unknown", "Past", "Future", "Expected", "Immediate")


def certainty(change: ChangeFacts) -> Certainty:
    """Return how sure a change is by its evidence.

    Observed: a person has confirmed it. Likely: two detectors found it, or imagery of two dates shows it.
    Possible: one detector found it, once. The same scenes looked at twice are no further evidence.
    """
    if change.status == "confirmed":
        return "Observed"
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


def first_state(changes: Iterable[ChangeFacts], raise_after: int) -> State:
    """Return `open`, or `candidate` while too few dates of imagery show any of the changes and nobody has confirmed one."""
    enough = any(change.status == "confirmed" or len(change.seen_on) >= raise_after for change in changes)
    return "open" if enough else "candidate"


def next_action(state: State, *, wanted: State, before: str, now: str) -> Action | None:
    """Return what a new look at a live alert does to its state, None where it stays as it is.

    Parameters
    ----------
    state
        The alert's own.
    wanted
        What its changes would begin with today.
    before, now
        Its severity so far and today: what was acknowledged does not cover what has become worse.
    """
    if state == "candidate" and wanted == "open":
        return "promote"
    if state == "acknowledged" and highest(SEVERITIES, (before, now)) != before:
        return "worsen"
    return None
