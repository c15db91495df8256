"""Looks: what hid the rest of a segment's surroundings, by reason.

Revision ID: 0180
Revises: 0191
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0180"
down_revision = "0191"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "visibility",
        sa.Column("hidden", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("visibility", "hidden")
