"""Searches for content that makes a parser fail otherwise than by a refusal, led by which code it reaches.

    uv run --with atheris python -m tests.fuzz survey --seconds 600

Ends with 1 at the first find, which is written to tests/fuzz/corpus/PARSER; with it the unit tests fail until it is mended.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingest", "hazard_db", "api"]):
    from tests.fuzz.parsers import PARSERS, REFUSALS
    from tests.fuzz.seeds import CORPUS, seeds


def main() -> None:
    """Search for a time."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz")
    asked.add_argument("parser", choices=PARSERS)
    asked.add_argument("--seconds", type=int, default=60)
    given = asked.parse_args()
    parse, kept = PARSERS[given.parser], CORPUS / given.parser
    kept.mkdir(parents=True, exist_ok=True)

    def attempt(content: bytes) -> None:
        try:
            parse(content)
        except REFUSALS:
            pass
        except BaseException:
            (kept / hashlib.sha256(content).hexdigest()[:12]).write_bytes(content)
            raise

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for number, (_, content) in enumerate(seeds(given.parser)):
            (Path(folder) / f"{number:04}").write_bytes(content)
        options = [
            f"-max_total_time={given.seconds}",
            "-timeout=20",
            "-rss_limit_mb=3000",
            "-max_len=300000",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], folder, *options, f"-artifact_prefix={kept}/"], attempt)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
