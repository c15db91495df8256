"""`kkh user` and `kkh key`: who may do what."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from api.commands.choices import AsJson
from api.console import actor, put, put_json, put_table, tell

users = typer.Typer(name="user", help="Accounts of people.", no_args_is_help=True)
keys = typer.Typer(name="key", help="API keys of programs.", no_args_is_help=True)


class Role(StrEnum):
    """What an account or key may do; each includes the ones before."""

    VIEWER = "viewer"
    FIELD = "field"
    REVIEWER = "reviewer"
    ENGINEER = "engineer"
    ADMIN = "admin"


NeededRole = Annotated[Role, typer.Option("--role", help="What it may do.")]


@users.command()
def add(name: str, role: NeededRole) -> None:
    """Add an account; its password is read from stdin."""
    from api.opening import opened
    from hazard_db import accounts, connect

    password = _password()
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        made = accounts.add(conn, name, role, password)
    put(f"account {made.name} may log in as {made.role}")


@users.command()
def password(name: str) -> None:
    """Give an account a new password (read from stdin) and end its sessions."""
    from api.opening import opened
    from hazard_db import accounts, connect

    new = _password()
    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        accounts.set_password(conn, name, new)
    put(f"account {name} has its new password")


@users.command()
def disable(name: str) -> None:
    """Shut an account, with its sessions and keys."""
    from api.opening import opened
    from hazard_db import accounts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        accounts.disable(conn, name)
    put(f"account {name} is shut")


@users.command("list")
def list_users(json: AsJson = False) -> None:
    """List the accounts."""
    from api.opening import opened
    from hazard_db import accounts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = accounts.list_accounts(conn)
    if json:
        put_json(found)
    else:
        columns = ("name", "role", "enabled", "created", "by")
        put_table(columns, [(a.name, a.role, a.enabled, f"{a.created_at:%Y-%m-%d}", a.created_by) for a in found])


@keys.command()
def create(
    name: Annotated[str, typer.Option("--name", help="What uses it.")],
    role: NeededRole,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it is valid.")] = 365,
) -> None:
    """Make a key and print it, once, alone on stdout."""
    from api.opening import opened
    from hazard_db import accounts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        key = accounts.create_key(conn, name, role, expires_at=datetime.now(UTC) + timedelta(days=days))
    tell(
        f"keep it now, it is not shown again; it ends in {days} days, `kkh key revoke {key.partition('.')[0]}` ends it sooner"
    )
    put(key)


@keys.command()
def phone(
    name: Annotated[str, typer.Option("--name", help="Whose phone it is.")],
    account: Annotated[str, typer.Option("--account", help="The account that it sends for.")] = "",
    days: Annotated[int, typer.Option(min=1, max=730, help="How long it is valid.")] = 180,
) -> None:
    """Make a phone's key, good for getting and sending forms alone, and print it, once, alone on stdout."""
    from api.opening import opened
    from hazard_db import accounts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        owner = accounts.by_name(conn, account).id if account else None
        ends = datetime.now(UTC) + timedelta(days=days)
        key = accounts.create_phone_key(conn, name, account_id=owner, expires_at=ends)
    user, _, secret = key.partition(".")
    tell(
        f"ODK Collect: server address of this site with /openrosa/t/{key}, or /openrosa with name {user} and password {secret}"
    )
    put(key)


@keys.command()
def sensor(
    name: Annotated[str, typer.Option("--name", help="Which instruments send with it.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it is valid.")] = 365,
) -> None:
    """Make a key that can send what instruments measured and nothing else, and print it, once, alone on stdout."""
    from api.opening import opened
    from hazard_db import accounts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        key = accounts.create_sensor_key(conn, name, expires_at=datetime.now(UTC) + timedelta(days=days))
    tell(f"POST /sensors/CODE/values with `Authorization: Bearer KEY`; it ends in {days} days")
    put(key)


@keys.command()
def revoke(prefix: Annotated[str, typer.Argument(help="The part of the key before the dot.")]) -> None:
    """End a key at once."""
    from api.opening import opened
    from hazard_db import accounts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        accounts.revoke_key(conn, prefix.partition(".")[0])
    put("revoked")


@keys.command("list")
def list_keys(json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    from api.opening import opened
    from hazard_db import accounts, connect

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = accounts.list_keys(conn)
    if json:
        put_json(found)
        return
    columns = ("prefix", "name", "role", "scope", "expires", "revoked", "last used")
    put_table(columns, [(k.prefix, k.name, k.role, k.scope, k.expires_at, k.revoked_at, k.last_used_at) for k in found])


def _password() -> str:
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass("password: ")
    return sys.stdin.readline().rstrip("\r\n")
