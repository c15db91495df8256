"""Content that once broke a parser, and the small files a search begins with: each is read or refused, nothing else."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tests.fuzz.parsers import PARSERS, REFUSALS
from tests.fuzz.seeds import CORPUS, MADE, seeds


@pytest.mark.filterwarnings("ignore")  # damaged pictures and grids are warned of by those who read them
@pytest.mark.parametrize("parser", PARSERS)
def test_what_a_search_begins_with_and_found_is_read_or_refused(parser: str) -> None:
    for name, content in seeds(parser):
        try:
            with suppress(*REFUSALS):
                PARSERS[parser](content)
        except Exception as error:
            pytest.fail(f"{parser}: {name}: {type(error).__name__}: {error}")


def test_every_parser_has_its_beginning() -> None:
    assert set(MADE) == set(PARSERS)
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} <= set(PARSERS)
