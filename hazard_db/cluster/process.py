"""Processes of the private cluster: who runs them, which are alive, starting and stopping."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hazard_db.cluster.home import plain_errors
from hazard_db.errors import ClusterError
from hazard_db.install import Software

SERVICE_USER = "postgres"
START_TIMEOUT_S = 300  # a crash recovery replays up to max_wal_size
STOP_TIMEOUT_S = 60.0
ORPHAN_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Runner:
    """The operating system's user that the server runs as; PostgreSQL refuses to run as root."""

    uid: int
    gid: int
    switch: bool

    def own(self, path: Path) -> None:
        """Give one file or folder to this user."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    @property
    def owner(self) -> tuple[int, int] | None:
        """User and group for new files, None where they are right by themselves."""
        return (self.uid, self.gid) if self.switch else None

    def run(self, command: list[str], descriptors: list[int], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a program as this user, the given file descriptors open in it, nothing on its standard input."""
        if self.switch:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "HAZARD_", "LC_"))}
        environment |= {"LC_ALL": "C", "TZ": "UTC"}
        return subprocess.run(
            command,
            pass_fds=descriptors,
            cwd="/",
            env=environment,
            text=True,
            check=False,
            **options,
        )


def runner(data: Path) -> Runner:
    """Return who runs the server on `data`: its owner, else oneself, else (as root) the service user.

    Raises
    ------
    ClusterError
        The directory belongs to somebody whom one cannot become.
    """
    me = os.geteuid()
    owner = data.stat().st_uid if data.exists() else me
    if me != 0:
        if owner != me:
            raise ClusterError(f"{data} belongs to user {_name(owner)}; run this as that user or set HAZARD_HOME")
        return Runner(me, os.getegid(), switch=False)
    entry = pwd.getpwuid(owner) if owner != 0 else _service_user()
    return Runner(entry.pw_uid, entry.pw_gid, switch=True)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _service_user() -> pwd.struct_passwd:
    """Return the account that the server runs as when started by root, made where the packages brought none."""
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
    if useradd is None:
        raise ClusterError("PostgreSQL does not run as root and there is no account for it; run this as a normal user")
    command = [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVICE_USER]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"the account {SERVICE_USER} could not be made: {done.stderr.strip()}")
    return pwd.getpwnam(SERVICE_USER)


@contextmanager
def reachable(folder: Path, who: Runner) -> Iterator[tuple[str, list[int]]]:
    """Yield a path by which `who` reaches `folder`, and the descriptors it needs open.

    A home below a closed folder (/root, a private temporary one) is out of reach for the unprivileged
    user. The folder, opened by root and handed down, stays reachable as /proc/self/fd/N, without
    changing the rights of any folder above it.

    Raises
    ------
    ClusterError
        Out of reach on a system without /proc.
    """
    plain = not set('"$`\\\n') & set(str(folder))  # pg_ctl hands the path to a shell, between double quotes
    if plain and (not who.switch or who.run(["test", "-x", str(folder)], [], capture_output=True).returncode == 0):
        yield str(folder), []
        return
    if not Path("/proc/self/fd").is_dir():
        raise ClusterError(
            f"user {_name(who.uid)} cannot reach {str(folder)!r}; set HAZARD_HOME to a folder that it can"
        )
    with plain_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", [descriptor]
    finally:
        os.close(descriptor)


def postmaster(data: Path) -> int | None:
    """Return the process id of the live server on `data`, None where there is none.

    The number in postmaster.pid alone proves nothing: after a crash it may be another program's.
    """
    pid = recorded_pid(data)
    return pid if pid is not None and _works_in(pid, data) else None


def recorded_pid(data: Path) -> int | None:
    """Return the process id that postmaster.pid names, alive or not.

    Raises
    ------
    ClusterError
        The data directory is another user's.
    """
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except PermissionError as error:
        raise ClusterError(f"{data} belongs to user {_name(data.stat().st_uid)}; run this as that user") from error
    except (OSError, ValueError):
        return None


def recorded_port(data: Path) -> int | None:
    """Return the port that the server wrote into postmaster.pid."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n")[3])
    except (OSError, ValueError, IndexError):
        return None


def workers(folder: Path) -> list[int]:
    """Return every live PostgreSQL process that works in `folder`."""
    if Path("/proc/self").is_dir():
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    else:
        told = subprocess.run(["pgrep", "-x", "postgres"], capture_output=True, text=True, check=False).stdout
        pids = [int(pid) for pid in told.split()]
    return [pid for pid in pids if pid != os.getpid() and _works_in(pid, folder)]


def _works_in(pid: int, folder: Path) -> bool:
    """Return True for a live process of PostgreSQL whose working directory is `folder`."""
    process = Path("/proc") / str(pid)
    if not Path("/proc/self").is_dir():
        return _works_in_by_lsof(pid, folder)
    try:
        if not (process / "comm").read_text().startswith(("postgres", "initdb")):
            return False
        if (process / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
            return False  # killed, and only not yet collected by its parent
        there, here = (process / "cwd").stat(), folder.stat()
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _works_in_by_lsof(pid: int, folder: Path) -> bool:
    told = subprocess.run(
        ["lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fcn"], capture_output=True, text=True, check=False
    )
    lines = told.stdout.splitlines()
    return "cpostgres" in lines and f"n{folder.resolve()}" in lines


def clear_orphans(folder: Path) -> None:
    """Wait for backends that outlived a killed postmaster, then end them: they hold its shared memory.

    They finish their statement and see that the postmaster is gone; what they had not committed is
    undone by the recovery of the next start, in the same way as after a power cut.

    Raises
    ------
    ClusterError
        One of them could not be ended.
    """
    for number in (None, signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL):
        left = workers(folder)
        for pid in left if number is not None else []:
            _signal(pid, number or signal.SIGTERM)
        if not left or _wait(lambda: not workers(folder), ORPHAN_PATIENCE_S):
            return
    raise ClusterError(f"processes {workers(folder)} of a killed server on {folder} cannot be ended; end them by hand")


def stop(pid: int, data: Path) -> None:
    """Stop the server: open transactions are rolled back, everything committed is on disk.

    Raises
    ------
    ClusterError
        It does not stop.
    """
    for number in (signal.SIGINT, signal.SIGQUIT):  # fast, then at once with recovery at the next start
        _signal(pid, number)
        if _wait(lambda: postmaster(data) != pid and not workers(data), STOP_TIMEOUT_S):
            return
    raise ClusterError(f"the server (process {pid}) does not stop")


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ClusterError(f"process {pid} of the server belongs to another user; run this as that user") from error


def _wait(done: Any, seconds: float) -> bool:
    until = time.monotonic() + seconds
    pause = 0.005
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return True


def settle(data: Path, who: Runner) -> None:
    """Put owner and rights of a data directory right where it was copied or restored as root."""
    if who.switch and data.stat().st_uid != who.uid:
        for path in [data, *data.rglob("*")]:
            os.chown(path, who.uid, who.gid, follow_symlinks=False)
    if data.stat().st_mode & 0o077:
        data.chmod(0o700)


def start(data: Path, software: Software, who: Runner, claim: int) -> str | None:
    """Start the server and wait until it answers; None, or the line that says why it did not."""
    with reachable(data, who) as (path, descriptors):
        command = [software.program("pg_ctl"), "-D", path, "-w", "-s", "-t", str(START_TIMEOUT_S), "start"]
        with tempfile.TemporaryFile("w+") as told:
            done = who.run(command, [*descriptors, claim], stdout=told, stderr=told, start_new_session=True)
            if done.returncode == 0:
                return None
            told.seek(0)
            return _failure(data, told.read())


def _failure(data: Path, told: str) -> str:
    """Return the most telling line of what the server said before it gave up."""
    logs = sorted((data / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
    lines = told.splitlines() + (logs[-1].read_text(errors="replace").splitlines()[-30:] if logs else [])
    for mark in ("could not bind", "could not create any TCP/IP sockets", "PANIC:", "FATAL:", "error:"):
        for line in reversed(lines):
            if mark in line:
                return line.partition("] ")[2] or line
    return lines[0] if lines else "no message"
