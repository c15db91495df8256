"""What a rating rests on: slopes scored in the field, rasters along the road; its history found quickly.

Revision ID: 0110
Revises: 0150
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0110"
down_revision = "0150"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "risk.sql"


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(SQL.read_text(encoding="utf8"))


def downgrade() -> None:
    op.execute("DROP TABLE segment_layer, hazard_layer, rhrs_score")
    op.execute("DROP FUNCTION reach_share(float8, float8, float8, float8)")
    op.execute("DROP FUNCTION reach_area(float8, float8, float8)")
    op.execute("DROP INDEX ix_risk_rating_history")
