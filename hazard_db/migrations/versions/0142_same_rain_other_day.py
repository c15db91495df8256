"""Two dry days have the same bytes: a rain grid is known by its content and its hours.

Revision ID: 0142
Revises: 0151
"""

from __future__ import annotations

from alembic import op

revision = "0142"
down_revision = "0151"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("uq_rain_grid_sha256", "rain_grid")
    op.create_unique_constraint(
        "uq_rain_grid_sha256_starts_at_ends_at", "rain_grid", ["sha256", "starts_at", "ends_at"]
    )


def downgrade() -> None:
    op.drop_constraint("uq_rain_grid_sha256_starts_at_ends_at", "rain_grid")
    op.execute("DELETE FROM rain_grid AS g USING rain_grid AS o WHERE g.sha256 = o.sha256 AND g.id < o.id")
    op.create_unique_constraint("uq_rain_grid_sha256", "rain_grid", ["sha256"])
