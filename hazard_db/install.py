"""Finding PostgreSQL with PostGIS on this machine, and installing it where it is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hazard_db.errors import MissingSoftwareError

MIN_POSTGRES = 15
MIN_POSTGIS = (3, 3)
CLIENTS = ("psql", "pg_dump", "pg_restore")
PROGRAMS = ("postgres", "initdb", "pg_ctl", *CLIENTS)
FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # packages for Red Hat and its kin
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
INSTALL_TIMEOUT_S = 900


@dataclass(frozen=True)
class Software:
    """One installed PostgreSQL that has PostGIS."""

    bindir: Path
    version: str
    postgis: str

    @property
    def major(self) -> int:
        """Major version, the format of a data directory."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> str:
        """Return the full path of one of its programs."""
        return str(self.bindir / name)


def find(major: int | None = None, folders: Iterable[Path] | None = None) -> Software | None:
    """Return the newest usable PostgreSQL with PostGIS (of one major version where asked), None where there is none."""
    usable = [found for folder in (_folders() if folders is None else folders) if (found := _look(folder)) is not None]
    usable = [found for found in usable if major is None or found.major == major]
    return max(usable, key=lambda found: [int(part) for part in found.version.split(".")], default=None)


def find_clients(major: int) -> Software:
    """Return psql, pg_dump and pg_restore for a server of version `major`: the same, else the next newer one.

    Raises
    ------
    MissingSoftwareError
        There are none, or only older ones, which refuse to work with that server.
    """
    usable = []
    for folder in _folders():
        version = _version(folder / "pg_dump") if all((folder / name).is_file() for name in CLIENTS) else None
        if version is not None and int(version.split(".")[0]) >= major:
            usable.append(Software(folder, version, postgis=""))
    if not usable:
        raise MissingSoftwareError(
            f"pg_dump and pg_restore of PostgreSQL {major} are missing; install postgresql-client-{major}"
        )
    return min(usable, key=lambda found: found.major)


def ensure(major: int | None = None) -> Software:
    """Return PostgreSQL with PostGIS, installed by the system's package manager where missing.

    Raises
    ------
    MissingSoftwareError
        It is missing and cannot be installed from here; the line says the one command that does.
    """
    found = find(major)
    if found is not None:
        return found
    command = _command(major)
    if command is None:
        raise MissingSoftwareError(
            f"PostgreSQL >= {MIN_POSTGRES} with PostGIS >= 3.3 was not found; install both with this system's packages"
        )
    _run(command)
    found = find(major)
    if found is None:
        raise MissingSoftwareError(
            f"`{' '.join(command)}` ended well, but PostgreSQL >= {MIN_POSTGRES} with PostGIS >= 3.3 is still not here"
        )
    return found


def _folders() -> Iterator[Path]:
    seen: set[Path] = set()
    for pattern in FOLDERS:
        yield from _new(seen, Path("/").glob(pattern.lstrip("/")))
    if pg_config := shutil.which("pg_config"):
        yield from _new(seen, [Path(_output(pg_config, "--bindir") or "/nonexistent")])
    if postgres := shutil.which("postgres"):
        yield from _new(seen, [Path(postgres).resolve().parent])


def _new(seen: set[Path], paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        resolved = path.resolve()
        if resolved not in seen:
            seen.add(resolved)
            yield resolved


def _look(bindir: Path) -> Software | None:
    if not all((bindir / name).is_file() for name in PROGRAMS):
        return None
    version = _version(bindir / "postgres")
    if version is None or int(version.split(".")[0]) < MIN_POSTGRES:
        return None
    postgis = _postgis(bindir, version.split(".")[0])
    if postgis is None or tuple(int(part) for part in postgis.split(".")[:2]) < MIN_POSTGIS:
        return None
    return Software(bindir, version, postgis)


def _version(program: Path) -> str | None:
    found = re.search(r"\d+(\.\d+)*", _output(str(program), "--version") or "")
    return found[0] if found else None


def _postgis(bindir: Path, major: str) -> str | None:
    """Return the version of PostGIS made for this very PostgreSQL, from its extension control file."""
    shares = [bindir.parent / "share", bindir.parent / "share" / "postgresql", Path("/usr/share/postgresql") / major]
    if (bindir / "pg_config").is_file() and (told := _output(str(bindir / "pg_config"), "--sharedir")):
        shares = [Path(told)]
    for share in shares:
        control = share / "extension" / "postgis.control"
        if control.is_file() and (found := re.search(r"default_version\s*=\s*'(\d+\.\d+[\d.]*)", control.read_text())):
            return found[1]
    return None


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _command(major: int | None) -> list[str] | None:
    """Return the command that installs it here, None where no package manager is known."""
    if shutil.which("apt-get"):
        return ["apt-get", "install", "-y", f"postgresql-{major}-postgis-3" if major else "postgresql-postgis"]
    if shutil.which("brew"):
        return ["brew", "install", "postgis"]
    if shutil.which("dnf"):
        return ["dnf", "install", "-y", "postgresql-server", "postgresql-contrib", "postgis"]
    return None


def _run(command: list[str]) -> None:
    """Install as root, or by sudo without a password prompt (there may be nobody to answer it)."""
    prefix: list[str] = []
    if command[0] != "brew" and os.geteuid() != 0:
        prefix = ["sudo", "-n"]
        if not shutil.which("sudo") or _output("sudo", "-n", "true") is None:
            raise MissingSoftwareError(f"PostgreSQL with PostGIS is missing; run once: sudo {' '.join(command)}")
    print(f"installing PostgreSQL with PostGIS: {' '.join(command)}", file=sys.stderr, flush=True)  # noqa: T201
    if command[0] == "apt-get":
        _apt(prefix, command[-1])
    else:
        _call([*prefix, *command])


def _apt(prefix: list[str], package: str) -> None:
    """Install a server package without the cluster and service that Debian would make and start with it."""
    install = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]
    install += ["-o", "Dpkg::Options::=--force-confold", "install", "-y", "-q", "--no-install-recommends"]
    with suppress(MissingSoftwareError):  # a third party's source that cannot be reached, but not what we need
        _call([*prefix, "apt-get", "-o", "DPkg::Lock::Timeout=300", "update", "-q"])
    _call([*install, "postgresql-common"])
    conf = "/etc/postgresql-common/createcluster.d/kkh-install.conf"
    _call([*prefix, "sh", "-c", f"mkdir -p {Path(conf).parent} && echo 'create_main_cluster = false' > {conf}"])
    try:
        _call([*install, package])
    finally:
        _call([*prefix, "rm", "-f", conf])  # the machine's owner keeps Debian's default for later


def _call(command: list[str]) -> None:
    try:
        subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=True
        )
    except subprocess.CalledProcessError as error:
        told = [line.strip() for line in f"{error.stdout}\n{error.stderr}".splitlines() if line.strip()]
        reason = next((line for line in told if line.startswith("E:")), told[-1] if told else "no message")
        raise MissingSoftwareError(f"`{' '.join(command)}` failed: {reason}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingSoftwareError(f"`{' '.join(command)}` failed: {error}") from error


def main() -> int:
    """Install what is missing and say what is there; for the Makefile, before anything else can run."""
    try:
        found = ensure()
    except MissingSoftwareError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"PostgreSQL {found.version} with PostGIS {found.postgis}", file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
