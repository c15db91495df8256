"""Starting the server on a data directory, whatever the last one left behind."""

from __future__ import annotations

from hazard_db.cluster import creation, process
from hazard_db.cluster.home import Home, plain_errors
from hazard_db.errors import ClusterError, MissingSoftwareError
from hazard_db.install import Software, ensure, find

ATTEMPTS = 3
PORT_TAKEN = ("could not bind", "could not create any TCP/IP sockets")


def software(place: Home, form: int | None) -> Software:
    """Return the PostgreSQL that can serve data of major version `form` (None: new data).

    Raises
    ------
    MissingSoftwareError
        That version is not here; the format of a data directory never changes by itself.
    """
    if form is None:
        return ensure()
    found = find(form)
    if found is None:
        newest = find()
        have = f"here is {newest.major}" if newest else "none is installed here"
        raise MissingSoftwareError(
            f"{place.data} was written by PostgreSQL {form}, {have}; install postgresql-{form} with PostGIS, "
            "or move the folder away and restore a backup"
        )
    return found


def start(place: Home, program: Software) -> int:
    """Return the process id of the server, started after what a crash may have left was cleared.

    Raises
    ------
    ClusterError
        It does not start; the line is the server's own.
    """
    process.clear_orphans(place.data)
    who = process.runner(place.data)
    with place.claim() as claim, plain_errors(place.data):
        process.settle(place.data, who)
        # Nobody works in the data directory: the pid file is stale, whatever lives under its number.
        (place.data / "postmaster.pid").unlink(missing_ok=True)
        port = _start_on_free_port(place, program, who, claim)
    place.remember(port=port)
    pid = process.postmaster(place.data)
    if pid is None:
        raise ClusterError(f"the database in {place.root} stopped right after its start; see {place.data}/log")
    return pid


def _start_on_free_port(place: Home, program: Software, who: process.Runner, claim: int) -> int:
    wanted, failure = place.port, None
    for _ in range(ATTEMPTS):
        port = creation.free_port(wanted)
        creation.write_configuration(place, who, port)
        failure = process.start(place.data, program, who, claim)
        if failure is None:
            return port
        if not any(mark in failure for mark in PORT_TAKEN):
            break
        wanted = None  # somebody was faster: take another
    raise ClusterError(f"the database in {place.root} does not start: {failure}")


def reset_superuser(place: Home, password: str) -> None:
    """Give the superuser a new password without knowing the old one, as the owner of the data may.

    Raises
    ------
    ClusterError
        The server could not be stopped, or refused.
    """
    pid = process.postmaster(place.data)
    if pid is not None:
        process.stop(pid, place.data)
    program = software(place, creation.data_format(place.data))
    who = process.runner(place.data)
    with process.reachable(place.data, who) as (path, descriptors):
        command = [program.program("postgres"), "--single", "-D", path, "-c", "log_statement=none", "postgres"]
        done = who.run(command, descriptors, input=f"ALTER ROLE postgres PASSWORD '{password}'\n", capture_output=True)
    if done.returncode != 0 or "ERROR" in done.stderr:
        raise ClusterError(f"the password in {place.data} could not be renewed: {done.stderr.splitlines()[-1]}")
    start(place, program)
