"""Logging in, sessions, forms of pages, keys and passwords: who they are good for, and when they end."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from api.app import create_app
from api.patience import Patience, TooManyAttemptsError
from api.settings import ApiSettings
from hazard_db import accounts, changes, connect, seed
from hazard_db.errors import AuthenticationError, ConflictError, InputError, SettingsError
from tests.api_client import TestClient
from tests.findings import store_change
from tests.people import PAGE, PASSWORD, form_token, log_in

pytestmark = pytest.mark.integration


def test_keys_end(client: TestClient, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        past = accounts.create_key(conn, "old", "viewer", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        good = accounts.create_key(conn, "new", "viewer")
        stored = conn.execute(text("SELECT secret_sha256 FROM api_key")).scalars().all()
    assert all(good.partition(".")[2] not in one for one in stored)
    assert client.get("/observations", headers={"X-API-Key": past}).status_code == 401
    bearer = {"Authorization": f"Bearer {good}"}
    assert client.get("/observations", headers=bearer).status_code == 200
    with connect.transaction(database.engine) as conn:
        used = {one.name: one.last_used_at for one in accounts.list_keys(conn)}
        accounts.revoke_key(conn, good.partition(".")[0])
    assert used["new"] is not None
    assert used["old"] is None
    assert client.get("/observations", headers=bearer).status_code == 401


def test_a_session_needs_the_password_and_ends(client: TestClient, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, "rana", "reviewer", PASSWORD)
    token = form_token(client, "/login")
    wrong = client.post("/login", data={"name": "rana", "password": "wrong horse", "csrf": token})
    assert wrong.status_code == 401
    assert "Name or password is wrong" in wrong.text
    nobody = client.post("/login", data={"name": "nobody", "password": PASSWORD, "csrf": token})
    assert "Name or password is wrong" in nobody.text
    right = client.post("/login", data={"name": "rana", "password": PASSWORD, "next": "/alerts", "csrf": token})
    assert (right.status_code, right.headers["location"]) == (303, "/alerts")
    cookie = next(line for line in right.headers.get_list("set-cookie") if line.startswith("kkh_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    session = client.cookies["kkh_session"]
    assert "rana" in client.get("/", headers=PAGE).text
    out = client.post("/logout", data={"csrf": form_token(client, "/")})
    assert out.status_code == 303
    client.cookies.set("kkh_session", session)  # a copy that somebody kept
    assert "rana" not in client.get("/", headers=PAGE).text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/ok\nX: 1"])
def test_logging_in_leads_nowhere_else(client: TestClient, database: Any, target: str) -> None:
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, "rana", "viewer", PASSWORD)
    token = form_token(client, "/login")
    answer = client.post("/login", data={"name": "rana", "password": PASSWORD, "next": target, "csrf": token})
    assert answer.headers["location"] == "/"


def test_another_sites_page_cannot_act_for_somebody(client: TestClient, database: Any) -> None:
    number = store_change(database)
    log_in(client, database, "reviewer")
    path, verdict = f"/changes/{number}/review", {"verdict": "confirmed"}
    assert client.post(path, data=verdict).status_code == 403
    assert client.post(path, json=verdict).status_code == 403
    assert client.post(path, data={**verdict, "csrf": "a.b"}).status_code == 403
    token = form_token(client, f"/changes/{number}")
    foreign = client.post(path, data={**verdict, "csrf": token}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    done = client.post(path, data={**verdict, "note": "", "expected": "candidate", "csrf": token})
    assert (done.status_code, done.headers["location"]) == (303, f"/changes/{number}")
    with connect.transaction(database.engine) as conn:
        change = changes.get_change(conn, number)
    assert (change["status"], change["reviewed_by"]) == ("confirmed", "rana")
    headed = client.post(path, json=verdict, headers={"X-CSRF-Token": token})
    assert headed.status_code == 200


def test_a_form_token_of_another_session_is_worth_nothing(settings: ApiSettings, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    number = store_change(database)
    app = create_app(settings)
    with TestClient(app, follow_redirects=False) as mine, TestClient(app, follow_redirects=False) as theirs:
        log_in(mine, database, "reviewer")
        log_in(theirs, database, "reviewer", "mallory")
        token = form_token(theirs, f"/changes/{number}")
        refused = mine.post(f"/changes/{number}/review", data={"verdict": "confirmed", "csrf": token})
    assert refused.status_code == 403


def test_a_forged_session_is_nobody(client: TestClient, database: Any) -> None:
    import jwt

    with connect.transaction(database.engine) as conn:
        account = accounts.add(conn, "rana", "admin", PASSWORD)
    claims = {"sub": str(account.id), "epoch": 1, "exp": int(time.time()) + 60, "jti": "x", "aud": "kkh-pages"}
    for token in (jwt.encode(claims, "k" * 32, "HS256"), jwt.encode(claims, "", "none"), "a.b.c", ""):
        client.cookies.set("kkh_session", token)
        assert client.get("/audit").status_code == 401


def test_wrong_passwords_cost_time(client: TestClient, database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        accounts.add(conn, "rana", "viewer", PASSWORD)
    token = form_token(client, "/login")
    for _ in range(5):
        assert client.post("/login", data={"name": "rana", "password": "x", "csrf": token}).status_code == 401
    answer = client.post("/login", data={"name": "rana", "password": PASSWORD, "csrf": token})
    assert answer.status_code == 429
    assert "kkh_session" not in client.cookies


def test_patience_forgets_and_is_bounded() -> None:
    patience = Patience(attempts=2, window_s=0.2, most_keys=10)
    for _ in range(2):
        patience.failed("name:a")
    with pytest.raises(TooManyAttemptsError):
        patience.check("name:a")
    patience.check("name:b")
    time.sleep(0.25)
    patience.check("name:a")
    for number in range(50):
        patience.failed(f"name:{number}")
    assert len(patience._failures) == 10


def test_accounts_refuse_what_cannot_be_used(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        for name, role, password in (("", "viewer", PASSWORD), ("a b", "viewer", PASSWORD), ("a", "king", PASSWORD),
                                     ("a", "viewer", "short"), ("a", "viewer", "aaaaaaaaaa"),
                                     ("administrator", "viewer", "Administrator")):  # fmt: skip
            with pytest.raises(InputError):
                accounts.add(conn, name, role, password)
        made = accounts.add(conn, "anna", "viewer", PASSWORD)
        with pytest.raises(ConflictError, match="anna"):
            accounts.add(conn, "anna", "viewer", PASSWORD)
        assert PASSWORD not in str(conn.execute(text("SELECT password_hash FROM account")).scalar())
        assert accounts.in_session(conn, made.id, made.session_epoch) == made
        accounts.set_password(conn, "anna", "another horse")
        for attempt in (PASSWORD, "", "x" * 5000):
            with pytest.raises(AuthenticationError):
                accounts.log_in(conn, "anna", attempt)
        with pytest.raises(AuthenticationError):
            accounts.in_session(conn, made.id, made.session_epoch)
        assert accounts.log_in(conn, "anna", "another horse").role == "viewer"
        accounts.disable(conn, "anna")
        with pytest.raises(AuthenticationError):
            accounts.log_in(conn, "anna", "another horse")
        logged = conn.execute(text("SELECT after::text FROM audit_log WHERE table_name = 'account'")).scalars().all()
    assert logged
    assert not any("argon2" in str(entry) for entry in logged)


def test_a_short_secret_is_refused_and_a_kept_one_is_private(settings: ApiSettings) -> None:
    with pytest.raises(SettingsError, match="HAZARD_SECRET_KEY"):
        settings.model_copy(update={"secret_key": SecretStr("short")}).signing_key()
    first = settings.signing_key()
    assert settings.signing_key() == first
    assert (settings.home / "secrets" / "session.key").stat().st_mode & 0o077 == 0
    (settings.home / "secrets" / "session.key").write_text("x")
    with pytest.raises(SettingsError, match="damaged"):
        settings.signing_key()
