"""Filters: whatever is sent becomes a condition without the sender's text in it, or one clear refusal."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hazard_db import cql2
from hazard_db.errors import InputError
from hazard_db.published import Collection, Column

PLACES = Collection(
    "places", "Places", "integer", "Point", (Column("id", "integer"), Column("name", "text"), Column("at", "date"))
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.floats(), st.text(max_size=8), st.just({"property": "name"}), st.just({"property": "id"}),
    st.just({"date": "2020-01-01"}), st.just({"property": "nix"}), st.just({"bbox": [0, 0, 1, 1]}),
)  # fmt: skip
OPS = st.sampled_from(
    [
        *cql2.COMPARISONS,
        *cql2.ARITHMETIC,
        *cql2.SPATIAL,
        *cql2.TEMPORAL,
        "and",
        "or",
        "not",
        "in",
        "like",
        "isNull",
        "x",
    ]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda op, args: {"op": op, "args": args}, OPS, st.lists(inner, max_size=3)),
        st.lists(inner, max_size=3),
        st.builds(lambda ends: {"interval": ends}, st.lists(inner, max_size=3)),
    ),
    max_leaves=12,
)  # fmt: skip


@given(TREES)
def test_any_tree_is_written_with_parameters_or_refused(tree: Any) -> None:
    try:
        made = cql2.condition(PLACES, json.dumps(tree), json_encoded=True)
    except InputError as error:
        assert "\n" not in str(error)
        return
    for name, value in made.values.items():
        assert f"%({name})s" in made.sql
        if isinstance(value, str) and len(value) > 4 and not value.startswith("{"):
            assert value not in made.sql


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        cql2.condition(PLACES, text, json_encoded=False)
    except InputError as error:
        assert str(error)


@given(st.text(min_size=5, max_size=40).filter(lambda text: "'" not in text))
def test_a_text_value_never_enters_the_statement(value: str) -> None:
    made = cql2.condition(PLACES, f"name = '{value}'", json_encoded=False)
    assert made.sql == '(t."name" = CAST(%(c0)s AS text))'
    assert made.values == {"c0": value}


@given(st.sampled_from(sorted(cql2.ARITHMETIC)), st.integers(2, 60))
def test_a_chain_grows_by_its_length(operator: str, links: int) -> None:
    chain = f" {operator} ".join(["id"] * links)
    made = cql2.condition(PLACES, f"{chain} = 1", json_encoded=False)
    assert made.sql.count('t."id"') == links
