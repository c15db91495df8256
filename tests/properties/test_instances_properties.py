"""Whatever a phone sends is read as a submission or refused with a reason; nothing else comes of it."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from api.openrosa import instances
from hazard_db import submissions
from hazard_db.errors import InputError, NotFoundError
from tests.phones import filled, new_id

ANSWERS = st.dictionaries(
    st.sampled_from(
        ["position", "observed_at", "kind", "note", "length_m", "signs", "photo", "people_threatened", "start"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<&"), max_size=60),
)
GOOD = filled("uuid:6d5cc81c-6b9a-4d36-9a5f-2f2f5f1b7a11", form="landslide", photo="a.jpg")


@given(ANSWERS)
def test_any_answers_are_read_or_refused(answers: dict[str, str]) -> None:
    with suppress(InputError, NotFoundError):
        read = instances.read(filled(new_id(), form="landslide", **answers), "sender")
        assert -90 <= read.observation.lat <= 90
        assert read.observation.observed_at is not None


@settings(max_examples=200)
@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=8), st.integers(0, 40))
def test_any_damage_to_the_xml_is_read_or_refused(at: int, put: bytes, cut: int) -> None:
    with suppress(InputError, NotFoundError):
        instances.read(GOOD[:at] + put + GOOD[at + cut :], "sender")


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60))
def test_an_instance_always_makes_the_same_observation(instance_id: str) -> None:
    made = submissions.observation_id(instance_id)
    assert isinstance(made, UUID)
    assert submissions.observation_id(instance_id) == made


@given(st.uuids())
def test_an_instance_that_is_a_uuid_keeps_it(identifier: UUID) -> None:
    assert submissions.observation_id(f"uuid:{identifier}") == identifier
