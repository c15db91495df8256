"""Tiles are drawn once for all who ask at the same time, never given when too old, and need bounded memory."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import brotli
import pytest

from api.ogc.kept import Tiles


def test_a_tile_is_given_again_while_it_is_fresh_and_counted_from_before_it_was_drawn() -> None:
    now = [100.0]
    tiles = Tiles(3.0, clock=lambda: now[0])

    def draw() -> bytes:
        now[0] += 2.0  # what is written meanwhile is not in it
        return b"first"

    assert tiles.make("a", draw).body == b"first"
    assert tiles.get("a") is not None
    now[0] = 102.9
    assert tiles.make("a", lambda: b"second").body == b"first"
    now[0] = 103.0
    assert tiles.get("a") is None
    assert tiles.make("a", lambda: b"second").body == b"second"


def test_nothing_is_kept_where_it_is_not_wanted() -> None:
    tiles = Tiles(0.0)
    tiles.make("a", lambda: b"first")
    assert tiles.get("a") is None


def test_one_draws_for_all_who_wait_and_a_failure_is_the_next_ones_chance() -> None:
    tiles, drawn, ready = Tiles(60.0), [], threading.Barrier(8)

    def ask(_: int) -> bytes:
        ready.wait()

        def draw() -> bytes:
            drawn.append(1)
            return b"x"

        return tiles.make("a", draw).body

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {b"x"}
    assert len(drawn) == 1

    def fail() -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        tiles.make("b", fail)
    assert tiles.make("b", lambda: b"y").body == b"y"


def test_memory_is_bounded() -> None:
    tiles = Tiles(60.0, most_bytes=1000)
    for number in range(100):
        tiles.make(str(number), lambda: b"x" * 100)
    assert [number for number in range(100) if tiles.get(str(number))] == list(range(90, 100))
    assert tiles.make("large", lambda: b"x" * 5000).body == b"x" * 5000
    assert tiles.get("large") is None


def test_it_is_compressed_once_in_the_way_the_client_accepts() -> None:
    kept = Tiles().make("a", lambda: b"x" * 5000)
    packed, way = kept.as_accepted("gzip, deflate")
    assert (gzip.decompress(packed), way) == (kept.body, "gzip")
    packed, way = kept.as_accepted("gzip;q=0.8, br")
    assert (brotli.decompress(packed), way) == (kept.body, "br")
    assert kept.as_accepted("br")[0] is packed
    for nothing in ("", "identity", "br;q=0, gzip; q=0"):
        assert kept.as_accepted(nothing) == (kept.body, None)
