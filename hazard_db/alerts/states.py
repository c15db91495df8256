"""The states of an alert and the only ways between them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hazard_db.errors import ConflictError

State = Literal["candidate", "open", "acknowledged", "escalated", "resolved", "false_alarm", "expired"]
Action = Literal[
    "promote", "acknowledge", "resurface", "escalate", "worsen", "clear", "resolve", "mark_false_alarm", "expire"
]
Certainty = Literal["Unknown", "Unlikely", "Possible", "Likely", "Observed"]
MessageType = Literal["Alert", "Update", "Cancel", "Ack"]

CERTAINTIES: tuple[Certainty, ...] = ("Unknown", "Unlikely", "Possible", "Likely", "Observed")
STATES: tuple[State, ...] = ("candidate", "open", "acknowledged", "escalated", "resolved", "false_alarm", "expired")
LIVE: frozenset[State] = frozenset({"candidate", "open", "acknowledged", "escalated"})
CLOSED: frozenset[State] = frozenset(STATES) - LIVE


@dataclass(frozen=True)
class Step:
    """What an action does."""

    sources: frozenset[State]
    target: State
    message: MessageType
    """What those who were told of the alert are told now."""
    past: str
    """For a sentence: `is ... already`."""


STEPS: MappingProxyType[Action, Step] = MappingProxyType(
    {
        "promote": Step(frozenset({"candidate"}), "open", "Alert", "open"),
        "acknowledge": Step(frozenset({"open", "escalated"}), "acknowledged", "Ack", "acknowledged"),
        # who acknowledged it has not dealt with it in time: it is everybody's again
        "resurface": Step(frozenset({"acknowledged"}), "open", "Update", "open"),
        "escalate": Step(frozenset({"open", "acknowledged"}), "escalated", "Update", "escalated"),
        # what somebody has acknowledged has become worse than what they acknowledged
        "worsen": Step(frozenset({"acknowledged"}), "escalated", "Update", "escalated"),
        # enough acquisitions in a row show that it is over
        "clear": Step(LIVE, "resolved", "Cancel", "resolved"),
        "resolve": Step(frozenset({"open", "acknowledged", "escalated"}), "resolved", "Cancel", "resolved"),
        "mark_false_alarm": Step(LIVE, "false_alarm", "Cancel", "a false alarm"),
        "expire": Step(LIVE, "expired", "Cancel", "expired"),
    }
)


def step(state: State, action: Action) -> State:
    """Return the state that an action leads to.

    Raises
    ------
    ConflictError
        The action is not possible in that state.
    """
    if state not in STEPS[action].sources:
        raise ConflictError(f"an alert that is {state} cannot be changed by {action}")
    return STEPS[action].target


def possible(state: State) -> tuple[Action, ...]:
    """Return what can be done with an alert in that state."""
    return tuple(action for action, way in STEPS.items() if state in way.sources)
