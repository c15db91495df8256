"""A private cluster for the whole run, and a migrated database of its own for each test."""

from __future__ import annotations

import fcntl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from hazard_db import cluster as private_cluster
from hazard_db import migrate
from hazard_db.cluster.roles import ADMIN, ROLES, grant_connections, prepare_database
from hazard_db.connect import Engine, engine

TEMPLATE = "template_hazard"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the workers of one run apart."""
    with (folder / "integration.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Path]:
    """Yield the home of the run's cluster, which holds the migrated template; the last worker stops it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    home = shared / "cluster"
    users = shared / "cluster-users"
    with _alone(shared):
        users.mkdir(exist_ok=True)
        (users / worker_id).touch()
        private_cluster.up(home)
        _make_template(home)
    yield home
    with _alone(shared):
        (users / worker_id).unlink()
        if not any(users.iterdir()):
            private_cluster.down(home)


def _make_template(home: Path) -> None:
    """Migrate one database, once; a test clones it in a fraction of the time of a migration."""
    with psycopg.connect(private_cluster.superuser_url(home, "postgres"), autocommit=True) as conn:
        done = conn.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
        if done == (True,):
            return
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # these databases live for a test
            conn.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        conn.execute("SELECT pg_reload_conf()")
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(TEMPLATE)))
        conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(TEMPLATE), sql.Identifier(ADMIN)))
        with psycopg.connect(private_cluster.superuser_url(home, TEMPLATE), autocommit=True) as inside:
            prepare_database(inside)
        migrate.upgrade(_at(private_cluster.url(home, "admin"), TEMPLATE))
        conn.execute(sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE true").format(sql.Identifier(TEMPLATE)))


def _at(url: str, name: str) -> str:
    return url.rpartition("/")[0] + "/" + name


@dataclass(frozen=True)
class Database:
    """A migrated database of one test, as each role sees it."""

    url: str
    app_url: str
    public_url: str

    @cached_property
    def engine(self) -> Engine:
        """Engine of the admin role, owner of the tables."""
        return engine(self.url)

    @cached_property
    def app_engine(self) -> Engine:
        """Engine of the role that the application uses."""
        return engine(self.app_url)

    @cached_property
    def public_engine(self) -> Engine:
        """Engine of the role that may read schema published only."""
        return engine(self.public_url, readonly=True)

    def close(self) -> None:
        """Close what was opened."""
        for name in ("engine", "app_engine", "public_engine"):
            if name in self.__dict__:
                self.__dict__[name].dispose()


@contextmanager
def _clone(home: Path) -> Iterator[Database]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(private_cluster.superuser_url(home, "postgres"), autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE), sql.Identifier(ADMIN)
            )
        )
        grant_connections(conn, name)
    made = Database(*(_at(private_cluster.url(home, role), name) for role in ROLES))
    try:
        yield made
    finally:
        made.close()
        with psycopg.connect(private_cluster.superuser_url(home, "postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(cluster: Path) -> Iterator[Database]:
    """Yield a migrated, otherwise empty database of this test's own."""
    with _clone(cluster) as made:
        yield made


@pytest.fixture
def empty_database(cluster: Path) -> Iterator[Database]:
    """Yield a second one, for tests that carry records from one to the other."""
    with _clone(cluster) as made:
        yield made
