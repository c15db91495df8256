"""A worker without a database."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path

import pytest

from api import worker
from api.settings import ApiSettings


def test_a_worker_whose_database_is_away_says_so_in_a_line_and_ends_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # never listens
        for name in ("APP", "PUBLIC"):
            address = f"postgresql://nobody:nothing@127.0.0.1:{taken.getsockname()[1]}/none"
            monkeypatch.setenv(f"HAZARD_DATABASE_{name}_URL", address)
        monkeypatch.setenv("HAZARD_HOME", str(tmp_path))
        ended, told = threading.Event(), list[logging.LogRecord]()

        class Ending(logging.Handler):
            """Ends the worker once it has said something."""

            def emit(self, record: logging.LogRecord) -> None:
                told.append(record)
                ended.set()

        handler = Ending()
        worker.log.addHandler(handler)
        try:
            worker.run(ApiSettings(), ended, concurrency=1)
        finally:
            worker.log.removeHandler(handler)
    assert [record.exc_info for record in told] == [None], "a traceback instead of a line"
    assert "cannot be used" in told[0].getMessage()
    assert "nothing" not in told[0].getMessage()
