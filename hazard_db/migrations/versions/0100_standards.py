"""Rasters that runs leave, scenes that are restricted, both as STAC items; updates of glaciers, lakes and displacement.

Revision ID: 0100
Revises: 0141
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0100"
down_revision = "0141"
branch_labels = None
depends_on = None

FOLDER = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    op.get_bind().connection.cursor().execute((FOLDER / "standards.sql").read_text(encoding="utf8"))


def downgrade() -> None:
    before = (FOLDER / "updates.sql").read_text(encoding="utf8")
    op.execute("DROP VIEW published.stac_items")
    op.execute("DROP VIEW stac_item")
    op.execute("DROP TABLE raster")
    execute = op.get_bind().connection.cursor().execute
    execute(before[before.index("CREATE OR REPLACE VIEW published.scenes") :])
    function = before[before.index("CREATE FUNCTION published_updates") : before.index("REVOKE ALL ON FUNCTION")]
    execute(function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    ledger = (FOLDER / "ledger.sql").read_text(encoding="utf8")
    execute(ledger[ledger.index("-- Copies elsewhere follow") :])
    op.drop_column("scene", "scope")
