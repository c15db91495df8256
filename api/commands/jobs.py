"""`kkh jobs`: the queue that workers take their work from."""

from __future__ import annotations

from typing import Annotated

import typer

from api.commands.choices import AsJson
from api.console import put, put_json, put_table

app = typer.Typer(name="jobs", help="The queue that workers take their work from.", no_args_is_help=True)

JobId = Annotated[int, typer.Argument(help="Number of the job.")]


@app.command("list")
def list_jobs(
    status: Annotated[
        str | None, typer.Option(help="Only these: todo, doing, succeeded, failed, cancelled, aborted.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
    ticks: Annotated[bool, typer.Option("--ticks", help="Also the jobs that only come round.")] = False,
    json: AsJson = False,
) -> None:
    """List jobs: under way, failed and waiting ones first."""
    from api.opening import opened
    from hazard_db import connect, queue

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        rows = queue.jobs(conn, status=status, limit=limit, ticks=ticks)
    if json:
        put_json(rows)
        return
    put_table(
        ("id", "job", "state", "about", "priority", "attempts", "done", "what"),
        [
            (r.id, r.task, "stalled" if r.stalled else r.status, r.subject, r.priority, r.attempts, r.share, r.note)
            for r in rows
        ],
    )


@app.command()
def retry(job: JobId) -> None:
    """Let a job that fell be tried again at once."""
    from api.opening import opened
    from hazard_db import connect, queue

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        queue.retry(conn, job)
    put(f"job {job} waits to be done again")


@app.command()
def cancel(job: JobId) -> None:
    """Take a job out of the queue; one that is under way ends at its next step."""
    from api.opening import opened
    from hazard_db import connect, queue

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        put(f"job {job}: {queue.cancel(conn, job)}")
