"""What the documents say is so: files, commands and options, settings, rooms, decisions, sources of formulas."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from api.cli import app

ROOT = Path(__file__).parents[2]
ROOMS = ("hazard_db", "ingest", "detection", "alerts", "maps", "api", "benchmarks")
PROGRAM: Any = typer.main.get_command(app)
TEXTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def test_every_link_leads_to_a_file() -> None:
    missing = [
        f"{text.relative_to(ROOT)}: {target}"
        for text in TEXTS
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text.read_text(encoding="utf8"))
        if "://" not in target and not target.startswith("mailto:") and not (text.parent / target).exists()
    ]
    assert missing == []


def test_every_file_named_in_passing_is_there() -> None:
    named = {
        (text.name, path)
        for text in TEXTS
        if text.name != "extending.md"  # names files that are to be written
        for path in re.findall(
            r"(?<![\w/.-])(?:tests|benchmarks|scripts|docs|api|maps|alerts|ingest|detection|hazard_db)/[\w/.-]*\.(?:py|sh|md|yml)",
            text.read_text(encoding="utf8"),
        )
    }
    assert len(named) > 20
    assert {(text, path) for text, path in named if not (ROOT / path).exists()} == set()


def test_every_test_named_in_the_documents_is_there() -> None:
    bodies = {path: path.read_text(encoding="utf8") for path in (ROOT / "tests").rglob("test_*.py")}
    known = {path.stem for path in bodies} | {
        name for body in bodies.values() for name in re.findall(r"^def (test_\w+)", body, re.MULTILINE)
    }
    texts = {text.name: text.read_text(encoding="utf8") for text in TEXTS}
    unknown = {
        (name, one) for name, text in texts.items() for one in re.findall(r"`(test_\w+)`", text) if one not in known
    }
    assert unknown == set()
    chosen = re.findall(r"`(tests/[\w/]+\.py) -k (\w+)`", texts["faults.md"])
    assert len(chosen) > 5
    for file, word in chosen:
        assert re.search(rf"^def test_\w*{word}", bodies[ROOT / file], re.MULTILINE), f"{file} has no test of {word}"


def _typed(text: str) -> Iterator[str]:
    """Yield what follows `kkh` in blocks of code and in passing."""
    for block in re.findall(r"```[^\n]*\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield from re.findall(r"(?:^|[\s/])kkh ((?:(?!\s{3}|[#;&)]|\s\|).)+)", line)
    yield from re.findall(r"`kkh ([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def _wrong(words: list[str]) -> str | None:
    """Return the first command or option of a line that the program does not have."""
    at = PROGRAM
    while hasattr(at, "commands") and words and re.fullmatch(r"[a-z][a-z|-]+", words[0]):
        choices, *words = words  # `glacier|lake` stands for both
        if missing := [name for name in choices.split("|") if name not in at.commands]:
            return missing[0]
        at = at.commands[choices.split("|")[0]]
    known = {name for one in at.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return next((name for name in options if name not in known), None)


def test_every_command_and_option_in_the_documents_exists() -> None:
    lines = [(text.name, line) for text in TEXTS for line in _typed(text.read_text(encoding="utf8"))]
    assert len(lines) > 200
    told = [(name, line, _wrong(line.split())) for name, line in lines]
    assert [one for one in told if one[2]] == []
    assert _wrong(["detect", "avalanche"]) == "avalanche"
    assert _wrong(["db", "up", "--bogus"]) == "--bogus"


def test_the_picture_of_the_rooms_is_true() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf8")
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE))
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["tool"]["importlinter"]
    top, middle, bottom = next(one["layers"] for one in rules["contracts"] if one["type"] == "layers")
    allowed = {top: "all", bottom: "nothing of ours"} | dict.fromkeys(middle.split(" | "), f"`{bottom}`")
    assert told == allowed
    assert sorted(told) == sorted(rules["root_packages"])
    for room in told:
        parts = {path.parent.name for path in (ROOT / room).glob("*/__init__.py")} - {"migrations"}
        missing = {part for part in parts if f"`{part}`" not in page}
        assert missing == set(), f"docs/architecture.md tells nothing of what stands in {room}"


def test_every_decision_has_a_number_of_its_own() -> None:
    files = sorted(path.name for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
    assert len({name[:4] for name in files}) == len(files) > 5
    for name in files:
        first = (ROOT / "docs/adr" / name).read_text(encoding="utf8").splitlines()[0]
        assert re.match(rf"# (ADR )?0*{int(name[:4])}\b", first), f"{name}: {first}"
    listed = re.findall(r"^- \[\d+\]\((\S+)\)", (ROOT / "docs/adr/README.md").read_text(encoding="utf8"), re.MULTILINE)
    assert sorted(listed) == files, "docs/adr/README.md lists every decision once"


def test_the_newest_changes_are_those_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]["version"]
    told = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf8"), re.MULTILINE)
    assert told[0] == version, "entries go under their subject in the topmost version"
    assert len(set(told)) == len(told)


def test_every_formula_has_its_source_once() -> None:
    sources = (ROOT / "docs/references.bib").read_text(encoding="utf8")
    keys = re.findall(r"^@\w+\{([^,\s]+)", sources, re.MULTILINE)
    assert len(keys) == len(set(keys))
    cited = {
        key
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for group in re.findall(r"\[(@[^\]]+)\]", path.read_text(encoding="utf8"))
        for key in re.findall(r"@([A-Za-z][\w-]+)", group)
    }
    assert len(cited) > 15
    assert cited - set(keys) == set()
