"""Sightings: every time a change was seen, and changes that turned out to be one.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import geoalchemy2
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PUBLISHED = """
CREATE OR REPLACE VIEW published.changes AS
SELECT id, kind, status, confidence, magnitude, area_m2, area_uncertainty_m2, mean_slope_deg, observed_share, first_date, last_date,
       chainage_km, chainage_from_km, chainage_to_km, offset_m, side, geom
FROM change WHERE status = 'confirmed'"""
FIRST = """
INSERT INTO change_sighting (change_id, run_id, development, confidence, magnitude, area_m2, area_uncertainty_m2, mean_slope_deg,
                             observed_share, first_date, last_date, properties, geom)
SELECT id, run_id, 'new', confidence, magnitude, area_m2, area_uncertainty_m2, mean_slope_deg, observed_share, first_date,
       last_date, properties - 'sightings', geom
FROM change"""
AGAIN = """
INSERT INTO change_sighting (change_id, run_id, development, confidence, magnitude, area_m2, area_uncertainty_m2, mean_slope_deg,
                             observed_share, first_date, last_date, properties, geom)
SELECT c.id, CAST(s ->> 'run_id' AS bigint), 'same', CAST(s ->> 'confidence' AS float8), c.magnitude,
       CAST(s ->> 'area_m2' AS float8), c.area_uncertainty_m2, c.mean_slope_deg, c.observed_share,
       least(c.first_date, CAST(s ->> 'date' AS date)), CAST(s ->> 'date' AS date), '{}', c.geom
FROM change AS c, jsonb_array_elements(c.properties -> 'sightings') AS s"""


def upgrade() -> None:
    op.add_column("change", sa.Column("part_of", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_change_part_of"), "change", "change", ["part_of"], ["id"])
    op.create_table(
        "change_sighting",
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("development", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(precision=53), nullable=False),
        sa.Column("magnitude", sa.Float(precision=53), nullable=True),
        sa.Column("area_m2", sa.Float(precision=53), nullable=False),
        sa.Column("area_uncertainty_m2", sa.Float(precision=53), nullable=False),
        sa.Column("mean_slope_deg", sa.Float(precision=53), nullable=True),
        sa.Column("observed_share", sa.Float(precision=53), nullable=True),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column(
            "properties", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326, dimension=2, from_text="ST_GeomFromEWKT", name="geometry", nullable=False
            ),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "development IN ('new', 'same', 'grown', 'reactivated', 'revegetated')",
            name=op.f("ck_change_sighting_development"),
        ),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_change_sighting_confidence")),
        sa.CheckConstraint("last_date >= first_date", name=op.f("ck_change_sighting_dates")),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_change_sighting_change_id")),
        sa.ForeignKeyConstraint(["run_id"], ["detection_run.id"], name=op.f("fk_change_sighting_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_sighting")),
    )
    op.create_index(op.f("ix_change_sighting_change_id"), "change_sighting", ["change_id"], unique=False)
    op.create_index(op.f("ix_change_sighting_run_id"), "change_sighting", ["run_id"], unique=False)
    op.execute(FIRST)
    op.execute(AGAIN)
    op.execute("UPDATE change SET properties = properties - 'sightings' WHERE properties ? 'sightings'")
    op.execute(PUBLISHED + " AND part_of IS NULL")
    op.execute("REVOKE DELETE ON change_sighting FROM kkh_app")


def downgrade() -> None:
    op.execute(PUBLISHED)
    op.drop_table("change_sighting")
    op.drop_constraint(op.f("fk_change_part_of"), "change", type_="foreignkey")
    op.drop_column("change", "part_of")
