"""What an alert says, made from the changes it speaks of; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from alerts import texts
from alerts.rules import AlertRule, Decision, evaluate
from alerts.states import (
    CERTAINTIES,
    SEVERITIES,
    STEPS,
    URGENCIES,
    certainty,
    first_state,
    highest,
    next_action,
)
from hazard_db.alerts import ChangeFacts, Draft, LiveAlert


@dataclass(frozen=True)
class StoredRule:
    """A rule in force."""

    id: int
    version: int
    rule: AlertRule


@dataclass(frozen=True)
class Finding:
    """A change that meets a rule."""

    change: ChangeFacts
    rule: StoredRule
    decision: Decision


@dataclass(frozen=True)
class Occasion:
    """When, by which run and in whose name alerts are drafted."""

    now: datetime
    run_id: int | None
    """None where a person's verdict is the reason."""
    sender: str


@dataclass(frozen=True)
class Words:
    """What an alert says, by language."""

    headline: dict[str, str]
    description: dict[str, str]


def best_rule(rules: Sequence[StoredRule], change: ChangeFacts) -> Finding | None:
    """Return the rule that takes the change most seriously, the first of equals; None where it meets none."""
    met = [Finding(change, rule, decision) for rule in rules if (decision := evaluate(rule.rule, change)) is not None]
    return max(met, key=lambda found: SEVERITIES.index(found.decision.severity), default=None)


def is_told(change: ChangeFacts, run_id: int | None, growth_share: float) -> bool:
    """Return whether an alert has spoken of the change so that it calls for no other one.

    A live alert has, and any alert that took note of this very run. One that was resolved has, unless the change has
    grown by `growth_share` since, or this run saw it move again. One that expired without anybody dealing with it has
    not, nor one that was a false alarm where the verdict on the change was taken back.
    """
    return any(
        link.is_live
        or (run_id is not None and run_id in link.runs)
        or (
            link.state == "resolved"
            and change.area_m2 < link.area_m2 * (1 + growth_share)
            and run_id not in change.reactivated_in
        )
        for link in change.links
    )


def new_alert(findings: Sequence[Finding], key: str, occasion: Occasion) -> Draft:
    """Return a new alert of changes that each meet a rule.

    Raises
    ------
    ValueError
        There are none.
    """
    if not findings:
        raise ValueError("an alert needs at least one change that meets a rule")
    leading = max(findings, key=lambda found: SEVERITIES.index(found.decision.severity))
    listed = [found.change for found in findings]
    words = _words(listed)
    state = first_state(listed, min(found.rule.rule.raise_after for found in findings))
    return Draft(
        alert_id=None,
        rule_id=leading.rule.id,
        group_key=key,
        kind=listed[0].kind,
        state=state,
        severity=highest(SEVERITIES, [found.decision.severity for found in findings]),
        certainty=highest(CERTAINTIES, [certainty(change) for change in listed]),
        urgency=highest(URGENCIES, [found.decision.urgency for found in findings]),
        headline=words.headline,
        description=words.description,
        evidence=_evidence(listed, findings, leading.rule, occasion, {}),
        expires_at=occasion.now + timedelta(days=max(found.rule.rule.expires_days for found in findings)),
        change_ids=tuple(change.id for change in listed),
        message="Alert" if state != "candidate" else None,
    )


def renewed_alert(
    alert: LiveAlert, listed: Sequence[ChangeFacts], rules: Sequence[StoredRule], occasion: Occasion, *, sighted: bool
) -> Draft:
    """Return a live alert as it stands with what is known today.

    Nobody is sent an update that tells nothing new: the same severity, certainty, urgency and size, and long enough to run.

    Parameters
    ----------
    listed
        The changes it speaks of now, false alarms left out.
    sighted
        Imagery showed one of them again, or one more.
    """
    findings = [found for change in listed if (found := best_rule(rules, change)) is not None]
    if findings:
        fresh = new_alert(findings, alert.group_key, occasion)
        days = max(found.rule.rule.expires_days for found in findings)
    else:  # the rules were tightened since: what was raised stays as serious as it was until a person closes it
        fresh, days = _as_before(alert, listed), 0.0
    approved = alert.evidence.get("approved", {})
    sure = highest(CERTAINTIES, [*(certainty(change) for change in listed), approved.get("certainty", "Unknown")])
    action = next_action(alert.state, wanted=fresh.state, before=alert.severity, now=fresh.severity)
    state = STEPS[action].target if action else alert.state
    half_run_out = alert.expires_at - occasion.now < timedelta(days=days) / 2
    more = set(fresh.change_ids) - set(alert.change_ids)
    words = _words(listed)
    told = (alert.severity, alert.certainty, alert.urgency, alert.state, dict(alert.headline))
    says = (fresh.severity, sure, fresh.urgency, state, words.headline)
    material = bool(more) or half_run_out or told != says
    return replace(
        fresh,
        alert_id=alert.id,
        state=state,
        certainty=sure,
        headline=words.headline,
        description=words.description,
        evidence=_evidence(listed, findings, None, occasion, alert.evidence),
        expires_at=max(alert.expires_at, fresh.expires_at) if material else alert.expires_at,
        change_ids=tuple(change.id for change in listed),
        seen_again=sighted,
        message=STEPS[action].message if action else (None if state == "candidate" else "Update"),
        notify=material,
    )


def story(listed: Sequence[ChangeFacts]) -> texts.Story:
    """Return what there is to say of changes together; sizes and their uncertainties add up, the worst case."""
    nearest = min(listed, key=lambda change: change.offset_m if change.offset_m is not None else float("inf"))
    low = [km for change in listed if (km := _first(change.chainage_from_km, change.chainage_km)) is not None]
    high = [km for change in listed if (km := _first(change.chainage_to_km, change.chainage_km)) is not None]
    return texts.Story(
        kind=nearest.kind,
        km_from=min(low, default=0.0),
        km_to=max(high, default=0.0),
        place=nearest.place,
        side=nearest.side,
        distance_m=nearest.offset_m or 0.0,
        road_is_approximate=any(change.road_is_infill for change in listed),
        alignment=nearest.alignment,
        area_m2=sum(change.area_m2 for change in listed),
        area_uncertainty_m2=sum(change.area_uncertainty_m2 for change in listed),
        changes=len(listed),
        first_date=min(change.first_date for change in listed),
        last_date=max(change.last_date for change in listed),
        confidence=max(change.confidence for change in listed),
        methods=tuple(sorted({method for change in listed for method in change.methods})),
        dates_seen=len({day for change in listed for day in change.seen_on}),
        confirmed=any(change.status == "confirmed" for change in listed),
        cause=_cause(listed),
    )


def _cause(listed: Sequence[ChangeFacts]) -> texts.Happening | None:
    """Return what has happened to the lake or glacier that changed most; None where the changes are the ground's own."""
    leading = max(listed, key=lambda change: change.area_m2)
    if leading.cause is None:
        return None
    return texts.Happening(**vars(leading.cause), area_m2=leading.area_m2, others=len(listed) - 1)


def _as_before(alert: LiveAlert, listed: Sequence[ChangeFacts]) -> Draft:
    return Draft(
        alert_id=alert.id, rule_id=int(alert.evidence["rule"]["id"]), group_key=alert.group_key, kind=alert.kind, state=alert.state,
        severity=alert.severity, certainty=alert.certainty, urgency=alert.urgency, headline=alert.headline, description={},
        evidence=alert.evidence, expires_at=alert.expires_at, change_ids=tuple(change.id for change in listed),
    )  # fmt: skip


def _words(listed: Sequence[ChangeFacts]) -> Words:
    told = story(listed)
    return Words(
        {language: texts.headline(told, language) for language in texts.LANGUAGES},
        {language: texts.description(told, language) for language in texts.LANGUAGES},
    )


def _evidence(
    listed: Sequence[ChangeFacts], findings: Sequence[Finding], rule: StoredRule | None, occasion: Occasion,
    earlier: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Return what the alert rests on, with what was noted before kept beside it."""
    told = story(listed)
    runs = [*earlier.get("runs", []), *([] if occasion.run_id is None else [occasion.run_id])]
    leading = {"id": rule.id, "name": rule.rule.name, "version": rule.version} if rule else earlier.get("rule")
    return {
        **earlier,
        "sender": earlier.get("sender", occasion.sender),
        "rule": leading,
        "runs": sorted(set(runs)),
        "changes": [change.id for change in listed],
        "areas": {**earlier.get("areas", {}), **{str(change.id): change.area_m2 for change in listed}},
        "reasons": {str(found.change.id): list(found.decision.reasons) for found in findings},
        "consequence": max(change.consequence for change in listed),
        "place": told.place,
        "alignment": told.alignment,
        "road_is_approximate": told.road_is_approximate,
        "distance_m": round(told.distance_m, 1),
        "side": told.side,
        "confidence": told.confidence,
        "area_m2": round(told.area_m2, 1),
        "area_uncertainty_m2": round(told.area_uncertainty_m2, 1),
        "first_date": told.first_date.isoformat(),
        "last_date": told.last_date.isoformat(),
        "methods": list(told.methods),
        **({"cause": vars(told.cause)} if told.cause else {}),
        "dates_seen": told.dates_seen,
    }


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
