"""Logging in of phones: by digest, basic, header or address; what their keys open, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.openrosa.access import make_nonce, right_nonce
from hazard_db import accounts, connect
from tests.people import PASSWORD

pytestmark = pytest.mark.integration


LIST = "{http://openrosa.org/xforms/xformsList}"


def test_who_is_unknown_is_challenged_with_digest_and_basic(address: str) -> None:
    for method, path in (("GET", "formList"), ("HEAD", "submission"), ("POST", "submission")):
        answer = httpx.request(method, f"{address}/openrosa/{path}")
        assert answer.status_code == 401
        schemes = [value.split()[0] for value in answer.headers.get_list("www-authenticate")]
        assert schemes == ["Digest", "Basic"]


def test_a_phone_logs_in_by_digest_basic_header_or_address(
    address: str, phone_key: Callable[..., str], people: None
) -> None:
    key = phone_key()
    name, secret = key.split(".")
    url = f"{address}/openrosa/formList"
    for how in (
        {"auth": httpx.DigestAuth(name, secret)},
        {"auth": (name, secret)},
        {"auth": ("sana", PASSWORD)},
        {"headers": {"Authorization": f"Bearer {key}"}},
        {"headers": {"X-API-Key": key}},
    ):
        assert httpx.get(url, **how).status_code == 200, how  # type: ignore[arg-type]
    assert httpx.get(f"{address}/openrosa/t/{key}/formList").status_code == 200
    with httpx.Client(auth=httpx.DigestAuth(name, secret)) as client:  # one nonce for several requests
        assert [client.get(url).status_code for _ in range(3)] == [200, 200, 200]


def test_wrong_revoked_and_expired_keys_open_nothing(
    address: str, phone_key: Callable[..., str], database: Any, people: None
) -> None:
    url = f"{address}/openrosa/formList"
    key = phone_key()
    name, secret = key.split(".")
    old = phone_key(expires_at=datetime.now(UTC) - timedelta(days=1))
    assert httpx.get(f"{address}/openrosa/t/{old}/formList").status_code == 404
    assert httpx.get(url, auth=httpx.DigestAuth(*old.split("."))).status_code == 401
    for wrong in (f"{name}.{secret[:-1]}", "x", "..%2f..", "kkh0000000000." + secret):
        assert httpx.get(f"{address}/openrosa/t/{wrong}/formList").status_code == 404, wrong
    for auth in (httpx.DigestAuth(name, "wrong"), (name, "wrong"), ("sana", "wrong horse"), ("nobody", PASSWORD)):
        assert httpx.get(url, auth=auth).status_code == 401  # type: ignore[arg-type]
    for header in (
        "Digest",
        "Digest x",
        "Digest username=",
        'Digest username="',
        "Basic YQBiOmM=",
        "Basic /w==",
        'Digest username="a"',
        "Basic !",
        "Basic",
        "Bearer x",
        "Other y",
    ):
        assert httpx.get(url, headers={"Authorization": header}).status_code == 401, header
    refused = httpx.get(url, auth=("vera", PASSWORD))
    assert (refused.status_code, "role field" in refused.text) == (403, True)
    with connect.transaction(database.engine) as conn:
        accounts.revoke_key(conn, name)
    assert httpx.get(f"{address}/openrosa/t/{key}/formList").status_code == 404
    assert httpx.get(url, auth=httpx.DigestAuth(name, secret)).status_code == 401
    assert httpx.get(url, auth=("sana", PASSWORD)).status_code == 200
    with connect.transaction(database.engine) as conn:
        accounts.set_password(conn, "sana", "another horse")
    assert httpx.get(url, auth=("sana", PASSWORD)).status_code == 401


def test_a_phone_may_do_no_more_than_its_owner(
    address: str, phone_key: Callable[..., str], database: Any, people: None
) -> None:
    with connect.transaction(database.engine) as conn:
        owner = accounts.by_name(conn, "sana").id
    url = f"{address}/openrosa/t/{phone_key(account_id=owner)}/formList"
    assert httpx.get(url).status_code == 200
    with connect.transaction(database.engine) as conn:
        conn.execute(text("UPDATE account SET role = 'viewer' WHERE name = 'sana'"))
    assert httpx.get(url).status_code == 403
    with connect.transaction(database.engine) as conn:
        accounts.disable(conn, "sana")
    assert httpx.get(url).status_code == 404


def test_a_phones_key_is_good_for_forms_alone(address: str, phone_key: Callable[..., str], database: Any) -> None:
    refused = httpx.post(f"{address}/observations", json={}, headers={"X-API-Key": phone_key()})
    assert refused.status_code == 401
    assert "forms of phones" in refused.json()["detail"]
    with connect.transaction(database.engine) as conn:
        told = conn.execute(text("SELECT after::text FROM audit_log WHERE table_name = 'api_key'")).scalars().all()
    assert told
    assert not any("ha1" in entry for entry in told)


def test_a_nonce_is_ours_and_does_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    nonce = make_nonce("k" * 32)
    assert right_nonce("k" * 32, nonce)
    assert not right_nonce("l" * 32, nonce)
    assert not right_nonce("k" * 32, "9" + nonce)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 400)
    assert not right_nonce("k" * 32, nonce)
