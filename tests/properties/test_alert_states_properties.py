"""The state machine of alerts under any order of looks, people and time: late, reprocessed and repeated acquisitions included."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alerts.states import CLOSED, LIVE, first_state, flaps, is_over, next_action, possible, step
from hazard_db.alerts import Facts, Look, streak

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
RAISE_AFTER, CLEAR_AFTER, FLAP_TURNS = 2, 2, 4

looks = st.lists(
    st.builds(
        lambda day, shows, told: Look(BEGIN + timedelta(days=day), shows, BEGIN + timedelta(days=day, hours=told)),
        st.integers(0, 40), st.booleans(), st.integers(0, 5),
    ),
    max_size=25,
)  # fmt: skip


def seen(*listed: Look) -> Facts:
    return Facts(
        id=1, kind="sensor", status="candidate", confidence=1, area_m2=0, area_uncertainty_m2=0, first_date=date(2026, 1, 1),
        last_date=date(2026, 1, 1), seen_on=(), methods=("gauge",), is_finding=True, looks=tuple(listed),
    )  # fmt: skip


@given(looks, st.randoms(use_true_random=False))
def test_order_and_repetition_of_looks_do_not_count(listed: list[Look], chance: Any) -> None:
    mixed = [*listed, *listed[: len(listed) // 2]]
    chance.shuffle(mixed)
    assert streak(mixed) == streak(listed)


@given(looks)
def test_a_streak_is_what_counting_by_hand_gives(listed: list[Look]) -> None:
    said: dict[datetime, Look] = {}
    for look in sorted(listed, key=lambda one: (one.told_at, one.shows)):
        said[look.acquired_at] = look
    told = streak(listed)
    if not said:
        assert told is None
        return
    ordered = [said[moment].shows for moment in sorted(said)]
    assert told is not None
    assert told.shows == ordered[-1]
    assert ordered[-told.length :] == [told.shows] * told.length
    assert told.length == len(ordered) or ordered[-told.length - 1] != told.shows
    newest = ordered[-10:]
    assert told.turns == sum(newest[n] != newest[n + 1] for n in range(len(newest) - 1))


@given(looks.filter(bool), st.booleans())
def test_a_late_look_does_not_undo_what_later_ones_say(listed: list[Look], shows: bool) -> None:
    """A scene older than all of the newest streak changes neither what it says nor how long it is."""
    told = streak(listed)
    assert told is not None
    late = Look(BEGIN - timedelta(days=1), shows, BEGIN + timedelta(days=100))
    after = streak([*listed, late])
    assert after is not None
    assert (after.shows, after.until) == (told.shows, told.until)
    assert after.length == told.length + (
        told.length == len({one.acquired_at for one in listed}) and shows == told.shows
    )


class AlertMachine(RuleBasedStateMachine):
    """One alert of one instrument: values arrive in any order while people and the clock act."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[Look] = []
        self.state: Any = None
        self.path: list[str] = []
        self.clock = 0

    @rule(day=st.integers(0, 30), shows=st.booleans())
    def look(self, day: int, shows: bool) -> None:
        self.clock += 1
        told = BEGIN + timedelta(days=100, hours=self.clock)
        self.looks.append(Look(BEGIN + timedelta(days=day), shows, told))
        self.settle()

    @precondition(lambda self: self.looks)
    @rule(pick=st.integers(0, 100))
    def reprocess(self, pick: int) -> None:
        """The very same acquisition with the very same result, once more."""
        before = self.state
        self.looks.append(self.looks[pick % len(self.looks)])
        self.settle()
        assert self.state == before, "what was processed again changes nothing"

    @precondition(lambda self: self.state in LIVE)
    @rule(action=st.sampled_from(["acknowledge", "resurface", "escalate", "resolve", "mark_false_alarm", "expire"]))
    def act(self, action: Any) -> None:
        if action in possible(self.state):
            self.state = step(self.state, action)
            self.path.append(action)

    def settle(self) -> None:
        facts = seen(*self.looks)
        if self.state is None:
            if facts.streak is not None and facts.streak.shows:
                self.state = first_state([facts], RAISE_AFTER)
            return
        if self.state in CLOSED:
            return
        over = is_over(facts, CLEAR_AFTER, FLAP_TURNS)
        wanted = first_state([facts], RAISE_AFTER)
        action = next_action(self.state, wanted=wanted, before="Minor", now="Minor", over=over)
        if action is not None:
            assert action in possible(self.state)
            self.state = step(self.state, action)
            self.path.append(action)

    @invariant()
    def ends_by_itself_only_after_enough_looks(self) -> None:
        if self.path and self.path[-1] == "clear":
            told = streak(self.looks)
            assert self.state == "resolved"
            assert told is not None
            # further looks may come after its end, but it ended on a streak that does not flap
            assert any(not look.shows for look in self.looks)

    @invariant()
    def nobody_is_told_of_a_single_look(self) -> None:
        if self.state == "open" and not self.path:
            assert sum(look.shows for look in {one.acquired_at: one for one in self.looks}.values()) >= RAISE_AFTER

    @invariant()
    def what_is_closed_stays_closed(self) -> None:
        if self.path and self.path[-1] in {"resolve", "mark_false_alarm", "expire", "clear"}:
            assert self.state in CLOSED


TestAlertMachine = AlertMachine.TestCase
TestAlertMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(looks, st.sampled_from(["open", "escalated"]))
def test_acknowledging_and_ending_by_itself_come_to_the_same_in_either_order(listed: list[Look], state: Any) -> None:
    over = is_over(seen(*listed), CLEAR_AFTER, FLAP_TURNS)
    if not over:
        return
    first_acknowledged = step(step(state, "acknowledge"), "clear")
    assert first_acknowledged == step(state, "clear") == "resolved"


@given(looks)
def test_what_flaps_does_not_end_by_itself_and_what_a_person_confirmed_neither(listed: list[Look]) -> None:
    facts = seen(*listed)
    if flaps(facts, FLAP_TURNS):
        assert not is_over(facts, CLEAR_AFTER, FLAP_TURNS)
    assert not is_over(replace(facts, status="confirmed"), CLEAR_AFTER, FLAP_TURNS)
    assert not is_over(facts, 0, FLAP_TURNS), "0: only a person ends it"
