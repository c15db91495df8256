from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.rulefile import FILE, load_rules
from alerts.rules import AlertRule, Limit, evaluate, misses, parse_rule
from alerts.states import certainty
from hazard_db.alerts import Cause, Facts
from hazard_db.errors import SettingsError

CHANGE = Facts(
    id=1, kind="landslide", status="candidate", confidence=0.6, area_m2=12_000, area_uncertainty_m2=1_000,
    first_date=date(2026, 6, 1), last_date=date(2026, 6, 20), seen_on=(date(2026, 6, 20),), methods=("matched_filter",),
    chainage_km=657.2, chainage_from_km=657.1, chainage_to_km=657.4, offset_m=120.0, side="left", alignment_id=1, alignment="a",
    consequence=3, place="Attabad",
)  # fmt: skip


def rule(**values: object) -> AlertRule:
    return load_rules().rules[0].model_copy(update=values)


def test_our_own_rules_are_in_order() -> None:
    book = load_rules()
    assert [one.name for one in book.rules] == [
        "change at the road", "large change above the road", "ground motion that changes its rate",
        "lake above the road grows", "lake above the road drained",
        "glacier above the road surges", "lake or glacier near the road, way down not known", "rain that is rare here",
        "earthquake shakes the road", "gauge or instrument above its limit", "bulletin of another service",
        "nothing seen of the road for long", "source has fallen silent", "rain above the threshold of the Himalaya",
    ]  # fmt: skip
    for one in book.rules:
        assert parse_rule({**one.model_dump(mode="json"), "source": "file"}) == one


def test_ground_that_moves_as_ever_is_no_alert_and_a_change_of_rate_is() -> None:
    one = load_rules().rules[2]
    steady = replace(CHANGE, kind="settlement", confidence=0.9)
    assert misses(one, steady) == ("its rate has not changed in the last months",)
    decision = evaluate(one, replace(steady, trend_change_mm_yr=-14.2))
    assert decision is not None
    assert "its rate of the last months differs by -14.2 mm/yr from before" in decision.reasons
    assert [rule.name for rule in load_rules().rules if evaluate(rule, steady) is not None] == []


def test_a_change_at_the_road_and_why() -> None:
    decision = evaluate(rule(), CHANGE)
    assert decision is not None
    assert (decision.severity, decision.urgency, decision.distance_m) == ("Severe", "Future", 120.0)
    assert decision.reasons == (
        "confidence 0.60 is at least 0.30",
        "12,000 ± 1,000 m², at least 0 m² asked for",
        "120 m from the road, at most 300 m",
        "consequence class 3 of the segment",
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "false_alarm"}, "a person has called it a false alarm"),
        ({"kind": "glacier"}, "it is a glacier"),
        ({"confidence": 0.29}, "its confidence 0.29 is below 0.30"),
        ({"offset_m": None}, "it is not in the corridor"),
        ({"offset_m": 301.0}, "its distance from the road 301 m is above 300 m"),
    ],
)
def test_what_a_change_misses(values: dict[str, object], words: str) -> None:
    change = replace(CHANGE, **values)  # type: ignore[arg-type]
    assert evaluate(rule(), change) is None
    assert words in misses(rule(), change)[0]


def test_what_a_person_has_confirmed_needs_no_confidence() -> None:
    assert evaluate(rule(), replace(CHANGE, status="confirmed", confidence=0.0)) is not None


def test_a_doubtful_line_of_the_road_loses_no_alert() -> None:
    far = replace(CHANGE, offset_m=2_500.0)
    assert evaluate(rule(), far) is None
    guess = evaluate(rule(), replace(far, road_is_infill=True))
    assert guess is not None
    assert guess.distance_m == 0
    assert "approximate" in guess.reasons[-1]
    assert evaluate(rule(), replace(far, road_accuracy_m=2_300.0)) is not None
    assert evaluate(rule(), replace(far, road_accuracy_m=2_100.0)) is None


def test_limits_count_the_uncertainty_of_the_area() -> None:
    assert evaluate(rule(min_area_m2=13_000.0), CHANGE) is not None
    assert evaluate(rule(min_area_m2=13_001.0), CHANGE) is None
    assert evaluate(rule(min_consequence=4), CHANGE) is None


def test_urgency_by_distance() -> None:
    touching = evaluate(rule(), replace(CHANGE, offset_m=50.0))
    assert touching is not None
    assert touching.urgency == "Expected"


@pytest.mark.parametrize(
    ("area", "consequence", "severity"),
    [(0, 1, "Minor"), (999, 4, "Moderate"), (1_000, 4, "Severe"), (1e7, 4, "Extreme"), (1e7, 1, "Moderate")],
)
def test_severity_by_size_and_consequence(area: float, consequence: int, severity: str) -> None:
    decision = evaluate(rule(), replace(CHANGE, area_m2=area, consequence=consequence))
    assert decision is not None
    assert decision.severity == severity


def test_certainty_from_evidence() -> None:
    assert certainty(CHANGE) == "Possible"
    assert certainty(replace(CHANGE, methods=("a", "b"))) == "Likely"
    assert certainty(replace(CHANGE, seen_on=(date(2026, 6, 15), date(2026, 6, 20)))) == "Likely"
    assert certainty(replace(CHANGE, status="confirmed")) == "Observed"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("min_confidence: 0.3", "min_confidence: 3", "rules.0.min_confidence: Input should be less than or equal to 1"),
        ("min_confidence: 0.3", "min_confidence: .nan", "rules.0.min_confidence"),
        ("min_area_m2: 0", "min_area_m2: .inf", "rules.0.min_area_m2"),
        ("kinds: [landslide, rockfall, debris_flow, lake]", "kinds: [landslip]", "rules.0.kinds.0"),
        ("max_distance_m: 300", "max_distance: 300", "rules.0.max_distance_m: Field required"),
        ("[Moderate, Severe, Severe, Extreme]", "[Moderate, Severe, Extreme, Severe]", "severity must not fall"),
        ("from_value: 1000,", "from_value: 10000,", "start at from_value: 0 and rise"),
        ("large change above the road", "change at the road", "two rules have the same name"),
        ('version: "2026.4"', "version: [", "are not YAML"),
        ("rules:", "rules: 5 #", "not YAML"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "rules.yml"
    text = FILE.read_text(encoding="utf8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf8")
    with pytest.raises(SettingsError) as told:
        load_rules(path)
    line = str(told.value)
    assert line.startswith(str(path))
    assert words in line
    assert "\n" not in line


def test_a_missing_or_empty_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_rules(tmp_path / "absent.yml")
    (tmp_path / "empty.yml").write_text("")
    with pytest.raises(SettingsError, match="RuleBook"):
        load_rules(tmp_path / "empty.yml")
    (tmp_path / "latin.yml").write_bytes(b"version: \xe9")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_rules(tmp_path / "latin.yml")
    with pytest.raises(SettingsError, match="alert rule 'x'"):
        parse_rule({"name": "x"})


def lake(**more: Any) -> Facts:
    cause = Cause("growth", "Shisper lake", 10, None, way_known=True, flow_m=11_400.0, drop_m=520.0)
    values = {"kind": "lake", "area_m2": 80_000.0, "area_uncertainty_m2": 9_000.0, "offset_m": 8_700.0, "cause": cause}
    return replace(CHANGE, **(values | more))


def rules_met(change: Facts) -> list[str]:
    return [decision.rule for one in load_rules().rules if (decision := evaluate(one, change)) is not None]


def test_what_happens_far_above_the_road_counts_by_the_way_down() -> None:
    grown = lake()
    assert rules_met(grown) == ["lake above the road grows"]
    (decision,) = [found for one in load_rules().rules if (found := evaluate(one, grown)) is not None]
    assert decision.distance_m == 11_400
    assert "11,400 m down the valley to the road, at most 60,000 m" in decision.reasons
    drained = replace(grown.cause, event="drained")
    assert rules_met(lake(kind="flood", cause=drained)) == ["lake above the road drained"]
    assert rules_met(lake(kind="glacier", cause=replace(grown.cause, event="surge"))) == [
        "glacier above the road surges"
    ]


def test_a_way_that_is_not_known_is_not_a_way_that_does_not_come_to_the_road() -> None:
    unknown = Cause("growth", "L1", 10, None, way_known=False, flow_m=None, drop_m=None)
    assert rules_met(lake(cause=unknown)) == ["lake or glacier near the road, way down not known"]
    assert rules_met(lake(cause=replace(unknown, way_known=True))) == []
    assert rules_met(lake(cause=unknown, offset_m=25_000.0)) == []


@pytest.mark.parametrize(("limit", "value", "told"), [
    ({"at_least": 10}, 9.5, "its rain_mm 9.5 is below 10"), ({"at_least": 10}, 10, None),
    ({"at_most": 10}, 10.5, "its rain_mm 10.5 is above 10"), ({"at_most": 10}, 10, None),
    ({"at_least": 5, "at_most": 10}, 7, None), ({"at_least": 5, "at_most": 10}, 4, "its rain_mm 4 is below 5"),
    ({"at_least": 5, "at_most": 10}, 11, "its rain_mm 11 is above 10"), ({"at_least": 5}, None, "its rain_mm is not known"),
])  # fmt: skip
def test_limits_hold_at_their_very_value(limit: dict[str, float], value: float | None, told: str | None) -> None:
    one = rule(limits=(Limit.model_validate({"measure": "rain_mm", **limit}),))
    change = replace(CHANGE, measures={} if value is None else {"rain_mm": float(value)})
    assert misses(one, change) == (() if told is None else (told,))
    decision = evaluate(one, change)
    assert (decision is None) == (told is not None)
    if decision is not None:
        bounds = " and ".join(
            f"{word.replace('_', ' ')} {limit[word]:g}" for word in ("at_least", "at_most") if word in limit
        )
        assert f"rain_mm {value:g} is {bounds}" in decision.reasons


def test_a_limit_without_a_bound_is_none() -> None:
    with pytest.raises(ValidationError, match="limit on rain_mm: give at_least, at_most or both"):
        Limit(measure="rain_mm")
