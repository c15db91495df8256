"""Silences, closures that keep minor alerts back, checks in the field by the nearest team, versions of alert rules.

Revision ID: 0200
Revises: 0190
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0200"
down_revision = "0190"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "keeping_quiet.sql"


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(SQL.read_text(encoding="utf8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION alert_hold(bigint, timestamptz)")
    op.execute("DROP TRIGGER version ON alert_rule; DROP TRIGGER noted ON alert_rule")
    op.execute("DROP FUNCTION keep_rule_version(); DROP FUNCTION note_rule_version()")
    op.drop_column("alert_rule", "why")
    op.execute("DELETE FROM delivery WHERE status = 'withheld' OR reason IN ('reminder', 'check')")
    op.execute("DROP INDEX ix_delivery_withheld")
    op.execute("""ALTER TABLE delivery DROP COLUMN held, DROP CONSTRAINT ck_delivery_status, DROP CONSTRAINT ck_delivery_reason,
        ADD CONSTRAINT ck_delivery_status CHECK (status IN ('waiting', 'delivered', 'failed')),
        ADD CONSTRAINT ck_delivery_reason CHECK (reason IN ('subscribed', 'escalated'))""")
    for table in ("field_check", "team", "silence", "alert_rule_version"):
        op.execute(f"DROP TABLE {table}")
