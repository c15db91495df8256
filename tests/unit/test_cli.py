"""The command line without a database: help, usage, one line for what goes wrong, values after one option."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from api import cli, console
from api.commands.choices import spread
from api.plain import plain
from api.stretch import read_stretch
from api.texts import texts
from hazard_db.errors import InputError
from hazard_db.wording import LANGUAGES

KKH = [sys.executable, "-m", "api.cli"]


def kkh(*args: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    named = {name: value for name, value in os.environ.items() if not name.startswith("HAZARD_")}
    return subprocess.run(
        [*KKH, *args], env=named | {"HAZARD_HOME": str(home), **environment}, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def test_help_names_every_command_and_is_there_at_once(tmp_path: Path) -> None:
    done = kkh("--help", home=tmp_path)
    assert done.returncode == 0
    for command in (
        "demo",
        "db",
        "corridor",
        "ingest",
        "detect",
        "risk",
        "map",
        "alert",
        "watch",
        "user",
        "key",
        "serve",
        "worker",
    ):
        assert f"\n  {command} " in done.stdout
    imported = subprocess.run(
        [sys.executable, "-c", "import sys, api.cli; "
         "print([n for n in ('sqlalchemy', 'rasterio', 'numpy', 'fastapi', 'rich') if n in sys.modules])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert imported.stdout.strip() == "[]", "slow to import, and not needed for help"


@pytest.mark.parametrize(
    "group",
    [
        ["db"],
        ["corridor"],
        ["ingest"],
        ["detect"],
        ["risk"],
        ["map"],
        ["alert"],
        ["user"],
        ["key"],
        ["serve"],
        ["demo"],
    ],
)
def test_every_group_has_help(tmp_path: Path, group: list[str]) -> None:
    done = kkh(*group, "--help", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: kkh") or done.stdout.startswith("Usage: python")


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["db", "nonsense"],
        ["db", "url", "--role", "king"],
        ["corridor", "locate"],
        ["corridor", "locate", "--km", "1", "--lon", "2", "--lat", "3"],
        ["corridor", "locate", "--lon", "74"],
        ["corridor", "locate", "--km", "abc"],
        ["detect", "landslide"],
        ["detect", "landslide", "--before", "a.tif", "--out", "x.geojson"],
        ["detect", "landslide", "--since", "2026-01-01", "--before", "a.tif"],
        ["detect", "landslide", "--since", "yesterday"],
        ["detect", "settlement", "a.csv"],
        ["ingest", "stac", "https://example.org"],
        ["ingest", "survey"],
        ["ingest", "survey", "a.csv", "--map", "nonsense"],
        ["ingest", "inventory", "a.csv", "--where", "nonsense"],
        ["risk", "show"],
        ["map", "corridor"],
        ["alert", "show", "x"],
        ["user", "add", "anna", "--role", "king"],
        ["key", "create", "--name", "x"],
        ["key", "create", "--name", "x", "--role", "viewer", "--days", "0"],
        ["serve", "--port", "99999"],
    ],
)
def test_wrong_usage_is_2_and_touches_nothing(tmp_path: Path, args: list[str]) -> None:
    home = tmp_path / "home"
    done = kkh(*args, home=home)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not home.exists()


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line on stderr of a command that failed."""
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "this is a bug" not in lines[0], lines[0]
    return lines[0]


def test_bad_files_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no raster")
    out = tmp_path / "out.geojson"
    for before, after in (("text.tif", "text.tif"), ("absent.tif", "text.tif")):
        done = kkh(
            "detect", "landslide", "--before", str(tmp_path / before), "--after", str(tmp_path / after), "--out", str(out),
            home=tmp_path / "home",
        )  # fmt: skip
        assert before in one_line(done)
        assert not out.exists()
    assert not (tmp_path / "home").exists()


def test_a_database_that_is_down_is_one_line_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://kkh:hidden-word@127.0.0.1:1/hazard"
    for args in (
        ["corridor", "segments"],
        ["alert", "list", "--json"],
        ["risk", "update"],
        ["serve", "--port", "0"],
        ["worker"],
    ):
        line = one_line(kkh(*args, home=tmp_path, HAZARD_DATABASE_URL=url))
        assert "hidden-word" not in line
        assert "127.0.0.1:1" in line


def test_unusable_settings_are_one_line_that_names_them(tmp_path: Path) -> None:
    line = one_line(kkh("corridor", "segments", home=tmp_path, HAZARD_DATABASE_URL="mysql://x"))
    assert "mysql" in line
    line = one_line(kkh("serve", home=tmp_path, HAZARD_ANONYMOUS_ROLE="king"))
    assert "HAZARD_ANONYMOUS_ROLE" in line


def test_status_of_nothing_is_an_answer(tmp_path: Path) -> None:
    done = kkh("db", "status", "--json", home=tmp_path / "home")
    assert done.returncode == 0
    assert json.loads(done.stdout)["running"] is False
    assert "not running" in one_line(kkh("db", "url", home=tmp_path / "home"))
    assert not (tmp_path / "home").exists()


def test_an_unexpected_error_is_one_line_and_a_trace_only_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise RuntimeError("two\nlines \x1b[31m")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setenv("HAZARD_DEBUG", "1")
    with pytest.raises(SystemExit):
        cli.main()
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "this is a bug: RuntimeError" in told


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InputError("a.csv: line 3"), "a.csv: line 3"),
        (FileNotFoundError(2, "No such file or directory", "a.csv"), "a.csv: No such file or directory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (MemoryError(), "the memory of this machine was not enough; try a smaller area or fewer files"),
    ],
)
def test_what_the_one_line_says(error: Exception, expected: str) -> None:
    assert cli._line(error) == expected


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    program = "import api.cli, os, signal, threading, time\n"
    program += (
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs are born deaf to it
    )
    program += "def wait(): os.kill(os.getpid(), signal.SIGINT); time.sleep(5)\n"
    program += "api.cli.app = wait\napi.cli.main()\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_closed_pipe_is_no_error_to_speak_of(tmp_path: Path) -> None:
    shell = subprocess.run(
        f"{sys.executable} -c \"import api.cli\nfrom api.console import put\ndef many():\n  [put('x' * 1000) for _ in range(9999)]\n"
        'api.cli.app = many\napi.cli.main()" | head -1',
        shell=True, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert shell.stdout == "x" * 1000 + "\n"
    assert shell.stderr == ""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--before", "a", "b", "--after", "c"], ["--before", "a", "--before", "b", "--after", "c"]),
        (["--before=a", "b"], ["--before=a", "--before", "b"]),
        (["--out", "x", "y"], ["--out", "x", "y"]),
        (["--before", "a", "--json", "--after", "-", "d"], ["--before", "a", "--json", "--after", "-", "--after", "d"]),
        (["--before", "a", "--", "b"], ["--before", "a", "--", "b"]),
        ([], []),
    ],
)
def test_an_option_may_be_followed_by_several_values(given: list[str], expected: list[str]) -> None:
    assert spread(given, {"--before", "--after"}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("640-660", (640, 660)),
        (" 640.5 – 660 ", (640.5, 660)),
        ("640:660", (640, 660)),
        ("657", (657, 658)),
        ("657.4", (657.4, 658)),
    ],
)
def test_stretches_are_read(text: str, expected: tuple[float, float]) -> None:
    assert read_stretch(text) == expected


@pytest.mark.parametrize("text", ["", "a-b", "660-640", "640-640", "-5-3", "1e9-2e9", "640-", "6" * 50, "640-650-660"])
def test_what_is_no_stretch_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_stretch(text)


def test_values_become_json() -> None:
    class Odd:
        pass

    value: Any = {
        "a": np.float64("nan"), "b": np.int64(3), "c": datetime(2026, 1, 1, tzinfo=UTC), "d": date(2026, 1, 1), 5: (1, {2}),
        "e": UUID(int=1), "f": Path("x"), "g": np.array([1.5, float("inf")]), "h": None, "i": True,
    }  # fmt: skip
    assert plain(value) == {
        "a": None, "b": 3, "c": "2026-01-01T00:00:00Z", "d": "2026-01-01", "5": [1, [2]],
        "e": "00000000-0000-0000-0000-000000000001", "f": "x", "g": [1.5, None], "h": None, "i": True,
    }  # fmt: skip
    with pytest.raises(TypeError, match="Odd"):
        plain(Odd())


def test_tables_line_up_also_with_wide_letters(capsys: pytest.CaptureFixture[str]) -> None:
    console.put_table(("name", "km"), [("滑坡", 1.5), ("slide\x1b[31m\nx", 1234.0), (None, None)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("滑坡  ")
    assert "\x1b" not in "".join(lines)
    assert [line.rstrip()[-5:].strip() for line in lines[1:]] == ["1.5", "1,234", "-"]


def test_every_text_has_every_language() -> None:
    for key, words in texts().items():
        assert set(words) == set(LANGUAGES), key
        assert all(word.strip() for word in words.values()), key
        named = [set(re.findall(r"{(\w+)}", word)) for word in words.values()]
        assert named[0] == named[1] == named[2], key
