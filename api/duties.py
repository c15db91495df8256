"""What waits for whom, and where each one's work is: what the first page shows of it depends on the role alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.security import Identity


@dataclass(frozen=True)
class Duty:
    """Something that waits for a person."""

    name: str
    """Of its words, and of the count in the overview or the surroundings."""
    href: str
    role: str
    """The least that may do it."""


DUTIES = (
    Duty("alerts_unacknowledged", "/alerts?state=untaken", "reviewer"),
    Duty("changes_to_review", "/changes?status=candidate", "reviewer"),
    Duty("observations_to_review", "/review", "reviewer"),
    Duty("deliveries_failed", "/deliveries?status=dead", "reviewer"),
    Duty("observations_asked", "/observations?status=asked", "field"),
    Duty("sources_silent", "/jobs", "reviewer"),
    Duty("jobs_failed", "/jobs", "reviewer"),
)
WORK = {
    "public": (("/maps/corridor", "nav.map"), ("/segments", "segments.title"), ("/closures?going_on=true", "home.closures"),
               ("/alerts/feed.atom", "alert.feed")),
    "field": (("/observations/new", "home.write"), ("/observations?status=asked", "home.asked"), ("/phones", "phones.title")),
    "reviewer": (("/review", "home.review"), ("/changes?status=candidate", "home.judge"), ("/alerts", "nav.alerts"),
                 ("/alerts/reliability", "reliability.title")),
    "engineer": (("/segments", "segments.title"), ("/closures", "closures.title"), ("/works", "works.title"),
                 ("/structures", "structures.title"), ("/displacement/areas", "nav.displacement")),
    "admin": (("/subscriptions", "subs.title"), ("/deliveries", "deliveries.title"), ("/jobs", "jobs.title"), ("/audit", "audit.title")),
}  # fmt: skip
"""Pages of each one's work, by the least role that does it."""


def waiting(identity: Identity, counts: dict[str, int]) -> tuple[list[tuple[Duty, int]], list[tuple[Duty, int]]]:
    """Return what waits for somebody, and what waits for others, each with how many there are."""
    told = [(duty, counts[duty.name]) for duty in DUTIES if counts[duty.name]]
    mine = [one for one in told if identity.may(one[0].role)]
    return mine, [one for one in told if one not in mine]


def work(identity: Identity) -> list[tuple[str, Sequence[tuple[str, str]]]]:
    """Return the pages of somebody's work, what the role itself is for first."""
    return [(role, pages) for role, pages in reversed(WORK.items()) if identity.may(role)]
