"""The queue: jobs are done once in effect, in order, by whoever lives, and seen from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import MultiPolygon, box
from sqlalchemy import text

from api import worker
from api.commands.status import lines
from api.imagery import defer_looks
from api.jobs import Job, Tools
from hazard_db import connect, health, queue, seed
from hazard_db.errors import ConflictError, NotFoundError, RasterError, SpaceError
from hazard_db.scenes import SceneRecord
from tests.archive_scenes import bounds, day
from tests.phones import settings_of

pytestmark = pytest.mark.integration

Tasks = dict[str, Callable[..., Any]]


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tasks]:
    """Yield the tasks of a worker, to be filled by the test; nothing comes round."""
    made: Tasks = {}
    monkeypatch.setattr(worker, "TASKS", made)
    monkeypatch.setattr(worker, "JOBS", {})
    yield made


@pytest.fixture
def work(database: Any, tmp_path: Path) -> Callable[[], None]:
    """Return a function that works until the queue is empty."""
    settings = settings_of(database, tmp_path)
    return lambda: worker.run(settings, threading.Event(), concurrency=2, wait=False)


def defer(database: Any, task: str, **args: Any) -> int | None:
    options = {name: args.pop(name) for name in ("key", "lock", "priority") if name in args}
    with connect.transaction(database.app_engine) as conn:
        return queue.defer(conn, task, args, **{"key": str(args), **options})


def listed(database: Any, **filters: Any) -> list[queue.JobView]:
    with connect.transaction(database.app_engine) as conn:
        return queue.jobs(conn, **filters)


def scene_of(taken: datetime, name: str) -> SceneRecord:
    return SceneRecord(
        id=name, collection="c", sensor="s", acquired_at=taken, epsg=32643, sun_elevation_deg=60.0, sun_azimuth_deg=150.0,
        assets={"reflectance": {"href": "x.tif", "bands": ["green", "nir"]}}, checksum=name, grid_tile="43SDA",
        footprint=MultiPolygon([box(*bounds())]),
    )  # fmt: skip


def statement(database: Any, sql: str, **values: Any) -> Any:
    with connect.transaction(database.engine) as conn:
        return conn.execute(text(sql), values)


def test_jobs_of_one_lock_are_done_in_turn_and_urgent_ones_first(database: Any, tasks: Tasks, work: Any) -> None:
    seen: list[str] = []
    under_way: set[str] = set()

    def act(tools: Tools, *, name: str) -> None:
        del tools
        assert not under_way
        under_way.add(name)
        seen.append(name)
        under_way.discard(name)

    tasks["act"] = act
    for name, priority in (("a", 0), ("b", 0), ("urgent", queue.URGENT), ("c", 0)):
        defer(database, "act", name=name, lock="43SDA", priority=priority)
    work()
    assert seen == ["urgent", "a", "b", "c"]
    assert {job.status for job in listed(database)} == {"succeeded"}


def test_the_same_work_waits_once(database: Any) -> None:
    assert defer(database, "act", name="a", key="k") is not None
    assert defer(database, "act", name="a", key="k") is None
    statement(database, "UPDATE procrastinate_jobs SET status = 'doing'")
    assert defer(database, "act", name="a", key="k") is None
    statement(database, "UPDATE procrastinate_jobs SET status = 'succeeded'")
    assert defer(database, "act", name="a", key="k") is not None


def test_a_job_is_there_exactly_when_what_it_follows_from_is(database: Any) -> None:
    with pytest.raises(RuntimeError), connect.transaction(database.app_engine) as conn:
        queue.defer(conn, "act", {}, key="k")
        raise RuntimeError
    assert listed(database) == []


def test_bad_input_fails_at_once_and_says_why_and_a_person_may_try_again(
    database: Any, tasks: Tasks, work: Any
) -> None:
    calls: list[int] = []

    def act(tools: Tools) -> None:
        del tools
        calls.append(1)
        if len(calls) == 1:
            raise RasterError("a.tif: is damaged")

    tasks["act"] = act
    number = defer(database, "act")
    assert number is not None
    work()
    (job,) = listed(database)
    assert (job.status, job.note, len(calls)) == ("failed", "a.tif: is damaged", 1)
    with connect.transaction(database.app_engine) as conn:
        queue.retry(conn, number)
    work()
    (job,) = listed(database)
    assert (job.status, job.note, len(calls)) == ("succeeded", "done", 2)
    with pytest.raises(ConflictError), connect.transaction(database.app_engine) as conn:
        queue.retry(conn, number)
    with pytest.raises(NotFoundError), connect.transaction(database.app_engine) as conn:
        queue.cancel(conn, 10**9)


def test_no_space_puts_a_job_off_without_an_end(database: Any, tasks: Tasks, work: Any) -> None:
    def act(tools: Tools) -> None:
        raise SpaceError("the disk is full")

    tasks["act"] = act
    defer(database, "act")
    statement(database, "UPDATE procrastinate_jobs SET attempts = :n", n=queue.MOST_ATTEMPTS + 1)
    work()
    (job,) = listed(database)
    assert (job.status, job.note) == ("todo", "the disk is full")
    assert job.due_at is not None


def test_what_a_dead_worker_was_doing_is_done_by_another(database: Any, tasks: Tasks, work: Any) -> None:
    done: list[str] = []
    tasks["act"] = lambda tools, name: done.append(name)
    for name in ("dead", "alive", "orphan"):
        defer(database, "act", name=name)
    statement(
        database,
        """WITH w AS (INSERT INTO procrastinate_workers (last_heartbeat) VALUES
               (now() - make_interval(secs => :s)), (now()) RETURNING id, last_heartbeat)
           UPDATE procrastinate_jobs SET status = 'doing', worker_id = CASE args ->> 'name'
               WHEN 'dead' THEN (SELECT min(id) FROM w) WHEN 'alive' THEN (SELECT max(id) FROM w) END""",
        s=queue.DEAD_AFTER_S + 1,
    )
    assert sum(job.stalled for job in listed(database)) == 2
    with connect.transaction(database.app_engine) as conn:
        assert len(queue.recover(conn)) == 2
        assert queue.recover(conn) == []
    work()
    assert sorted(done) == ["dead", "orphan"]


def test_a_dead_job_whose_work_waits_already_is_not_done_twice(database: Any) -> None:
    defer(database, "act", name="a", key="k")
    statement(database, "UPDATE procrastinate_jobs SET status = 'doing'")
    statement(
        database,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('default', 'act', 'k')",
    )
    with connect.transaction(database.app_engine) as conn:
        queue.recover(conn)
    assert sorted(job.status for job in listed(database)) == ["aborted", "todo"]


def test_a_job_under_way_ends_at_its_next_step_when_cancelled(database: Any, tasks: Tasks, work: Any) -> None:
    steps: list[str] = []

    def act(tools: Tools, *, subject_id: str) -> None:
        steps.append("first")
        with connect.transaction(database.app_engine) as conn:
            assert queue.cancel(conn, listed(database)[0].id) == "stopping"
        tools.tell("second", 0.5)
        steps.append("second")

    tasks["act"] = act
    defer(database, "act", subject_id="x")
    work()
    assert steps == ["first"]
    assert listed(database)[0].status in {"aborted", "cancelled"}


def test_jobs_that_come_round_do_their_work_and_are_tidied(
    database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, turns = threading.Event(), []

    def act(tools: Tools) -> None:
        del tools
        turns.append(1)
        ended.set()

    monkeypatch.setattr(worker, "JOBS", {"act": Job(act, 1.0)})
    worker.run(settings_of(database, tmp_path), ended, concurrency=1)
    assert turns
    assert listed(database) == []
    assert listed(database, ticks=True)
    statement(database, "UPDATE procrastinate_events SET at = at - interval '2 hours'")
    with connect.transaction(database.app_engine) as conn:
        assert queue.tidy(conn) >= 1


@pytest.mark.parametrize(("every_s", "cron"), [(5.0, "* * * * * */5"), (60.0, "*/1 * * * *"), (3600.0, "0 */1 * * *")])
def test_periods_are_told_to_the_queue(every_s: float, cron: str) -> None:
    assert worker.cron(every_s) == cron


def test_the_page_shows_what_is_being_done(client: Any, key: Any, database: Any) -> None:
    number = defer(database, "take", subject="S2A_43SDA")
    with connect.transaction(database.app_engine) as conn:
        queue.note(conn, number or 0, "reading bands", 0.4)
    assert client.get("/jobs", headers=key("viewer")).status_code == 403
    page = client.get("/jobs?lang=zh", headers={**key("reviewer", "r"), "Accept": "text/html"})
    assert page.status_code == 200
    assert "S2A_43SDA" in page.text
    assert "接收影像" in page.text
    assert "没有在线的工作进程" in page.text
    told = client.get("/jobs?f=json", headers=key("reviewer", "r2")).json()
    assert told["jobs"][0]["share"] == 0.4
    assert told["backlog"]["waiting"] == 1


def test_status_tells_what_is_wrong(database: Any) -> None:
    with connect.transaction(database.app_engine) as conn:
        found = health.look(conn, free_mb=100, least_free_mb=500)
    assert len(lines(found)) <= 10
    assert lines(found)[0] == "NOT WELL: 2 troubles"
    assert "100 MB" in lines(found)[-1]
    statement(database, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    with connect.transaction(database.app_engine) as conn:
        assert health.look(conn, free_mb=1000, least_free_mb=500).troubles == ()


def test_scenes_of_one_place_that_wait_are_measured_together_and_after_what_comes_in_faster(database: Any) -> None:
    made = [scene_of(day(number), str(number)) for number in range(3)]
    with connect.transaction(database.app_engine) as conn:
        defer_looks(conn, made[1])
        defer_looks(conn, made[0])
    statement(database, "UPDATE procrastinate_jobs SET status = 'doing' WHERE args ->> 'kind' = 'lake'")
    with connect.transaction(database.app_engine) as conn:
        defer_looks(conn, made[2])
    jobs = [(row.args["kind"], row.args["scenes"]) for row in statement(
        database, "SELECT args FROM procrastinate_jobs ORDER BY priority DESC, id").all()]  # fmt: skip
    assert jobs == [
        ("landslide", ["1"]), ("landslide", ["0"]), ("landslide", ["2"]), ("lake", ["0", "1"]),
        ("glacier", ["0", "1", "2"]), ("lake", ["2"]),
    ]  # fmt: skip


def test_a_database_that_does_not_answer_is_told() -> None:
    found = health.ask("postgresql://kkh@127.0.0.1:9/kkh", free_mb=100, least_free_mb=500)
    assert found.backlog is None
    assert "start it with" in found.troubles[0]
    assert lines(found)[:2] == ["NOT WELL: 2 troubles", "catalogue    could not be asked"]


def test_a_statement_that_waits_for_a_lock_is_not_waited_for(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE_S", 1)
    with connect.transaction(database.engine) as conn:
        conn.execute(text("LOCK TABLE scene"))
        found = health.ask(database.app_url, free_mb=1000, least_free_mb=500)
    assert "too late" in found.troubles[0]
    assert health.ask(database.app_url, free_mb=1000, least_free_mb=500).backlog is not None


def test_imagery_near_an_open_alert_goes_first(database: Any) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
        conn.execute(
            text(
                """INSERT INTO alert (identifier, group_key, kind, state, scope, severity, certainty, urgency, headline,
                       description, geom, raised_at, expires_at, chainage_from_km, chainage_to_km, evidence)
                   VALUES (gen_random_uuid(), 'g', 'landslide', 'open', 'Restricted', 'Severe', 'Possible', 'Future',
                       '{}', '{}', ST_SetSRID(ST_MakePoint(74.8, 36.3), 4326), now(), now() + interval '1 day', 650, 651, '{}')"""
            )
        )
        near = {"type": "Point", "coordinates": [74.9, 36.3]}
        far = {"type": "Point", "coordinates": [73.0, 34.0]}
        assert (queue.urgency(conn, near), queue.urgency(conn, far)) == (queue.URGENT, queue.ORDINARY)
