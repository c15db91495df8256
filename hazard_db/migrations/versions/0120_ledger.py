"""The ledger of the road: closures with detours, works with what they cost, structures.

Revision ID: 0120
Revises: 0041
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geoalchemy2
import sqlalchemy as sa
from alembic import op

revision = "0120"
down_revision = "0041"
branch_labels = None
depends_on = None

SQL = Path(__file__).parents[1] / "sql"
ACTOR = "coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"
STRUCTURES = ("bridge", "tunnel", "gallery", "culvert", "wall", "other")
WORKS = ("clearing", "slope", "drainage", "pavement", "bridge", "tunnel", "protection", "inspection", "other")
STATUSES = ("planned", "under_way", "done", "stopped")
NEW = ("detour", "note", "structure_id", "alignment_id", "source_file_id", "key_sha256", "revision", "withdrawn_at", "withdrawn_by",
       "geom")  # fmt: skip


def upgrade() -> None:
    _structures()
    for column in (sa.Column("detour", sa.Text()), sa.Column("note", sa.Text()), *_shared()):
        op.add_column("closure", column)
    _keys("closure", structure_id="structure", alignment_id="alignment", source_file_id="source_file")
    _indexes("closure")
    op.create_table(
        "road_work",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="done", nullable=False),
        sa.Column("chainage_from_km", sa.Float(precision=53), nullable=False),
        sa.Column("chainage_to_km", sa.Float(precision=53), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date()),
        sa.Column("cost", sa.Numeric(16, 2)),
        sa.Column("currency", sa.Text()),
        sa.Column("contractor", sa.Text()),
        sa.Column("closure_id", sa.BigInteger()),
        sa.Column("event_id", sa.BigInteger()),
        sa.Column("site_id", sa.BigInteger()),
        sa.Column("source", sa.Text(), nullable=False),
        *_shared(),
        *_stamped(),
        sa.CheckConstraint(f"kind IN {WORKS}", name=op.f("ck_road_work_kind")),
        sa.CheckConstraint(f"status IN {STATUSES}", name=op.f("ck_road_work_status")),
        sa.CheckConstraint("chainage_to_km >= chainage_from_km", name=op.f("ck_road_work_km_order")),
        sa.CheckConstraint("ended_on >= started_on", name=op.f("ck_road_work_day_order")),
        sa.CheckConstraint("(cost IS NULL) = (currency IS NULL) AND cost >= 0", name=op.f("ck_road_work_cost")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_road_work")),
    )
    _keys(
        "road_work", closure_id="closure", event_id="event", site_id="site", structure_id="structure",
        alignment_id="alignment", source_file_id="source_file",
    )  # fmt: skip
    _indexes("road_work")
    execute((SQL / "ledger.sql").read_text(encoding="utf8"))


def downgrade() -> None:
    for view in ("closures", "works", "structures"):
        op.execute(f"DROP VIEW published.{view}")
    op.execute("DROP TRIGGER reference ON closure; DROP TRIGGER revision ON closure")
    op.drop_table("road_work")
    for name in NEW:
        op.drop_column("closure", name)
    op.drop_index(op.f("ix_closure_chainage_from_km"), "closure")
    op.drop_index(op.f("ix_closure_event_id"), "closure")
    op.drop_table("structure")
    for function in ("reference_stretch()", "count_revision()", "stretch_of_road(float8, float8, bigint)"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute("GRANT DELETE ON closure TO kkh_app")
    execute((SQL / "updates.sql").read_text(encoding="utf8").split("-- Which rasters")[0].replace(
        "CREATE FUNCTION published_updates", "CREATE OR REPLACE FUNCTION published_updates"))  # fmt: skip


def _structures() -> None:
    numbers = ("chainage_km", "chainage_from_km", "chainage_to_km", "offset_m")
    op.create_table(
        "structure",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("accuracy_m", sa.Float(precision=53)),
        sa.Column("note", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("geom", _shape(), nullable=False),
        sa.Column("alignment_id", sa.BigInteger()),
        *(sa.Column(name, sa.Float(precision=53)) for name in numbers),
        sa.Column("side", sa.Text()),
        *_stamped(),
        sa.CheckConstraint(f"kind IN {STRUCTURES}", name=op.f("ck_structure_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_structure")),
        sa.UniqueConstraint("name", "source", name=op.f("uq_structure_name_source")),
    )
    _keys("structure", alignment_id="alignment")
    op.create_index(op.f("ix_structure_chainage_km"), "structure", ["chainage_km"])


def _shared() -> list[sa.Column[Any]]:
    """Columns that closures and works have in common."""
    return [
        *(sa.Column(name, sa.BigInteger()) for name in ("structure_id", "alignment_id", "source_file_id")),
        sa.Column("key_sha256", sa.Text()),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True)),
        sa.Column("withdrawn_by", sa.Text()),
        sa.Column("geom", _shape()),
    ]  # fmt: skip


def _stamped() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), server_default=sa.text(ACTOR), nullable=False),
    ]


def _shape() -> geoalchemy2.Geometry:
    return geoalchemy2.Geometry("GEOMETRY", srid=4326, dimension=2, spatial_index=False)


def _keys(table: str, **targets: str) -> None:
    for column, target in targets.items():
        op.create_foreign_key(op.f(f"fk_{table}_{column}"), table, target, [column], ["id"])


def _indexes(table: str) -> None:
    op.create_index(op.f(f"ix_{table}_chainage_from_km"), table, ["chainage_from_km"])
    op.create_index(op.f(f"ix_{table}_event_id"), table, ["event_id"])
    there = sa.text("withdrawn_at IS NULL")
    op.create_index(f"uq_{table}_key", table, ["key_sha256"], unique=True, postgresql_where=there)


def execute(script: str) -> None:
    """Run a script as it stands: no parameters, so that percent signs and colons mean themselves."""
    op.get_bind().connection.cursor().execute(script)
