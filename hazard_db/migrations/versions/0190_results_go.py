"""Results may be removed once they have served their time.

Revision ID: 0190
Revises: 0142
"""

from __future__ import annotations

from alembic import op

revision = "0190"
down_revision = "0142"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the application remove results."""
    op.execute("GRANT DELETE ON raster TO kkh_app")


def downgrade() -> None:
    """Let nobody remove results."""
    op.execute("REVOKE DELETE ON raster FROM kkh_app")
