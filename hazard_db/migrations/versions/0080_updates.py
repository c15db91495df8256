"""What changed among the published features since a moment, for whoever keeps a copy.

Revision ID: 0080
Revises: 0060
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0080"
down_revision = "0060"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "updates.sql"


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(SQL.read_text(encoding="utf8"))


def downgrade() -> None:
    op.execute("DROP FUNCTION published_updates(text, timestamptz, integer)")
    op.drop_index("ix_scene_assets", "scene")
    op.execute("DROP VIEW published.scenes")
    op.execute(
        """CREATE VIEW published.scenes AS
           SELECT id, collection, sensor, acquired_at, grid_tile, epsg, cloud_cover, sun_elevation_deg, sun_azimuth_deg, geom FROM scene"""
    )
    op.execute("GRANT SELECT ON published.scenes TO kkh_app, kkh_public")
