"""What an alert says, made from the changes it speaks of; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from alerts import texts
from alerts.rules import AlertRule, Decision, evaluate, misses, severity
from alerts.states import (
    CERTAINTIES,
    SEVERITIES,
    STEPS,
    URGENCIES,
    Action,
    MessageType,
    State,
    certainty,
    first_state,
    flaps,
    highest,
    is_over,
    next_action,
)
from hazard_db.alerts import AlertLink, Draft, Facts, LiveAlert
from hazard_db.alerts.findings import MEASURES
from hazard_db.wording import LANGUAGES

NO_RULE = {
    "name": "none", "kinds": ["other"], "min_confidence": 1, "max_distance_m": 0,
    "severity": [{"from_value": 0, "by_consequence": ["Minor"] * 4}],
}  # fmt: skip
"""Of what no rule speaks of any more: only a person ends it."""


@dataclass(frozen=True)
class StoredRule:
    """A rule in force."""

    id: int
    version: int
    rule: AlertRule


@dataclass(frozen=True)
class Match:
    """A change that meets a rule."""

    change: Facts
    rule: StoredRule
    decision: Decision


@dataclass(frozen=True)
class Occasion:
    """When, by which run and in whose name alerts are drafted."""

    now: datetime
    run_id: int | None
    """None where a person's verdict or a trigger is the reason."""
    sender: str
    exercise: bool = False
    """The catalogue holds simulated data: what is raised now says that it is an exercise."""


@dataclass(frozen=True)
class Words:
    """What an alert says, by language."""

    headline: dict[str, str]
    description: dict[str, str]


def best_rule(rules: Sequence[StoredRule], change: Facts) -> Match | None:
    """Return the rule that takes the change most seriously, the first of equals; None where it meets none."""
    met = [stored for stored in rules if change.kind in stored.rule.kinds and not misses(stored.rule, change)]
    best = max(met, key=lambda stored: SEVERITIES.index(severity(stored.rule, change)), default=None)
    decision = None if best is None else evaluate(best.rule, change)
    return None if best is None or decision is None else Match(change, best, decision)


def is_told(change: Facts, run_id: int | None, growth_share: float) -> bool:
    """Return whether an alert has spoken of the change so that it calls for no other one.

    A live alert has, and any alert that took note of this very run. One that was resolved has, unless the change has
    grown by `growth_share` since, or this run saw it move again; what acquisitions can show to be over is told again once they
    showed it over after that alert's end, and then there once more. One that expired without anybody dealing with it has
    not, nor one that was a false alarm where the verdict on the change was taken back.
    """
    if change.streak is not None and change.is_finding:
        return not change.streak.shows or any(link.is_live or _ended_within(change, link) for link in change.links)
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


def _ended_within(change: Facts, link: AlertLink) -> bool:
    """Return whether an alert ended while what it told of went on as it still does, or knew of all that has been seen since."""
    if change.streak is None or link.closed_at is None:
        return False
    if link.state == "expired":
        return change.streak.until <= link.closed_at
    return change.streak.since <= link.closed_at


def new_alert(findings: Sequence[Match], key: str, occasion: Occasion, *, flood: bool = False) -> Draft:
    """Return a new alert of changes that each meet a rule.

    Parameters
    ----------
    flood
        They are all that one run found at so many places that the imagery itself is doubted.

    Raises
    ------
    ValueError
        There are none.
    """
    if not findings:
        raise ValueError("an alert needs at least one change that meets a rule")
    leading = max(findings, key=lambda found: SEVERITIES.index(found.decision.severity))
    listed = [found.change for found in findings]
    words = _words(listed, flood, exercise=occasion.exercise)
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
        evidence=_evidence(listed, findings, leading.rule, occasion, {"flood": True} if flood else {})
        | ({"status": "Exercise"} if occasion.exercise else {}),
        expires_at=occasion.now + timedelta(days=max(found.rule.rule.expires_days for found in findings)),
        change_ids=_changes(listed),
        finding_ids=_findings(listed),
        message="Alert" if state != "candidate" else None,
    )


def renewed_alert(
    alert: LiveAlert, listed: Sequence[Facts], rules: Sequence[StoredRule], occasion: Occasion, *, sighted: bool
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
    flood = bool(alert.evidence.get("flood"))
    occasion = replace(occasion, exercise=alert.evidence.get("status") == "Exercise")
    findings = [found for change in listed if (found := best_rule(rules, change)) is not None]
    if findings:
        fresh = new_alert(findings, alert.group_key, occasion, flood=flood)
        days = max(found.rule.rule.expires_days for found in findings)
    else:  # the rules were tightened since: what was raised stays as serious as it was until a person closes it
        fresh, days = _as_before(alert, listed), 0.0
    approved = alert.evidence.get("approved", {})
    sure = highest(CERTAINTIES, [*(certainty(change) for change in listed), approved.get("certainty", "Unknown")])
    action = next_action(
        alert.state, wanted=fresh.state, before=alert.severity, now=fresh.severity, over=_over(listed, rules, alert)
    )
    flapping = any(flaps(change, _rule_of(change, rules, alert).flap_turns) for change in listed)
    state = STEPS[action].target if action else alert.state
    half_run_out = alert.expires_at - occasion.now < timedelta(days=days) / 2
    more = {change.key for change in listed} - alert.keys
    words = _words(listed, flood, exercise=occasion.exercise)
    told = (alert.severity, alert.certainty, alert.urgency, alert.state, dict(alert.headline))
    says = (fresh.severity, sure, fresh.urgency, state, words.headline)
    material = bool(more) or half_run_out or told != says
    if flapping and alert.evidence.get("flapping") and action is None:
        material = False  # who was told that it flaps is not told each time
    return replace(
        fresh,
        alert_id=alert.id,
        state=state,
        certainty=sure,
        headline=words.headline,
        description=words.description,
        evidence=_evidence(listed, findings, None, occasion, alert.evidence)
        | {"flapping": flapping, **({"over_since": _over_since(listed).isoformat()} if action == "clear" else {})},
        expires_at=max(alert.expires_at, fresh.expires_at) if material else alert.expires_at,
        change_ids=_changes(listed),
        finding_ids=_findings(listed),
        seen_again=sighted,
        message=_message(alert, action, state),
        notify=material,
        note=_recovered(alert, listed) if action == "clear" else None,
    )


def _message(alert: LiveAlert, action: Action | None, state: State) -> MessageType | None:
    """Return what those who were told of an alert are told now; of a candidate nobody was."""
    if action is not None:
        return None if alert.state == "candidate" and action == "clear" else STEPS[action].message
    return None if state == "candidate" else "Update"


def _over(listed: Sequence[Facts], rules: Sequence[StoredRule], alert: LiveAlert) -> bool:
    chosen = [(change, _rule_of(change, rules, alert)) for change in listed]
    return all(is_over(change, rule.clear_after, rule.flap_turns) for change, rule in chosen)


def _rule_of(change: Facts, rules: Sequence[StoredRule], alert: LiveAlert) -> AlertRule:
    """Return the rule that watches over a change of an alert: the one that raised it, else the first for its kind."""
    raised_by = (alert.evidence.get("rule") or {}).get("id")
    named = [stored.rule for stored in rules if stored.id == raised_by]
    fitting = [rule for rule in [*named, *(stored.rule for stored in rules)] if change.kind in rule.kinds]
    return fitting[0] if fitting else AlertRule.model_validate(NO_RULE)


def _recovered(alert: LiveAlert, listed: Sequence[Facts]) -> str:
    """Return how long it lasted, from the first acquisition that showed it to the first that showed it over."""
    began = min((look.acquired_at for change in listed for look in change.looks if look.shows), default=alert.raised_at)
    ended = _over_since(listed)
    hours = 0.0 if began is None else (ended - began).total_seconds() / 3600
    return f"over since {ended:%Y-%m-%d %H:%M} UTC; it lasted {duration(hours)}"


def _over_since(listed: Sequence[Facts]) -> datetime:
    """Return when the first acquisition showed that all of it was over."""
    return max(change.streak.since for change in listed if change.streak is not None)


def duration(hours: float) -> str:
    """Return a time span in the unit that suits it."""
    return f"{hours:.1f} hours" if hours < 72 else f"{hours / 24:.0f} days"


def _changes(listed: Sequence[Facts]) -> tuple[int, ...]:
    return tuple(change.id for change in listed if not change.is_finding)


def _findings(listed: Sequence[Facts]) -> tuple[int, ...]:
    return tuple(change.id for change in listed if change.is_finding)


def story(listed: Sequence[Facts], flood: bool = False) -> texts.Story:
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
        motion=_motion(listed),
        trigger=_trigger(listed),
        flood=flood,
    )


def _motion(listed: Sequence[Facts]) -> texts.Motion | None:
    """Return how the ground of the area moves whose rate has changed most; None where none has."""
    moving = [change for change in listed if change.trend_change_mm_yr is not None]
    if not moving:
        return None
    leading = max(moving, key=lambda change: abs(change.trend_change_mm_yr or 0.0))
    onset = leading.labels.get("onset_date")
    return texts.Motion(
        velocity_mm_yr=leading.measures.get("velocity_mm_yr"),
        velocity_std_mm_yr=leading.measures.get("velocity_std_mm_yr"),
        trend_change_mm_yr=leading.trend_change_mm_yr or 0.0,
        onset=date.fromisoformat(onset[:10]) if onset else None,
    )


def _trigger(listed: Sequence[Facts]) -> texts.Trigger | None:
    """Return what the leading finding of a trigger says; None of changes."""
    told = [change for change in listed if change.is_finding]
    if not told:
        return None
    leading = max(told, key=lambda one: tuple(one.measures.get(name, 0.0) for name in MEASURES[one.kind][:1]))
    return texts.Trigger(leading.kind, leading.source, leading.measures, leading.labels)


def _cause(listed: Sequence[Facts]) -> texts.Happening | None:
    """Return what has happened to the lake or glacier that changed most; None where the changes are the ground's own."""
    leading = max(listed, key=lambda change: change.area_m2)
    if leading.cause is None:
        return None
    return texts.Happening(**vars(leading.cause), area_m2=leading.area_m2, others=len(listed) - 1)


def _as_before(alert: LiveAlert, listed: Sequence[Facts]) -> Draft:
    return Draft(
        alert_id=alert.id, rule_id=int(alert.evidence["rule"]["id"]), group_key=alert.group_key, kind=alert.kind, state=alert.state,
        severity=alert.severity, certainty=alert.certainty, urgency=alert.urgency, headline=alert.headline, description={},
        evidence=alert.evidence, expires_at=alert.expires_at, change_ids=_changes(listed), finding_ids=_findings(listed),
    )  # fmt: skip


def _words(listed: Sequence[Facts], flood: bool, *, exercise: bool) -> Words:
    told = story(listed, flood)
    marks = {language: texts.words_of(language)["exercise_mark"] if exercise else "" for language in LANGUAGES}
    return Words(
        {language: marks[language] + texts.headline(told, language) for language in LANGUAGES},
        {language: texts.description(told, language) for language in LANGUAGES},
    )


def _evidence(
    listed: Sequence[Facts], findings: Sequence[Match], rule: StoredRule | None, occasion: Occasion,
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
        "changes": list(_changes(listed)),
        **({"findings": _told(listed)} if _findings(listed) else {}),
        "areas": {
            **earlier.get("areas", {}),
            **{change.key: change.area_m2 for change in listed if not change.is_finding},
        },
        "reasons": {found.change.key: list(found.decision.reasons) for found in findings},
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
        **({"motion": {**vars(told.motion), "onset": _iso(told.motion.onset)}} if told.motion else {}),
        "dates_seen": told.dates_seen,
    }


def _told(listed: Sequence[Facts]) -> list[dict[str, Any]]:
    names = ("id", "kind", "source", "measures", "labels")
    return [{name: getattr(one, name) for name in names} for one in listed if one.is_finding]


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
