"""What visitors may know of the reasons of a rating: of what nobody has checked, that it is there and what it weighs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.rated import told, told_change
from api.security import Identity
from hazard_db.risk import SegmentRisk
from hazard_db.risk_history import RatingChange, Reason

VISITOR, VIEWER = (Identity("x", role, "session") for role in ("public", "viewer"))
AT = datetime(2026, 5, 1, tzinfo=UTC)


def part(source: str, *, reviewed: bool) -> dict[str, Any]:
    return {
        "source": source, "id": "c-1", "label": "slide above the bridge", "points": 12.5, "detail": "candidate change of 900 m²",
        "date": "2026-04-30", "reviewed": reviewed, "hazard": 9.0, "exposure": 0.8, "vulnerability": 1.4, "confidence": 0.7,
        "state": "candidate", "size": 900.0, "kind": "landslide", "records": 1,
    }  # fmt: skip


def rating(*parts: dict[str, Any]) -> SegmentRisk:
    return SegmentRisk(7, 640.0, 641.0, None, "road", "all", 31.0, "high", 0.6, parts, AT, None, None, "7")


def change(*sources: tuple[str, bool]) -> RatingChange:
    reasons = tuple(
        Reason("new", source, "c-1", "slide above the bridge", 0.0, 12.5, "candidate change of 900 m²", "2026-04-30", reviewed)
        for source, reviewed in sources
    )  # fmt: skip
    return RatingChange(
        7, 640.0, 641.0, None, "all", 18.5, 31.0, "intermediate", "high", 0.6, 0.6, AT, AT, "7", "7", None, None, reasons
    )  # fmt: skip


@pytest.mark.parametrize("source", ["change", "deformation", "observation"])
def test_an_unreviewed_finding_weighs_but_tells_nothing(source: str) -> None:
    (shown,) = told(rating(part(source, reviewed=False)), VISITOR).contributions
    assert shown == {
        "source": source, "id": "", "label": "unreviewed finding", "points": 12.5, "detail": "to be checked by a person",
        "date": None, "reviewed": False, "records": 1,
    }  # fmt: skip
    (reason,) = told_change(change((source, False)), VISITOR).reasons
    assert reason == Reason(
        "new", source, "", "unreviewed finding", 0.0, 12.5, "to be checked by a person", None, reviewed=False
    )


def test_what_is_reviewed_or_of_public_sources_is_told_whole() -> None:
    whole = rating(part("change", reviewed=True), part("site", reviewed=False), part("closure", reviewed=False))
    assert told(whole, VISITOR) == whole
    changed = change(("change", True), ("site", False))
    assert told_change(changed, VISITOR) == changed


def test_who_works_here_is_told_all() -> None:
    whole = rating(part("change", reviewed=False))
    assert told(whole, VIEWER) == whole
    assert told_change(change(("change", False)), VIEWER) == change(("change", False))
