"""When an archive was last asked for all of it.

Revision ID: 0191
Revises: 0200
"""

from __future__ import annotations

from alembic import op

revision = "0191"
down_revision = "0200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Remember it."""
    op.execute("ALTER TABLE archive ADD COLUMN whole_at timestamptz")


def downgrade() -> None:
    """Forget it."""
    op.execute("ALTER TABLE archive DROP COLUMN whole_at")
