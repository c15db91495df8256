"""What people send with a verdict: the same from a form and as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.bodies import Body


class Verdict(Body):
    """A person's word on a record."""

    note: str = Field(default="", max_length=2000, description="Why; kept with the record.")


class ChangeVerdict(Verdict):
    """On a change."""

    verdict: Literal["confirmed", "false_alarm", "candidate"]
    expected: Literal["confirmed", "false_alarm", "candidate"] | None = Field(
        default=None, description="The status you saw; refused with 409 where it is another by now."
    )


class ObservationVerdict(Verdict):
    """On an observation."""

    verdict: Literal["accepted", "rejected", "submitted", "asked"]
    revision: int | None = Field(
        default=None, ge=1, description="The revision you saw; refused with 409 where it is another."
    )


class AlertAction(Verdict):
    """On an alert."""
