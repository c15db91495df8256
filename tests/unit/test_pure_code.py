"""What counts as pure code: derived from imports, and what coverage measures."""

from __future__ import annotations

import ast

import pytest
from coverage import Coverage

from scripts import pure_code
from scripts.pure_code import ROOT, _needs, sorted_files


def test_coverage_measures_the_pure_code_and_nothing_else() -> None:
    config = Coverage(data_file=None, config_file=str(ROOT / "pyproject.toml"))
    config.load()  # plugins are asked now
    pure, others = sorted_files()
    assert config.get_option("run:branch") is True
    assert config.get_option("run:source") == [str(ROOT / room) for room in pure_code.ROOMS]
    left_out = config.get_option("run:omit")
    assert isinstance(left_out, list)
    assert {one for one in left_out if "*" not in one} == {str(ROOT / file) for file in others}
    assert not {str(ROOT / file) for file in pure} & set(left_out)


def test_mathematics_and_rules_are_pure_and_edges_are_not() -> None:
    pure, others = map(set, sorted_files())
    assert {path for path in pure | others if path.startswith("detection/methods/")} <= pure
    assert {
        "hazard_db/chainage.py",
        "hazard_db/risk_reasons.py",
        "alerts/rules.py",
        "alerts/states.py",
    } <= pure
    assert {
        "hazard_db/connect.py",
        "alerts/run.py",
        "api/app.py",
        "ingest/load.py",
        "maps/paper.py",
        "detection/grids.py",
    } <= others


@pytest.mark.parametrize(("source", "wanted"), [
    ("import os.path", [("os.path", "")]),
    ("def read():\n    from pathlib import Path", [("pathlib", "Path")]),
    ("if TYPE_CHECKING:\n    import sqlalchemy\nimport numpy", [("numpy", "")]),
    ("from hazard_db.risk import SegmentRisk", []),
    ("from maps.report import Report\nclass Paper(Report): ...", [("maps.report", "Report")]),
    ("from hazard_db.risk import rate, SIZES", [("hazard_db.risk", "rate")]),
])  # fmt: skip
def test_what_a_module_needs(source: str, wanted: list[tuple[str, str]]) -> None:
    assert _needs(ast.parse(source)) == wanted
