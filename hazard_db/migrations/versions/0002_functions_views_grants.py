"""Referencing, audit, the published schema, least privilege.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"
ROLES = """
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['kkh_app', 'kkh_public'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END $$
"""
FUNCTIONS = (
    "keep_revision()",
    "audit_statement()",
    "audit_image(jsonb)",
    "actor_name()",
    "point_at_chainage(double precision, bigint)",
    "reference_row()",
    "current_alignment()",
    "corridor_reference(geometry, bigint)",
    "chainage_of_point(geometry, bigint)",
    "corridor_reach_m()",
)


def upgrade() -> None:
    execute(ROLES)
    for name in ("reference", "audit", "published", "grants"):
        execute((SQL / f"{name}.sql").read_text(encoding="utf8"))


def downgrade() -> None:
    execute("DROP SCHEMA published CASCADE")
    for function in FUNCTIONS:
        execute(f"DROP FUNCTION {function} CASCADE")
    execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM kkh_app")


def execute(script: str) -> None:
    """Run a script as it stands: no parameters, so that percent signs mean themselves."""
    op.get_bind().connection.cursor().execute(script)
