"""`kkh key phone`: the key alone on stdout."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from api.commands.access import keys
from hazard_db import accounts, connect

pytestmark = pytest.mark.integration


def test_a_phones_key_is_printed_alone_and_sends_for_its_account(
    database: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name, url in (("", database.url), ("_APP", database.app_url), ("_PUBLIC", database.public_url)):
        monkeypatch.setenv(f"HAZARD_DATABASE{name}_URL", url)
    monkeypatch.setenv("HAZARD_HOME", str(tmp_path))
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, "sana", "field", "correct horse")
    done = CliRunner().invoke(keys, ["phone", "--name", "Sana's phone", "--account", "sana"])
    assert done.exit_code == 0, done.output
    with connect.transaction(database.engine) as conn:
        key = accounts.check_key(conn, done.stdout.strip())
    assert (key.scope, key.role, key.account) == ("forms", "field", "sana")
