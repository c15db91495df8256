"""Termini, glacial lakes, and the way from both to the road.

Revision ID: 0050
Revises: 0030
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geoalchemy2
import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0030"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"
ACTOR = "coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"
VIEWS = ("cascades", "glacier_outlines", "glaciers", "lake_outlines", "lakes", "termini")


def upgrade() -> None:
    _terminus()
    _lakes()
    _cascade()
    for table in ("terminus", "glacial_lake", "lake_outline", "cascade"):
        op.create_index(f"idx_{table}_geom", table, ["geom"], postgresql_using="gist")
    op.create_index("idx_cascade_meeting", "cascade", ["meeting"], postgresql_using="gist")
    _execute((SQL / "ice.sql").read_text(encoding="utf8"))


def _terminus() -> None:
    op.create_table(
        "terminus",
        sa.Column("glacier", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("scene_id", sa.Text()),
        sa.Column("observed_on", sa.Date(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True)),
        sa.Column("trend", sa.Text(), nullable=False),
        *_numbers("length_m", "length_uncertainty_m", "change_m", "change_uncertainty_m", "rate_m_yr"),
        *_numbers("rate_uncertainty_m_yr", "area_m2", "area_uncertainty_m2"),
        sa.Column("surge_on", sa.Date()),
        *(sa.Column(name, sa.Text()) for name in ("surface", "centreline", "reason")),
        sa.Column("confidence", sa.Float(precision=53), nullable=False),
        sa.Column("geom", _shape("LINESTRING")),
        *_stamped(),
        sa.CheckConstraint(
            "trend IN ('retreat', 'stable', 'advance', 'surge', 'not_measurable')", name=op.f("ck_terminus_trend")
        ),
        sa.CheckConstraint("(trend = 'not_measurable') = (length_m IS NULL)", name=op.f("ck_terminus_length")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_terminus_confidence")),
        *_keys("terminus", glacier="glacier", run_id="detection_run", scene_id="scene"),
    )
    for column in ("run_id", "scene_id"):
        op.create_index(op.f(f"ix_terminus_{column}"), "terminus", [column])
    _current("terminus", "glacier")


def _lakes() -> None:
    op.create_table(
        "glacial_lake",
        sa.Column("lake_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("ice_dammed", sa.Boolean()),
        *_numbers("ice_contact_share"),
        sa.Column("glacier", sa.BigInteger()),
        sa.Column("geom", _shape("MULTIPOLYGON"), nullable=False),
        *_stamped(),
        sa.Column("alignment_id", sa.BigInteger()),
        *_numbers("chainage_km", "chainage_from_km", "chainage_to_km", "offset_m"),
        sa.Column("side", sa.Text()),
        sa.UniqueConstraint("lake_id", name=op.f("uq_glacial_lake_lake_id")),
        *_keys("glacial_lake", glacier="glacier", alignment_id="alignment"),
    )
    op.create_index(op.f("ix_glacial_lake_chainage_km"), "glacial_lake", ["chainage_km"])
    op.create_table(
        "lake_outline",
        sa.Column("lake", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("scene_id", sa.Text()),
        sa.Column("observed_on", sa.Date(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True)),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("area_m2", sa.Float(precision=53), nullable=False),
        sa.Column("area_uncertainty_m2", sa.Float(precision=53), nullable=False),
        *_numbers("growth_m2_yr", "growth_uncertainty_m2_yr"),
        sa.Column("confidence", sa.Float(precision=53), nullable=False),
        sa.Column("geom", _shape("MULTIPOLYGON")),
        *_stamped(),
        sa.CheckConstraint("state IN ('water', 'frozen', 'dry')", name=op.f("ck_lake_outline_state")),
        sa.CheckConstraint("(state = 'dry') = (geom IS NULL)", name=op.f("ck_lake_outline_shape")),
        sa.CheckConstraint("area_m2 >= 0 AND area_uncertainty_m2 >= 0", name=op.f("ck_lake_outline_area")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_lake_outline_confidence")),
        *_keys("lake_outline", lake="glacial_lake", run_id="detection_run", scene_id="scene"),
    )
    for column in ("run_id", "scene_id"):
        op.create_index(op.f(f"ix_lake_outline_{column}"), "lake_outline", [column])
    _current("lake_outline", "lake")


def _cascade() -> None:
    op.create_table(
        "cascade",
        sa.Column("lake", sa.BigInteger()),
        sa.Column("glacier", sa.BigInteger()),
        sa.Column("dem", sa.Text(), nullable=False),
        sa.Column("dem_sha256", sa.Text(), nullable=False),
        sa.Column("pixel_m", sa.Float(precision=53), nullable=False),
        sa.Column("geom", _shape("LINESTRINGZ", 3), nullable=False),
        sa.Column("alignment_id", sa.BigInteger()),
        *_numbers("chainage_km", "flow_m", "drop_m", "gap_m"),
        sa.Column("meeting", _shape("POINT")),
        *_stamped(),
        sa.CheckConstraint("num_nonnulls(lake, glacier) = 1", name=op.f("ck_cascade_source")),
        sa.UniqueConstraint("lake", name=op.f("uq_cascade_lake")),
        sa.UniqueConstraint("glacier", name=op.f("uq_cascade_glacier")),
        *_keys("cascade", lake="glacial_lake", glacier="glacier", alignment_id="alignment"),
    )
    op.create_index(op.f("ix_cascade_chainage_km"), "cascade", ["chainage_km"])


def downgrade() -> None:
    for view in VIEWS:
        op.execute(f"DROP VIEW published.{view}")
    for table in ("cascade", "lake_outline", "glacial_lake", "terminus"):
        op.drop_table(table)
    op.execute("DROP FUNCTION meet_road()")
    before = (SQL / "glaciers.sql").read_text(encoding="utf8")
    _execute(before[before.index("CREATE VIEW published.glaciers") :])


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Float(precision=53)) for name in names]


def _shape(kind: str, dimension: int = 2) -> geoalchemy2.Geometry:
    return geoalchemy2.Geometry(kind, srid=4326, dimension=dimension, spatial_index=False)


def _stamped() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), server_default=sa.text(ACTOR), nullable=False),
    ]


def _keys(table: str, **targets: str) -> list[Any]:
    foreign = [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))
        for column, target in targets.items()
    ]
    return [sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")), *foreign]


def _current(table: str, owner: str) -> None:
    """Let a day of a glacier or lake stand once; what a later run took the place of stays beside it."""
    where = sa.text("superseded_at IS NULL")
    op.create_index(f"uq_{table}_current", table, [owner, "observed_on"], unique=True, postgresql_where=where)


def _execute(script: str) -> None:
    """Run a script as it stands: no parameters, so that percent signs and colons mean themselves."""
    op.get_bind().connection.cursor().execute(script)
