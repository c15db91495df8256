"""Rain, earthquakes, bulletins of others, gauges, and whether sources still speak.

Revision ID: 0140
Revises: 0120
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0140"
down_revision = "0120"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql" / "triggers.sql"
TABLES = (
    "source", "sensor_value", "sensor", "bulletin", "segment_shaking", "earthquake", "rain_climate", "rain", "rain_grid",
)  # fmt: skip


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(SQL.read_text(encoding="utf8"))


def downgrade() -> None:
    for view in ("rainfall", "earthquakes", "bulletins", "sensors"):
        op.execute(f"DROP VIEW published.{view}")
    op.execute("DROP VIEW segment_rain")
    op.execute("DROP FUNCTION rain_percentile(rain_climate, double precision)")
    op.execute("DROP FUNCTION rain_sums(timestamptz)")
    op.execute("DROP FUNCTION climate_zone(double precision, double precision)")
    for table in TABLES:
        op.drop_table(table)
    op.execute("DELETE FROM api_key WHERE scope = 'sensors'")
    op.execute("ALTER TABLE api_key DROP CONSTRAINT ck_api_key_scope")
    op.execute("ALTER TABLE api_key ADD CONSTRAINT ck_api_key_scope CHECK (scope IN ('all', 'forms'))")
