"""What the documents point at is there: files, headings of decisions, sources of formulas."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("hazard_db", "ingest", "detection", "alerts", "maps", "api", "benchmarks")
TEXTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def test_every_link_leads_to_a_file() -> None:
    missing = [
        f"{text.relative_to(ROOT)}: {target}"
        for text in TEXTS
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text.read_text(encoding="utf8"))
        if "://" not in target and not target.startswith("mailto:") and not (text.parent / target).exists()
    ]
    assert missing == []


def test_every_decision_has_a_number_of_its_own() -> None:
    files = sorted(path.name for path in (ROOT / "docs/adr").glob("*.md"))
    assert len({name[:4] for name in files}) == len(files) > 5
    for name in files:
        first = (ROOT / "docs/adr" / name).read_text(encoding="utf8").splitlines()[0]
        assert re.match(rf"# (ADR )?0*{int(name[:4])}\b", first), f"{name}: {first}"


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
