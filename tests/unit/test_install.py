"""Which PostgreSQL is chosen, and how a missing one is installed, on machines made of small scripts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from hazard_db import install
from hazard_db.errors import MissingSoftwareError


def machine(root: Path, version: str, postgis: str | None, programs: tuple[str, ...] = install.PROGRAMS) -> Path:
    """Return the folder of programs of a PostgreSQL that only tells its version."""
    bindir = root / version / "bin"
    share = root / version / "share"
    (share / "extension").mkdir(parents=True)
    bindir.mkdir()
    for name in (*programs, "pg_config"):
        answer = share if name == "pg_config" else f"{name} (PostgreSQL) {version} (Debian {version}-1)"
        (bindir / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
        (bindir / name).chmod(0o755)
    if postgis:
        (share / "extension" / "postgis.control").write_text(f"# comment\ndefault_version = '{postgis}'\n")
    return bindir


def test_the_newest_with_postgis_is_chosen(tmp_path: Path) -> None:
    folders = [
        machine(tmp_path, "15.9", "3.3.2"),
        machine(tmp_path, "16.10", "3.4.0"),
        machine(tmp_path, "16.9", "3.5.0"),
        machine(tmp_path, "17.2", None),
        machine(tmp_path, "18.1", "3.2.9"),
        machine(tmp_path, "14.2", "3.5.0"),
        machine(tmp_path, "19.0", "3.6.0", programs=install.CLIENTS),
        tmp_path / "absent",
    ]
    found = install.find(folders=folders)
    assert found is not None
    assert (found.version, found.postgis, found.major) == ("16.10", "3.4.0", 16)
    assert install.find(15, folders) == install.Software(folders[0], "15.9", "3.3.2")
    assert install.find(17, folders) is None
    assert install.find(folders=[]) is None


def test_clients_are_never_older_than_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [
        machine(tmp_path, "15.9", None),
        machine(tmp_path, "17.2", None, install.CLIENTS),
        machine(tmp_path, "18.0", "3.6"),
    ]
    monkeypatch.setattr(install, "_folders", lambda: iter(folders))
    assert install.find_clients(15).version == "15.9"
    assert install.find_clients(16).version == "17.2"
    with pytest.raises(MissingSoftwareError, match="postgresql-client-19"):
        install.find_clients(19)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the list that collects every command, on a machine with apt-get and nothing installed."""
    made: list[list[str]] = []
    monkeypatch.setattr(install, "_folders", lambda: iter([]))
    monkeypatch.setattr(
        install.shutil, "which", lambda name: f"/usr/bin/{name}" if name in {"apt-get", "sudo"} else None
    )
    monkeypatch.setattr(install, "_call", made.append)
    return made


def test_debian_gets_no_server_of_its_own(calls: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(MissingSoftwareError, match="still not here"):
        install.ensure()
    lines = [" ".join(call) for call in calls]
    order = [
        "update",
        "install -y -q --no-install-recommends postgresql-common",
        "create_main_cluster = false",
        "install -y -q --no-install-recommends postgresql-postgis",
        "rm -f /etc/postgresql-common",
    ]
    assert len(lines) == len(order)
    assert all(part in line for part, line in zip(order, lines, strict=True))
    assert not any("sudo" in line for line in lines)


def test_the_default_is_given_back_when_the_installation_fails(
    calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str]) -> None:
        calls.append(command)
        if command[-1] == "postgresql-17-postgis-3":
            raise MissingSoftwareError("E: Unable to locate package")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(install, "_call", fail)
    with pytest.raises(MissingSoftwareError, match="Unable to locate"):
        install.ensure(17)
    assert calls[-1][:2] == ["rm", "-f"]


def test_without_rights_the_one_command_is_said(calls: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(install, "_output", lambda *command: None)
    with pytest.raises(MissingSoftwareError, match="run once: sudo apt-get install -y postgresql-postgis"):
        install.ensure()
    assert calls == []


def test_with_sudo_every_step_goes_through_it(calls: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(install, "_output", lambda *command: "")
    with pytest.raises(MissingSoftwareError):
        install.ensure()
    assert calls
    assert all(call[:2] == ["sudo", "-n"] for call in calls)


def test_a_failed_command_is_told_by_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "echo Reading; echo 'E: Unable to fetch some archives' >&2; exit 100"
    with pytest.raises(MissingSoftwareError, match="E: Unable to fetch some archives") as caught:
        install._call(["sh", "-c", script])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "script", sorted((Path(__file__).parents[2] / "scripts").glob("*.sh")), ids=lambda path: path.name
)
def test_scripts_are_plain_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True)
