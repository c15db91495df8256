"""Glaciers and their outlines.

Revision ID: 0020
Revises: 0003
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geoalchemy2
import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0003"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"
ACTOR = "coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"


def upgrade() -> None:
    op.create_table(
        "glacier",
        sa.Column("glacier_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        *_stamped(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_glacier")),
        sa.UniqueConstraint("glacier_id", name=op.f("uq_glacier_glacier_id")),
    )
    op.create_table(
        "glacier_outline",
        sa.Column("glacier", sa.BigInteger(), nullable=False),
        sa.Column("outlined_on", sa.Date()),
        sa.Column("date_precision", sa.Text()),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("area_m2", sa.Float(precision=53), nullable=False),
        sa.Column("area_uncertainty_m2", sa.Float(precision=53), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("geom", geoalchemy2.Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False),
        *_stamped(),
        sa.Column("alignment_id", sa.BigInteger()),
        *(
            sa.Column(name, sa.Float(precision=53))
            for name in ("chainage_km", "chainage_from_km", "chainage_to_km", "offset_m")
        ),
        sa.Column("side", sa.Text()),
        sa.CheckConstraint("date_precision IN ('day', 'year')", name=op.f("ck_glacier_outline_date_precision")),
        sa.CheckConstraint("area_m2 > 0 AND area_uncertainty_m2 >= 0", name=op.f("ck_glacier_outline_area")),
        sa.ForeignKeyConstraint(["alignment_id"], ["alignment.id"], name=op.f("fk_glacier_outline_alignment_id")),
        sa.ForeignKeyConstraint(["glacier"], ["glacier.id"], name=op.f("fk_glacier_outline_glacier")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_glacier_outline")),
        sa.UniqueConstraint("glacier", "content_sha256", name=op.f("uq_glacier_outline_glacier_content_sha256")),
    )
    op.create_index("idx_glacier_outline_geom", "glacier_outline", ["geom"], postgresql_using="gist")
    op.create_index("ix_glacier_outline_outlined_on", "glacier_outline", ["outlined_on"])
    op.create_index(op.f("ix_glacier_outline_chainage_km"), "glacier_outline", ["chainage_km"])
    op.get_bind().connection.cursor().execute((SQL / "glaciers.sql").read_text(encoding="utf8"))


def downgrade() -> None:
    op.execute("DROP VIEW published.glaciers")
    op.drop_table("glacier_outline")
    op.drop_table("glacier")


def _stamped() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), server_default=sa.text(ACTOR), nullable=False),
    ]
