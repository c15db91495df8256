"""Hazards, quiet hours and a chain of receivers per subscription; receipts of deliveries.

Revision ID: 0141
Revises: 0110
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0141"
down_revision = "0110"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "delivering.sql"
COLUMNS = {
    "delivery": ("queued_at", "reason", "receipt", "receipt_at", "receipt_note"),
    "subscription": ("hazards", "quiet_from", "quiet_to", "timezone", "escalate_to", "escalate_after_min"),
}


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(SQL.read_text(encoding="utf8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION is_quiet(time, time, text, timestamptz)")
    op.drop_index("ix_delivery_subscription_id", "delivery")
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column)
