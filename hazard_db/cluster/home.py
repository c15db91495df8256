"""The folder of one installation (HAZARD_HOME): its lock, its secrets and what it remembers."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hazard_db.errors import ClusterError

LOCK_TIMEOUT_S = 180.0
CLAIM_TIMEOUT_S = 15.0  # the initdb of a killed start may still be at work
PASSWORD_BYTES = 24
LOGINS = ("postgres", "kkh_admin", "kkh_app", "kkh_public")
"""Database logins of a private cluster, first the superuser that only this package uses."""


@dataclass(frozen=True)
class Home:
    """Paths inside one HAZARD_HOME."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> Home:
        """Return the home at an absolute path, whatever the working directory becomes later."""
        return cls(path.expanduser().absolute())

    @property
    def data(self) -> Path:
        """Data directory of the private cluster."""
        return self.root / "postgres"

    @property
    def staging(self) -> Path:
        """Where this process makes a new data directory; renamed to `data` once it is whole."""
        return self.root / f"postgres.new-{os.getpid()}"

    @property
    def secrets(self) -> Path:
        """Generated passwords, 0600 in a 0700 folder."""
        return self.root / "secrets" / "postgres.json"

    @property
    def memory(self) -> Path:
        """What is remembered between starts: the port, and which layout of roles the cluster has."""
        return self.root / "cluster.json"

    def make(self) -> None:
        """Make the folder.

        Raises
        ------
        ClusterError
            It cannot be made or is something else.
        """
        with plain_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        if (self.root / "PG_VERSION").exists():
            raise ClusterError(f"{self.root} is itself a PostgreSQL data directory; set HAZARD_HOME elsewhere")

    def remembered(self) -> dict[str, Any]:
        """Return what is remembered; empty where nothing is, or where a crash left half a file."""
        try:
            told = json.loads(self.memory.read_text())
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    @property
    def port(self) -> int | None:
        """Port of the last start, None where none is remembered."""
        port = self.remembered().get("port")
        return port if type(port) is int and 1024 <= port < 65536 else None

    def remember(self, **values: Any) -> None:
        """Keep values for the next start."""
        write_file(self.memory, json.dumps(self.remembered() | values), mode=0o644)

    def read_passwords(self) -> dict[str, str] | None:
        """Return the password of each login, None where the file is absent or damaged.

        Raises
        ------
        ClusterError
            The file is there, but not for this user to read.
        """
        try:
            told = json.loads(self.secrets.read_text())
            return {login: str(told[login]) for login in LOGINS}
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ClusterError(f"{self.secrets}: {error.strerror}; use the account that made it") from error
        except (ValueError, KeyError, TypeError):
            return None

    def passwords(self) -> dict[str, str]:
        """Return the password of each login.

        Raises
        ------
        ClusterError
            They are absent, unreadable or damaged.
        """
        told = self.read_passwords()
        if told is None:
            raise ClusterError(f"{self.secrets} is absent or damaged; run `kkh db up`, which sets new passwords")
        return told

    def make_passwords(self) -> dict[str, str]:
        """Return new random passwords, already kept in the file of secrets."""
        made = {login: secrets.token_urlsafe(PASSWORD_BYTES) for login in LOGINS}
        with plain_errors(self.secrets.parent):
            self.secrets.parent.mkdir(mode=0o700, exist_ok=True)
            self.secrets.parent.chmod(0o700)
        write_file(self.secrets, json.dumps(made), mode=0o600)
        return made

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home alone: one process at a time starts, stops or makes the cluster.

        The lock falls with its process, so a killed `kkh` never leaves one behind.

        Raises
        ------
        ClusterError
            Another process held it for longer than LOCK_TIMEOUT_S.
        """
        busy = f"another process has been working on {self.root} for {LOCK_TIMEOUT_S:.0f} s"
        with _locked(self.root / "lock", LOCK_TIMEOUT_S, busy):
            yield

    @contextmanager
    def claim(self) -> Iterator[int]:
        """Yield a lock for a program to inherit: held for as long as one of its processes lives.

        PostgreSQL's own pid file and shared memory do not tell of a server in another container that
        has the same folder mounted; two servers on one data directory would destroy it. This does.

        Raises
        ------
        ClusterError
            A process that cannot be seen from here holds it.
        """
        busy = f"{self.data} is in use by a server that cannot be seen from here (another container?); stop it there"
        with _locked(self.root / "postgres.lock", CLAIM_TIMEOUT_S, busy) as descriptor:
            yield descriptor


@contextmanager
def _locked(path: Path, timeout_s: float, busy: str) -> Iterator[int]:
    with plain_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    until = time.monotonic() + timeout_s
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ClusterError(busy) from None
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn a refusal of the operating system (full, read-only, no rights) into one line naming the path.

    Raises
    ------
    ClusterError
        The operating system refused.
    """
    try:
        yield
    except OSError as error:
        raise ClusterError(f"{error.filename or path}: {(error.strerror or str(error)).lower()}") from error


def write_file(path: Path, text: str, *, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Write a small file whole or not at all, on disk when this returns."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with plain_errors(path):
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(descriptor, mode)
                if owner is not None:
                    os.fchown(descriptor, *owner)
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
