"""What docs/monitoring asks Prometheus for is measured here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from api.measures import Measures

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"


def measured() -> set[str]:
    measures = Measures()
    measures.note_request("GET", "/", 200, 0.1)
    return set(re.findall(r"^(?:# TYPE )?(kkh_\w+)", measures.text().decode(), re.M))


def test_every_panel_shows_what_is_measured() -> None:
    board = json.loads((FOLDER / "grafana.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert asked
    assert {name for one in asked for name in re.findall(r"kkh_\w+", one)} <= measured()


def test_every_rule_asks_for_what_is_measured() -> None:
    (group,) = yaml.safe_load((FOLDER / "prometheus-rules.yml").read_text())["groups"]
    asked = {name for rule in group["rules"] for name in re.findall(r"kkh_\w+", rule["expr"])}
    assert asked
    assert asked <= measured()
