"""The page of benchmarks: every comparison is a script, sections survive, a failure stands on the page."""

from __future__ import annotations

from pathlib import Path

import pytest

import benchmarks.__main__ as bench


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with two scripts, one of which fails."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "benchmarks" / "fine.py").write_text("print('# Ours\\n\\n| a | b |\\n')")
    (tmp_path / "benchmarks" / "broken.py").write_text("print('half'); raise SystemExit(3)")
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "PAGE", tmp_path / "docs" / "benchmarks.md")
    monkeypatch.setattr(
        bench,
        "COMPARISONS",
        {"fine": bench.Comparison("Fine", "x"), "broken": bench.Comparison("Broken", "y", ("--n", "1"))},
    )
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *names: str) -> int:
    monkeypatch.setattr("sys.argv", ["benchmarks", *names])
    return bench.main()


def test_every_comparison_is_a_script() -> None:
    root = Path(bench.__file__).parent
    assert [name for name in bench.COMPARISONS if not (root / f"{name}.py").is_file()] == []


def test_a_failure_stands_on_the_page_and_ends_with_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch) == 1
    text = (folder / "docs" / "benchmarks.md").read_text()
    assert "### Ours" in text
    assert "**This run failed.**" in text
    assert "half" in text
    assert text.index("## Fine") < text.index("## Broken")
    assert "`python benchmarks/broken.py --n 1`" in text


def test_a_part_leaves_the_others_as_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch)
    (folder / "benchmarks" / "fine.py").write_text("print('changed')")
    (folder / "benchmarks" / "broken.py").write_text("print('mended')")
    assert run(monkeypatch, "broken") == 0
    text = (folder / "docs" / "benchmarks.md").read_text()
    assert "mended" in text
    assert "### Ours" in text
    assert "changed" not in text
    with pytest.raises(SystemExit):
        run(monkeypatch, "nothing")
