"""What a visitor may know of the reasons of a rating: of an unreviewed finding only that there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.security import Identity
from hazard_db.risk import SegmentRisk
from hazard_db.risk_history import RatingChange, Reason

_UNREVIEWED = {"change", "deformation", "observation"}
_HIDDEN: dict[str, str | None] = {
    "id": "",
    "label": "unreviewed finding",
    "detail": "to be checked by a person",
    "date": None,
}
_FACTORS = ("hazard", "exposure", "vulnerability", "confidence", "state", "size", "kind")


def told(rating: SegmentRisk, identity: Identity) -> SegmentRisk:
    """Return the rating with what this visitor may know of its reasons."""
    return replace(rating, contributions=told_parts(rating.contributions, inside=identity.sees_unreviewed))


def told_parts(parts: Sequence[Mapping[str, Any]], *, inside: bool) -> tuple[Mapping[str, Any], ...]:
    """Return reasons as far as they may be known; inside all is."""
    if inside:
        return tuple(parts)
    return tuple(
        {key: value for key, value in part.items() if key not in _FACTORS} | _HIDDEN if _hidden(part) else part
        for part in parts
    )


def told_change(change: RatingChange, identity: Identity) -> RatingChange:
    """Return the change with what this visitor may know of its reasons."""
    if identity.sees_unreviewed:
        return change
    reasons = tuple(_veiled(one) if _hidden(vars(one)) else one for one in change.reasons)
    return replace(change, reasons=reasons)


def _veiled(reason: Reason) -> Reason:
    return replace(reason, id="", label=_HIDDEN["label"] or "", detail=_HIDDEN["detail"] or "", date=None)


def _hidden(part: Mapping[str, Any]) -> bool:
    return part["source"] in _UNREVIEWED and not part["reviewed"]
