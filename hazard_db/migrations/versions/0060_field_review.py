"""Remarks between observers and reviewers, and the states of a site through time.

Revision ID: 0060
Revises: 0040
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0040"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"
ACTOR = "coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"
BEFORE = ("active", "suspended", "dormant", "stabilised", "relict", "unknown")
STATES = ("active", "reactivated", *BEFORE[1:])
TRIGGERS = (
    ("insert", "NEW TABLE AS new_rows"),
    ("update", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
    ("delete", "OLD TABLE AS old_rows"),
)


def upgrade() -> None:
    op.create_table(
        "remark",
        sa.Column("observation_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), server_default=sa.text(ACTOR), nullable=False),
        sa.ForeignKeyConstraint(
            ["observation_id"], ["observation.id"], name=op.f("fk_remark_observation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remark")),
    )
    op.create_index(op.f("ix_remark_observation_id"), "remark", ["observation_id"])
    op.drop_constraint(op.f("ck_site_activity"), "site")
    op.create_check_constraint(op.f("ck_site_activity"), "site", f"activity IN {STATES}")
    op.create_table(
        "site_state",
        sa.Column("site_id", sa.BigInteger(), nullable=False),
        sa.Column("activity", sa.Text(), nullable=False),
        sa.Column("since_on", sa.Date(), nullable=True),
        sa.Column("precision", sa.Text(), server_default="day", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), server_default=sa.text(ACTOR), nullable=False),
        sa.CheckConstraint(f"activity IN {STATES}", name=op.f("ck_site_state_activity")),
        sa.CheckConstraint("precision IN ('day', 'month', 'year')", name=op.f("ck_site_state_precision")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_site_state_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_state")),
    )
    op.create_index(op.f("ix_site_state_site_id"), "site_state", ["site_id"])
    op.execute(
        "INSERT INTO site_state (site_id, activity, source, created_at, created_by) "
        "SELECT id, activity, source, created_at, created_by FROM site WHERE activity <> 'unknown'"
    )
    execute((SQL / "site_states.sql").read_text(encoding="utf8"))
    for table in ("remark", "site_state"):
        for action, tables in TRIGGERS:
            execute(
                f"CREATE TRIGGER audit_{action} AFTER {action.upper()} ON {table} REFERENCING {tables} "
                "FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()"
            )
    execute("REVOKE UPDATE, DELETE ON remark FROM kkh_app; REVOKE DELETE ON site_state FROM kkh_app")


def downgrade() -> None:
    for trigger in ("state_of_new", "state_of_changed"):
        op.execute(f"DROP TRIGGER {trigger} ON site")
    op.drop_table("site_state")
    op.execute("DROP FUNCTION note_site_states(); DROP FUNCTION apply_site_state(); DROP FUNCTION newest_state(bigint)")
    op.execute("UPDATE site SET activity = 'active' WHERE activity = 'reactivated'")
    op.drop_constraint(op.f("ck_site_activity"), "site")
    op.create_check_constraint(op.f("ck_site_activity"), "site", f"activity IN {BEFORE}")
    op.drop_table("remark")


def execute(script: str) -> None:
    """Run a script as it stands: no parameters, so that percent signs and colons mean themselves."""
    op.get_bind().connection.cursor().execute(script)
