"""Making a data directory and its configuration, and refusing one that is not ours."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from random import SystemRandom

from hazard_db.cluster.home import Home, plain_errors, write_file
from hazard_db.cluster.process import Runner, reachable, runner
from hazard_db.errors import ClusterError
from hazard_db.install import Software

CONFIGURATION = "hazard.conf"
PORTS = range(20000, 32000)
"""Below the range that systems hand out for outgoing connections, so that a remembered port stays free."""

ACCESS = """\
# Written by `kkh db up`: this machine only, a password always.
host all all 127.0.0.1/32 scram-sha-256
"""


def data_format(data: Path) -> int | None:
    """Return the major version that wrote the data directory, None where there is none yet.

    Raises
    ------
    ClusterError
        Something else lies there: it is left untouched.
    """
    with plain_errors(data):
        if not data.exists() or (data.is_dir() and not any(data.iterdir())):
            return None
        if not (data / "PG_VERSION").is_file():
            raise ClusterError(f"{data} holds something else than a database; move it away or set HAZARD_HOME")
        told = (data / "PG_VERSION").read_text(errors="replace").strip()
    if not re.fullmatch(r"\d+(\.\d+)?", told):
        raise ClusterError(f"{data}/PG_VERSION says {told[:20]!r}, which is no version of PostgreSQL")
    if not (data / CONFIGURATION).is_file():
        raise ClusterError(f"{data} is a database that was not made by `kkh db up`; move it away or set HAZARD_HOME")
    return int(told.split(".")[0])


def create(home: Home, software: Software) -> None:
    """Make an empty cluster: whole under its final name, or not at all if this process is killed meanwhile.

    Raises
    ------
    ClusterError
        initdb failed; the line is its own.
    """
    with home.claim() as claim, plain_errors(home.root):
        for left in home.root.glob("postgres.new-*"):
            shutil.rmtree(left)
        staging = home.staging
        try:
            staging.mkdir(mode=0o700)
            who = runner(staging)
            who.own(staging)
            _initdb(staging, software, who, claim, home.make_passwords()["postgres"])
            _configure(staging, who)
            if home.data.exists():
                home.data.rmdir()  # empty, or data_format() would have refused it
            staging.rename(home.data)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _initdb(folder: Path, software: Software, who: Runner, claim: int, password: str) -> None:
    with tempfile.TemporaryFile("w+") as file, reachable(folder, who) as (path, descriptors):
        file.write(f"{password}\n")
        file.flush()
        file.seek(0)
        if who.owner:
            os.fchown(file.fileno(), *who.owner)
        command = [software.program("initdb"), "-D", path, "--username=postgres", "--encoding=UTF8"]
        command += [f"--locale={_locale()}", "--lc-messages=C", "--data-checksums", "--auth=scram-sha-256"]
        command += [f"--pwfile=/dev/fd/{file.fileno()}"]  # never on a command line, never a named file
        done = who.run(command, [*descriptors, claim, file.fileno()], capture_output=True)
    if done.returncode != 0:
        raise ClusterError(f"no database could be made in {folder.parent}: {_reason(done)}")


def _locale() -> str:
    """Return a UTF-8 locale with code point order: quick, and the same on every machine."""
    told = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()
    return next((name for name in told if name.lower() in {"c.utf-8", "c.utf8"}), "C")


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in f"{done.stderr}\n{done.stdout}".splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|error)\b", line)]
    return (telling or lines or ["no message"])[0].replace("initdb: error: ", "")


def _configure(data: Path, who: Runner) -> None:
    write_file(data / "pg_hba.conf", ACCESS, mode=0o600, owner=who.owner)
    write_file(data / CONFIGURATION, "", mode=0o600, owner=who.owner)
    with plain_errors(data), (data / "postgresql.conf").open("a") as file:
        file.write(
            f"\n# Written anew at each `kkh db up`; own settings belong below this line.\ninclude '{CONFIGURATION}'\n"
        )


def write_configuration(home: Home, who: Runner, port: int) -> None:
    """Write the settings of this start: the port, and sizes that suit a small machine."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "cluster_name": "kkh",
        "max_connections": 100,
        "shared_buffers": f"{min(max(memory_mb // 8, 64), 512)}MB",
        "effective_cache_size": f"{max(memory_mb // 2, 256)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{min(max(memory_mb // 16, 32), 256)}MB",
        "random_page_cost": 1.1,
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "jit": "off",
        "fsync": "on",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",  # one a weekday, each written over a week later
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": 0,
    }
    lines = [f"{name} = '{value}'" for name, value in settings.items()]
    text = "# Written by `kkh db up`; own settings belong at the end of postgresql.conf.\n" + "\n".join(lines) + "\n"
    write_file(home.data / CONFIGURATION, text, mode=0o600, owner=who.owner)


def free_port(wanted: int | None) -> int:
    """Return the wanted port where it is free, else another one.

    Raises
    ------
    ClusterError
        No port is free.
    """
    for port in [*([wanted] if wanted else []), *SystemRandom().sample(PORTS, 200)]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ClusterError(f"no port between {PORTS.start} and {PORTS.stop} is free on 127.0.0.1")
