"""The container files: the compose specification, no default secret, nothing that is not there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
EXAMPLE = (ROOT / ".env.example").read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Return the compose file, anchors and merges resolved."""
    loaded = yaml.safe_load(COMPOSE)
    assert isinstance(loaded, dict)
    return loaded


def validator() -> Any:
    folder = files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text())
    return jsonschema.validators.validator_for(schema)(schema)


def test_compose_file_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    validator().validate(compose)


def test_the_specification_would_catch_a_mistake(compose: dict[str, Any]) -> None:
    wrong = json.loads(json.dumps(compose))
    wrong["services"]["api"]["helthcheck"] = {}
    with pytest.raises(jsonschema.ValidationError, match="helthcheck"):
        validator().validate(wrong)


def test_every_variable_is_in_the_example_and_no_password_has_a_value() -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE))
    offered = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert used <= set(offered)
    passwords = {name for name in used if name.endswith("PASSWORD")}
    assert len(passwords) == 3
    assert all(not offered[name] for name in passwords)
    assert all(f"${{{name}:?" in COMPOSE for name in passwords), "compose must stop where a password is not set"
    assert not re.search(r"PASSWORD:-", COMPOSE), "a password has a default"


def test_every_setting_of_the_example_reaches_the_programs(compose: dict[str, Any]) -> None:
    offered = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    compose_alone = {*re.findall(r"\$\{(HAZARD_\w+PASSWORD)", COMPOSE), "HAZARD_BIND", "HAZARD_PORT"}
    decided_here = {"HAZARD_HOME", "HAZARD_DATABASE_URL", "HAZARD_DATABASE_APP_URL", "HAZARD_DATABASE_PUBLIC_URL"}
    for name in ("migrate", "api", "worker"):
        given = compose["services"][name]["environment"]
        assert offered - compose_alone - set(given) <= decided_here, name
        passed_on = {variable for variable, value in given.items() if value is None}
        assert passed_on <= offered - compose_alone, name


def test_what_serves_knows_no_owner_and_is_unprivileged(compose: dict[str, Any]) -> None:
    for name in ("api", "worker"):
        service = compose["services"][name]
        assert "HAZARD_DATABASE_URL" not in service["environment"]
        assert "hazard_owner" not in json.dumps(service)
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert service["healthcheck"]["test"][0] == "CMD"
    assert compose["services"]["db"].get("ports") is None, "the database is offered to the network"
    assert compose["services"]["api"]["ports"][0].startswith("${HAZARD_BIND:-127.0.0.1}")


def test_every_mounted_volume_is_declared(compose: dict[str, Any]) -> None:
    mounted = {entry.split(":")[0] for service in compose["services"].values() for entry in service.get("volumes", [])}
    assert mounted == set(compose["volumes"])


def test_image_runs_as_a_user_and_copies_what_exists() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    user = re.findall(r"^USER (\w+)", last, re.MULTILINE)
    assert user
    assert user[-1] not in {"root", "0"}
    assert f"home-dir /var/lib/kkh --shell /usr/sbin/nologin {user[-1]}" in last
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_image_holds_the_program_as_a_wheel_and_no_sources() -> None:
    build, _, last = DOCKERFILE.rpartition("\nFROM ")
    assert re.findall(r"^COPY (.*)$", last, re.MULTILINE) == ["--from=build /opt/kkh /opt/kkh"]
    *_, project = re.findall(r"^RUN (uv sync .*)$", build, re.MULTILINE)
    assert "--no-editable" in project
    assert "--no-install-project" not in project
    assert build.index("python -m maps.assets") < build.index(project), (
        "the wheel is made after the assets that belong in it"
    )


def test_every_run_line_is_valid_shell() -> None:
    lines = re.findall(r"^RUN (.*)$", DOCKERFILE, re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        shlex.split(line)
        subprocess.run(["sh", "-n", "-c", line], check=True)


def test_secrets_and_data_stay_out_of_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", ".kkh", ".git", ".venv"} <= set(ignored)


def test_compose_calls_only_commands_of_the_program(compose: dict[str, Any]) -> None:
    commands = [" ".join(service["command"]) for service in compose["services"].values() if "command" in service]
    called = set(re.findall(r"kkh ((?:db )?\w+)", " ".join(commands)))
    assert called == {"serve", "worker", "db up", "db migrate"}
