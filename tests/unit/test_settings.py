"""Settings: those of the database, that each is told of, and what is said about URLs that cannot be used."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from api.examination import installation
from api.logs import LogSettings
from hazard_db import connect, server
from hazard_db.errors import DatabaseUnavailableError, SettingsError
from hazard_db.settings import DatabaseSettings, Settings
from ingest.imagery.remote import ArchiveSettings

ROOMS = ("hazard_db", "ingest", "detection", "alerts", "maps", "api")
NAMES = ("HAZARD_HOME", "HAZARD_DATABASE_URL", "HAZARD_DATABASE_APP_URL", "HAZARD_DATABASE_PUBLIC_URL")
URL = "postgresql://boss:s3cret@db.example:5433/hazard"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_without_variables_the_private_cluster_lies_in_the_working_directory() -> None:
    settings = DatabaseSettings()
    assert settings.embedded
    assert settings.home == Path(".kkh")
    assert settings.media == Path(".kkh/media")


def test_empty_variables_count_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert DatabaseSettings() == DatabaseSettings()
    assert DatabaseSettings().embedded


def test_a_server_is_named_by_any_of_its_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_DATABASE_PUBLIC_URL", URL)
    assert not DatabaseSettings().embedded


def test_passwords_stay_out_of_representations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_DATABASE_URL", URL)
    settings = DatabaseSettings()
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_settings_are_not_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="frozen"):
        DatabaseSettings().home = Path("/elsewhere")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "role", "expected"),
    [
        ({"database_url": "admin"}, "app", "admin"),
        ({"database_url": "admin"}, "public", "admin"),
        ({"database_url": "admin", "database_app_url": "app"}, "public", "app"),
        ({"database_url": "admin", "database_app_url": "app", "database_public_url": "pub"}, "public", "pub"),
        ({"database_url": "admin", "database_app_url": "app", "database_public_url": "pub"}, "admin", "admin"),
    ],
)
def test_a_role_falls_back_only_to_a_stronger_login(given: dict[str, str], role: str, expected: str) -> None:
    assert server.url(DatabaseSettings.model_validate(given), role) == expected


def test_a_serving_process_has_no_admin_url() -> None:
    with pytest.raises(SettingsError, match="HAZARD_DATABASE_URL"):
        server.url(DatabaseSettings.model_validate({"database_app_url": URL, "database_public_url": URL}), "admin")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "postgresql://a:s3cret@host:port/x", "sqlite:///x?s3cret", "mysql://s3cret@h/x"]
)
def test_a_bad_url_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(SettingsError, match="postgresql://") as caught:
        connect.engine(url)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgresql://boss:s3cret@127.0.0.1:1/x", "postgresql+psycopg://boss:s3cret@127.0.0.1:1/x"]
)
def test_a_server_that_is_down_is_one_line_without_the_password(url: str) -> None:
    source = connect.engine(url)
    with pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1:1.*kkh db up") as engine_error:
        connect.check(source)
    with (
        pytest.raises(DatabaseUnavailableError, match=r"127\.0\.0\.1:1.*kkh db up") as direct_error,
        connect.direct(url),
    ):
        pass
    for caught in (engine_error, direct_error):
        assert "s3cret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_every_setting_stands_in_the_example() -> None:
    root = Path(__file__).parents[2]
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            if re.search(r"^class \w+\((Base)?Settings\)", path.read_text(encoding="utf8"), re.MULTILINE):
                importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
    text = (root / ".env.example").read_text(encoding="utf8")
    told = set(re.findall(r"^#?(HAZARD_\w+)=", text, re.MULTILINE))
    every = {*BaseSettings.__subclasses__(), *Settings.__subclasses__()} - {Settings}
    ours = {one for one in every if one.__module__.split(".")[0] in ROOMS}
    assert ours == set(installation.SETTINGS), "kkh doctor examines every group of settings"
    kept = {
        (str(one.model_config.get("env_prefix", "")) + name).upper()
        for one in ours
        for name, field in one.model_fields.items()
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings))
    }
    assert len(kept) > 40
    assert kept - told == set()


def test_a_name_that_nothing_reads_is_told_with_the_one_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_SMPT_HOST", "mail.example")
    found = [one for one in installation.variables(DatabaseSettings()) if one.level != "well"]
    assert [(one.level, one.todo) for one in found] == [("warning", "is HAZARD_SMTP_HOST meant?")]
    assert "HAZARD_SMPT_HOST" in found[0].told


@pytest.mark.parametrize(
    ("name", "value", "settings"),
    [("HAZARD_LOG_LEVEL", "loud", LogSettings), ("HAZARD_ARCHIVE_REQUESTS_PER_S", "s3cret", ArchiveSettings)],
)
def test_a_variable_is_named_as_it_stands_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, settings: type[Settings]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: ") as caught:
        settings()
    assert value not in str(caught.value)


def test_a_value_that_cannot_be_used_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAZARD_WEBHOOK_SECRET", "s3cret")
    found = [one for one in installation.variables(DatabaseSettings()) if one.level == "trouble"]
    assert len(found) == 1
    assert found[0].told.startswith("HAZARD_WEBHOOK_SECRET: ")
    assert "s3cret" not in found[0].told
