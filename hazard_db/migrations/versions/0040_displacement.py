"""Displacement: sets, points with their series, areas that move, and how the satellite sees the road's surroundings.

Revision ID: 0040
Revises: 0050
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0040"
down_revision = "0050"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"
TABLES = (
    "deformation_area", "displacement_visibility", "displacement_point", "displacement_file", "displacement_set",
)  # fmt: skip


def upgrade() -> None:
    op.get_bind().connection.cursor().execute((SQL / "displacement.sql").read_text(encoding="utf8"))


def downgrade() -> None:
    for view in ("deformation_areas", "displacement_points", "displacement_sets"):
        op.execute(f"DROP VIEW published.{view}")
    for table in TABLES:
        op.drop_table(table)
