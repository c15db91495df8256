"""The queue of jobs: procrastinate's tables (its schema 3.10, as it was published), and what each job tells of itself.

Revision ID: 0150
Revises: 0140
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0150"
down_revision = "0140"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "queue.sql"
TABLES = "procrastinate_workers, procrastinate_jobs, procrastinate_periodic_defers, procrastinate_events"
NOTES = """
CREATE TABLE job_note (
    job_id bigint PRIMARY KEY REFERENCES procrastinate_jobs ON DELETE CASCADE,
    line text NOT NULL,
    share double precision CHECK (share BETWEEN 0 AND 1),
    noted_at timestamptz NOT NULL DEFAULT now()
)
"""
DROP = """
DROP TABLE job_note, procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers CASCADE;
DO $$
DECLARE one regprocedure;
BEGIN
    FOR one IN SELECT oid::regprocedure FROM pg_proc
        WHERE proname LIKE 'procrastinate%' AND pronamespace = 'public'::regnamespace LOOP
        EXECUTE 'DROP FUNCTION ' || one || ' CASCADE';
    END LOOP;
END $$;
DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_status, procrastinate_job_event_type;
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(SQL.read_text(encoding="utf8"))
    op.get_bind().connection.cursor().execute(NOTES)
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLES}, job_note TO kkh_app")


def downgrade() -> None:
    op.get_bind().connection.cursor().execute(DROP)
