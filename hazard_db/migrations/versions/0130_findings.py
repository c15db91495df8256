"""What rain, earthquakes, instruments and silence say of the road, for the rules of alerts.

Revision ID: 0130
Revises: 0100
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0130"
down_revision = "0100"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "findings.sql"


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(SQL.read_text(encoding="utf8"))


def downgrade() -> None:
    for table in ("alert_finding", "finding_look", "finding"):
        op.execute(f"DROP TABLE {table}")
