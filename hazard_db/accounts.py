"""Accounts of people and keys of programs; neither passwords nor keys are stored, only what proves them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Connection, Row, text

from hazard_db.errors import AuthenticationError, ConflictError, InputError, NotFoundError

ROLES = ("viewer", "field", "reviewer", "engineer", "admin")
"""Each may do what the ones before it may."""

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1000
NAME = re.compile(r"[\w.@+-]{1,100}")
PREFIX = re.compile(r"kkh[0-9a-f]{10}")
REALM = "KKH Hazard Watch"
"""Of HTTP Basic and Digest; the latter's checksums contain it, so that another name would end every phone's key."""
PHONE_SECRET = ("23456789abcdefghjkmnpqrstuvwxyz", 24)
"""Letters that are not mistaken for others when typed by hand, and how many: 118 bits."""
USED_AGAIN_S = 3600
"""The last use of a key is noted at most this often: reading is not to become writing, and writing is audited."""


@dataclass(frozen=True)
class Account:
    """A person who may log in."""

    id: int
    name: str
    role: str
    enabled: bool
    session_epoch: int
    """Sessions of another epoch have ended."""
    created_at: datetime
    created_by: str


@dataclass(frozen=True)
class Key:
    """What is known of an API key; its secret is not."""

    id: int
    name: str
    role: str
    prefix: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    scope: str
    account_id: int | None
    account: str | None
    """Name of the account that the key acts for; None where it acts for itself."""


def add(conn: Connection, name: str, role: str, password: str) -> Account:
    """Return the new account.

    Raises
    ------
    InputError
        The name, the role or the password cannot be used.
    ConflictError
        There is an account of that name.
    """
    if not NAME.fullmatch(name):
        raise InputError("a name has 1 to 100 letters, digits or . @ + - _")
    _check_role(role)
    row = conn.execute(
        text("""INSERT INTO account (name, role, password_hash) VALUES (:name, :role, :hash)
                ON CONFLICT (name) DO NOTHING RETURNING id"""),
        {"name": name, "role": role, "hash": _hash(password, name)},
    ).one_or_none()
    if row is None:
        raise ConflictError(f"there is an account {name} already; `kkh user password {name}` gives it a new password")
    return by_name(conn, name)


def set_password(conn: Connection, name: str, password: str) -> None:
    """Give an account a new password and end its sessions.

    Raises
    ------
    InputError
        The password cannot be used.
    NotFoundError
        There is no such account.
    """
    hashed = _hash(password, name)
    changed = conn.execute(
        text("UPDATE account SET password_hash = :hash, session_epoch = session_epoch + 1 WHERE name = :name"),
        {"hash": hashed, "name": name},
    )
    if changed.rowcount == 0:
        raise NotFoundError(f"there is no account {name}")


def disable(conn: Connection, name: str) -> None:
    """Shut an account and end its sessions and keys.

    Raises
    ------
    NotFoundError
        There is no such account.
    """
    identifier = conn.scalar(
        text("UPDATE account SET enabled = false, session_epoch = session_epoch + 1 WHERE name = :name RETURNING id"),
        {"name": name},
    )
    if identifier is None:
        raise NotFoundError(f"there is no account {name}")
    conn.execute(
        text("UPDATE api_key SET revoked_at = now() WHERE account_id = :id AND revoked_at IS NULL"), {"id": identifier}
    )


def end_sessions(conn: Connection, account_id: int) -> None:
    """End every session of an account."""
    conn.execute(text("UPDATE account SET session_epoch = session_epoch + 1 WHERE id = :id"), {"id": account_id})


def by_name(conn: Connection, name: str) -> Account:
    """Return the account of that name.

    Raises
    ------
    NotFoundError
        There is none.
    """
    row = conn.execute(text(f"SELECT {_ACCOUNT} FROM account WHERE name = :name"), {"name": name}).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no account {name}")
    return Account(*row)


def list_accounts(conn: Connection) -> list[Account]:
    """Return every account, by name."""
    return [Account(*row) for row in conn.execute(text(f"SELECT {_ACCOUNT} FROM account ORDER BY name"))]


def log_in(conn: Connection, name: str, password: str) -> Account:
    """Return the account that this name and password belong to.

    Raises
    ------
    AuthenticationError
        They belong to none; the same words and the same time whatever is wrong.
    """
    row = conn.execute(
        text(f"SELECT {_ACCOUNT}, password_hash FROM account WHERE name = :name"), {"name": name}
    ).one_or_none()
    stored = row.password_hash if row is not None else _nobody()
    right, renewed = _hasher().verify_and_update(password[: LONGEST_PASSWORD + 1], stored)
    if row is None or not right or not row.enabled:
        raise AuthenticationError("name or password is wrong")
    if renewed is not None:  # Argon2's parameters have been raised since
        conn.execute(text("UPDATE account SET password_hash = :hash WHERE id = :id"), {"hash": renewed, "id": row.id})
    return Account(*row[:-1])


def in_session(conn: Connection, account_id: int, epoch: int) -> Account:
    """Return the account of a session that has not ended.

    Raises
    ------
    AuthenticationError
        The account is shut, or the session has ended.
    """
    row = conn.execute(
        text(f"SELECT {_ACCOUNT} FROM account WHERE id = :id AND enabled AND session_epoch = :epoch"),
        {"id": account_id, "epoch": epoch},
    ).one_or_none()
    if row is None:
        raise AuthenticationError("the session has ended; log in again")
    return Account(*row)


def create_key(conn: Connection, name: str, role: str, *, expires_at: datetime | None = None) -> str:
    """Return a new key `prefix.secret`; only the secret's SHA-256 is kept, so this is the only time it is seen.

    Raises
    ------
    InputError
        The name or the role cannot be used.
    """
    _check_role(role)
    prefix, secret = _new_prefix(), secrets.token_urlsafe(32)
    _insert_key(conn, name, prefix, secret, {"role": role, "scope": "all", "expires_at": expires_at})
    return f"{prefix}.{secret}"


def create_phone_key(
    conn: Connection, name: str, *, account_id: int | None = None, expires_at: datetime | None = None
) -> str:
    """Return a new key `prefix.secret` that can get and send forms and nothing else; a phone may use it with HTTP Digest.

    Digest needs a checksum that is as good as the secret to whoever steals it: so the secret is random, opens nothing else,
    ends by itself, and can be ended; passwords of people never have such a checksum.

    Raises
    ------
    InputError
        The name cannot be used.
    """
    letters, length = PHONE_SECRET
    prefix, secret = _new_prefix(), "".join(secrets.choice(letters) for _ in range(length))
    ha1 = hashlib.md5(f"{prefix}:{REALM}:{secret}".encode(), usedforsecurity=False).hexdigest()
    more = {"role": "field", "scope": "forms", "expires_at": expires_at, "account_id": account_id, "digest_ha1": ha1}
    _insert_key(conn, name, prefix, secret, more)
    return f"{prefix}.{secret}"


def create_sensor_key(conn: Connection, name: str, *, expires_at: datetime | None = None) -> str:
    """Return a new key `prefix.secret` that can send what instruments measured and nothing else.

    Raises
    ------
    InputError
        The name cannot be used.
    """
    prefix, secret = _new_prefix(), secrets.token_urlsafe(32)
    _insert_key(conn, name, prefix, secret, {"role": "viewer", "scope": "sensors", "expires_at": expires_at})
    return f"{prefix}.{secret}"


def _new_prefix() -> str:
    return f"kkh{secrets.token_hex(5)}"


def _insert_key(conn: Connection, name: str, prefix: str, secret: str, more: Mapping[str, object]) -> None:
    if not 0 < len(name.strip()) <= 200:
        raise InputError("a key's name says what uses it, in 1 to 200 characters")
    conn.execute(
        text("""INSERT INTO api_key (name, role, prefix, secret_sha256, scope, expires_at, account_id, digest_ha1)
                VALUES (:name, :role, :prefix, :sha, :scope, :expires_at, :account_id, :digest_ha1)"""),
        {
            "account_id": None,
            "digest_ha1": None,
            "name": name.strip(),
            "prefix": prefix,
            "sha": _sha256(secret),
            **more,
        },
    )


def check_key(conn: Connection, key: str) -> Key:
    """Return what is known of a key that is valid now.

    Raises
    ------
    AuthenticationError
        It is not valid.
    """
    prefix, _, secret = key.partition(".")
    row = _key_row(conn, prefix)
    stored = row.secret_sha256 if row is not None else _sha256("")
    return _valid(row, hmac.compare_digest(_sha256(secret).encode(), stored.encode()))


def check_digest(conn: Connection, prefix: str, response: str, expected: Callable[[str], str]) -> Key:
    """Return what is known of a phone's key that is valid now and that made this response to HTTP Digest.

    Parameters
    ----------
    expected
        Gives the right response from HA1.

    Raises
    ------
    AuthenticationError
        It is not valid.
    """
    row = _key_row(conn, prefix)
    ha1 = row.digest_ha1 if row is not None else None
    right = hmac.compare_digest(expected(ha1 or "").encode(), response.encode("utf-8", "surrogateescape"))
    return _valid(row, right and ha1 is not None)


def _key_row(conn: Connection, prefix: str) -> Row[Any] | None:
    if not PREFIX.fullmatch(prefix):
        return None
    return conn.execute(
        text(f"""SELECT {_KEY}, secret_sha256, digest_ha1, a.role AS account_role, coalesce(a.enabled, true) AS enabled
                 FROM api_key AS k LEFT JOIN account AS a ON a.id = k.account_id WHERE k.prefix = :prefix"""),
        {"prefix": prefix},
    ).one_or_none()


def _valid(row: Row[Any] | None, right: bool) -> Key:
    if row is None or not right or not row.enabled or row.revoked_at is not None:
        raise AuthenticationError("the API key is not valid")
    if row.expires_at is not None and row.expires_at <= datetime.now(UTC):
        raise AuthenticationError(f"the API key ended on {row.expires_at:%Y-%m-%d}")
    key = Key(*tuple(row)[:-4])
    # a key may do no more than the person it acts for, who may have been given another role since
    return key if row.account_role is None else replace(key, role=min(key.role, row.account_role, key=ROLES.index))


def note_use(conn: Connection, key_id: int) -> None:
    """Keep that a key was used, at most once an hour."""
    conn.execute(
        text("""UPDATE api_key SET last_used_at = now()
                WHERE id = :id AND coalesce(last_used_at, '-infinity') < now() - make_interval(secs => :seconds)"""),
        {"id": key_id, "seconds": USED_AGAIN_S},
    )


def revoke_key(conn: Connection, prefix: str) -> None:
    """End a key at once.

    Raises
    ------
    NotFoundError
        There is none of that prefix.
    """
    found = conn.execute(
        text("UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE prefix = :prefix"), {"prefix": prefix}
    )
    if found.rowcount == 0:
        raise NotFoundError("there is no key of that prefix; `kkh key list` shows them")


def list_keys(conn: Connection) -> list[Key]:
    """Return every key, newest first."""
    rows = conn.execute(
        text(f"SELECT {_KEY} FROM api_key AS k LEFT JOIN account AS a ON a.id = k.account_id ORDER BY k.id DESC")
    )
    return [Key(*row) for row in rows]


_ACCOUNT = "id, name, role, enabled, session_epoch, created_at, created_by"
_KEY = """k.id, k.name, k.role, k.prefix, k.created_at, k.created_by, k.expires_at, k.revoked_at, k.last_used_at, k.scope,
    k.account_id, a.name AS account"""


@cache
def _hasher() -> PasswordHash:
    return PasswordHash((Argon2Hasher(),))


@cache
def _nobody() -> str:
    """Return the hash that a password for no account is held against, so that a name is not told by the clock."""
    return _hasher().hash(secrets.token_urlsafe(16))


def _hash(password: str, name: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InputError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters")
    if password.casefold() == name.casefold() or len(set(password)) < 4:
        raise InputError("that password is too easy to guess")
    return _hasher().hash(password)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InputError(f"there is no role {role!r}; roles are {', '.join(ROLES)}")
