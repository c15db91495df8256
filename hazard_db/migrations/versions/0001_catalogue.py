"""The catalogue: corridor, field, imagery, warning, access

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import geoalchemy2
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("session_epoch", sa.Integer(), server_default="1", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "role IN ('viewer', 'field', 'reviewer', 'engineer', 'admin')", name=op.f("ck_account_role")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "alert_rule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_alert_rule_name")),
    )
    op.create_table(
        "alignment",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("accuracy_m", sa.Float(precision=53), nullable=True),
        sa.Column("km_from", sa.Float(precision=53), nullable=False),
        sa.Column("km_to", sa.Float(precision=53), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="LINESTRINGM",
                srid=4326,
                dimension=3,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.CheckConstraint("km_to > km_from", name=op.f("ck_alignment_km_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alignment")),
        sa.UniqueConstraint("version", name=op.f("uq_alignment_version")),
    )
    op.create_index(
        "uq_alignment_current",
        "alignment",
        [sa.literal_column("(valid_to IS NULL)")],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "audit_log",
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("row_id", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at"], unique=False)
    op.create_index("ix_audit_log_row", "audit_log", ["table_name", "row_id"], unique=False)
    op.create_table(
        "detection_run",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("method_version", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inputs_sha256", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="done", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observed_share", sa.Float(precision=53), nullable=True),
        sa.Column("stats", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="MULTIPOLYGON", srid=4326, dimension=2, from_text="ST_GeomFromEWKT", name="geometry"
            ),
            nullable=True,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint("status IN ('running', 'done', 'failed')", name=op.f("ck_detection_run_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_detection_run")),
    )
    op.create_index(op.f("ix_detection_run_inputs_sha256"), "detection_run", ["inputs_sha256"], unique=False)
    op.create_table(
        "scene",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("sensor", sa.Text(), nullable=False),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("grid_tile", sa.Text(), nullable=True),
        sa.Column("epsg", sa.Integer(), nullable=False),
        sa.Column("cloud_cover", sa.Float(precision=53), nullable=True),
        sa.Column("sun_elevation_deg", sa.Float(precision=53), nullable=False),
        sa.Column("sun_azimuth_deg", sa.Float(precision=53), nullable=False),
        sa.Column("assets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "properties", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("checksum", sa.Text(), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scene")),
    )
    op.create_index("ix_scene_acquired_at", "scene", ["acquired_at"], unique=False)
    op.create_table(
        "source_file",
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("crs", sa.Text(), nullable=True),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("records", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rejected", sa.Integer(), server_default="0", nullable=False),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_file")),
        sa.UniqueConstraint("room", "sha256", name=op.f("uq_source_file_room_sha256")),
    )
    op.create_table(
        "subscription",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), server_default="en", nullable=False),
        sa.Column("min_severity", sa.Text(), server_default="Minor", nullable=False),
        sa.Column("scope", sa.Text(), server_default="Public", nullable=False),
        sa.Column("chainage_from_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_to_km", sa.Float(precision=53), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("name", name=op.f("uq_subscription_name")),
    )
    op.create_table(
        "alert",
        sa.Column("identifier", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("rule_id", sa.BigInteger(), nullable=True),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("scope", sa.Text(), server_default="Restricted", nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("certainty", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("headline", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("description", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("raise_count", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326, dimension=2, from_text="ST_GeomFromEWKT", name="geometry", nullable=False
            ),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("chainage_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_from_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_to_km", sa.Float(precision=53), nullable=True),
        sa.Column("offset_m", sa.Float(precision=53), nullable=True),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("alignment_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("scope IN ('Restricted', 'Public')", name=op.f("ck_alert_scope")),
        sa.CheckConstraint(
            "state IN ('candidate', 'open', 'acknowledged', 'escalated', 'resolved', 'false_alarm', 'expired')",
            name=op.f("ck_alert_state"),
        ),
        sa.ForeignKeyConstraint(["alignment_id"], ["alignment.id"], name=op.f("fk_alert_alignment_id")),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rule.id"], name=op.f("fk_alert_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("identifier", name=op.f("uq_alert_identifier")),
    )
    op.create_index(op.f("ix_alert_chainage_km"), "alert", ["chainage_km"], unique=False)
    op.create_index(
        "uq_alert_live_group",
        "alert",
        ["group_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('candidate', 'open', 'acknowledged', 'escalated')"),
    )
    op.create_table(
        "alignment_part",
        sa.Column("alignment_id", sa.BigInteger(), nullable=False),
        sa.Column("km_from", sa.Float(precision=53), nullable=False),
        sa.Column("km_to", sa.Float(precision=53), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="LINESTRING",
                srid=32643,
                dimension=2,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["alignment_id"], ["alignment.id"], name=op.f("fk_alignment_part_alignment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alignment_part")),
    )
    op.create_index("ix_alignment_part_km", "alignment_part", ["alignment_id", "km_from", "km_to"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "role IN ('viewer', 'field', 'reviewer', 'engineer', 'admin')", name=op.f("ck_api_key_role")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_api_key_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_key_prefix")),
    )
    op.create_table(
        "calibration_point",
        sa.Column("alignment_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("chainage_km", sa.Float(precision=53), nullable=False),
        sa.Column("chainage_basis", sa.Text(), nullable=False),
        sa.Column("position_basis", sa.Text(), nullable=False),
        sa.Column("distance_to_line_m", sa.Float(precision=53), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["alignment_id"], ["alignment.id"], name=op.f("fk_calibration_point_alignment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calibration_point")),
    )
    op.create_index(op.f("ix_calibration_point_alignment_id"), "calibration_point", ["alignment_id"], unique=False)
    op.create_table(
        "change",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="candidate", nullable=False),
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
        sa.Column("picture", sa.Text(), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Text(), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326, dimension=2, from_text="ST_GeomFromEWKT", name="geometry", nullable=False
            ),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.Column("chainage_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_from_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_to_km", sa.Float(precision=53), nullable=True),
        sa.Column("offset_m", sa.Float(precision=53), nullable=True),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("alignment_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("status IN ('candidate', 'confirmed', 'false_alarm')", name=op.f("ck_change_status")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_change_confidence")),
        sa.CheckConstraint("last_date >= first_date", name=op.f("ck_change_dates")),
        sa.ForeignKeyConstraint(["alignment_id"], ["alignment.id"], name=op.f("fk_change_alignment_id")),
        sa.ForeignKeyConstraint(["run_id"], ["detection_run.id"], name=op.f("fk_change_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
    )
    op.create_index(op.f("ix_change_chainage_km"), "change", ["chainage_km"], unique=False)
    op.create_index("ix_change_last_date", "change", ["last_date"], unique=False)
    op.create_index(op.f("ix_change_run_id"), "change", ["run_id"], unique=False)
    op.create_table(
        "observation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observer", sa.Text(), nullable=True),
        sa.Column("accuracy_m", sa.Float(precision=53), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column(
            "attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("review_status", sa.Text(), server_default="submitted", nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("source_file_id", sa.BigInteger(), nullable=True),
        sa.Column("source_record", sa.Text(), nullable=True),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column(
            "shape",
            geoalchemy2.types.Geometry(srid=4326, dimension=2, from_text="ST_GeomFromEWKT", name="geometry"),
            nullable=True,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.Column("chainage_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_from_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_to_km", sa.Float(precision=53), nullable=True),
        sa.Column("offset_m", sa.Float(precision=53), nullable=True),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("alignment_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "review_status IN ('submitted', 'accepted', 'rejected')", name=op.f("ck_observation_review_status")
        ),
        sa.CheckConstraint("accuracy_m >= 0", name=op.f("ck_observation_accuracy")),
        sa.ForeignKeyConstraint(["alignment_id"], ["alignment.id"], name=op.f("fk_observation_alignment_id")),
        sa.ForeignKeyConstraint(["source_file_id"], ["source_file.id"], name=op.f("fk_observation_source_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
        sa.UniqueConstraint("content_sha256", name=op.f("uq_observation_content_sha256")),
    )
    op.create_index(op.f("ix_observation_chainage_km"), "observation", ["chainage_km"], unique=False)
    op.create_index("ix_observation_kind_observed_at", "observation", ["kind", "observed_at"], unique=False)
    op.create_index(op.f("ix_observation_source_file_id"), "observation", ["source_file_id"], unique=False)
    op.create_table(
        "segment",
        sa.Column("alignment_id", sa.BigInteger(), nullable=False),
        sa.Column("km_from", sa.Float(precision=53), nullable=False),
        sa.Column("km_to", sa.Float(precision=53), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("consequence", sa.Integer(), server_default="2", nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="LINESTRING",
                srid=4326,
                dimension=2,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint("consequence BETWEEN 1 AND 4", name=op.f("ck_segment_consequence")),
        sa.CheckConstraint("km_to > km_from", name=op.f("ck_segment_km_order")),
        sa.ForeignKeyConstraint(
            ["alignment_id"], ["alignment.id"], name=op.f("fk_segment_alignment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("alignment_id", "km_from", name=op.f("uq_segment_alignment_id_km_from")),
    )
    op.create_table(
        "site",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("activity", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("varnes_class", sa.Text(), nullable=True),
        sa.Column("chinese_class", sa.Text(), nullable=True),
        sa.Column("accuracy_m", sa.Float(precision=53), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
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
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.Column("chainage_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_from_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_to_km", sa.Float(precision=53), nullable=True),
        sa.Column("offset_m", sa.Float(precision=53), nullable=True),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("alignment_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "activity IN ('active', 'suspended', 'dormant', 'stabilised', 'relict', 'unknown')",
            name=op.f("ck_site_activity"),
        ),
        sa.ForeignKeyConstraint(["alignment_id"], ["alignment.id"], name=op.f("fk_site_alignment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("code", name=op.f("uq_site_code")),
    )
    op.create_index(op.f("ix_site_chainage_km"), "site", ["chainage_km"], unique=False)
    op.create_table(
        "alert_change",
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_change_alert_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_alert_change_change_id")),
        sa.PrimaryKeyConstraint("alert_id", "change_id", name=op.f("pk_alert_change")),
    )
    op.create_table(
        "alert_event",
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("identifier", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("msg_type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "msg_type IN ('Alert', 'Update', 'Cancel', 'Ack', 'Error')", name=op.f("ck_alert_event_msg_type")
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_event_alert_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_event")),
        sa.UniqueConstraint("identifier", name=op.f("uq_alert_event_identifier")),
    )
    op.create_index(op.f("ix_alert_event_alert_id"), "alert_event", ["alert_id"], unique=False)
    op.create_table(
        "event",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("occurred_on", sa.Date(), nullable=False),
        sa.Column("occurred_to", sa.Date(), nullable=True),
        sa.Column("precision", sa.Text(), server_default="day", nullable=False),
        sa.Column("accuracy_m", sa.Float(precision=53), nullable=True),
        sa.Column("trigger", sa.Text(), nullable=True),
        sa.Column("fatalities", sa.Integer(), nullable=True),
        sa.Column("injuries", sa.Integer(), nullable=True),
        sa.Column("impacts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("source_file_id", sa.BigInteger(), nullable=True),
        sa.Column("site_id", sa.BigInteger(), nullable=True),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(srid=4326, dimension=2, from_text="ST_GeomFromEWKT", name="geometry"),
            nullable=True,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.Column("chainage_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_from_km", sa.Float(precision=53), nullable=True),
        sa.Column("chainage_to_km", sa.Float(precision=53), nullable=True),
        sa.Column("offset_m", sa.Float(precision=53), nullable=True),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("alignment_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("precision IN ('day', 'month', 'year')", name=op.f("ck_event_precision")),
        sa.ForeignKeyConstraint(["alignment_id"], ["alignment.id"], name=op.f("fk_event_alignment_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_event_site_id")),
        sa.ForeignKeyConstraint(["source_file_id"], ["source_file.id"], name=op.f("fk_event_source_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("source", "source_id", name=op.f("uq_event_source_source_id")),
    )
    op.create_index(op.f("ix_event_chainage_km"), "event", ["chainage_km"], unique=False)
    op.create_index("ix_event_occurred_on", "event", ["occurred_on"], unique=False)
    op.create_index(op.f("ix_event_source_file_id"), "event", ["source_file_id"], unique=False)
    op.create_table(
        "media",
        sa.Column("observation_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="POINT", srid=4326, dimension=2, from_text="ST_GeomFromEWKT", name="geometry"
            ),
            nullable=True,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["observation_id"], ["observation.id"], name=op.f("fk_media_observation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
        sa.UniqueConstraint("observation_id", "filename", name=op.f("uq_media_observation_id_filename")),
    )
    op.create_table(
        "observation_revision",
        sa.Column("observation_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["observation_id"],
            ["observation.id"],
            name=op.f("fk_observation_revision_observation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation_revision")),
        sa.UniqueConstraint("observation_id", "revision", name=op.f("uq_observation_revision_observation_id_revision")),
    )
    op.create_table(
        "risk_rating",
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("hazard", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(precision=53), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(precision=53), nullable=False),
        sa.Column("contributions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("weights_version", sa.Text(), nullable=False),
        sa.Column("rated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "grade IN ('low', 'intermediate', 'high', 'very high', 'unknown')", name=op.f("ck_risk_rating_grade")
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name=op.f("fk_risk_rating_segment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_rating")),
    )
    op.create_index(
        "uq_risk_rating_current",
        "risk_rating",
        ["segment_id", "hazard"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "visibility",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("segment_id", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.Float(precision=53), nullable=False),
        sa.Column("covered_share", sa.Float(precision=53), nullable=False),
        sa.Column("observed_on", sa.Date(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint("share BETWEEN 0 AND 1", name=op.f("ck_visibility_share")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["detection_run.id"], name=op.f("fk_visibility_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name=op.f("fk_visibility_segment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visibility")),
        sa.UniqueConstraint("run_id", "segment_id", name=op.f("uq_visibility_run_id_segment_id")),
    )
    op.create_index(op.f("ix_visibility_segment_id"), "visibility", ["segment_id"], unique=False)
    op.create_table(
        "claim",
        sa.Column("site_id", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.CheckConstraint("num_nonnulls(site_id, event_id) = 1", name=op.f("ck_claim_one_subject")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_claim_event_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_claim_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
    )
    op.create_index(op.f("ix_claim_event_id"), "claim", ["event_id"], unique=False)
    op.create_index(op.f("ix_claim_site_id"), "claim", ["site_id"], unique=False)
    op.create_table(
        "closure",
        sa.Column("chainage_from_km", sa.Float(precision=53), nullable=False),
        sa.Column("chainage_to_km", sa.Float(precision=53), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_precision", sa.Text(), server_default="day", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("vehicle_class", sa.Text(), server_default="all", nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_closure_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closure")),
    )
    op.create_table(
        "delivery",
        sa.Column("alert_event_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name=op.f("ck_delivery_status")),
        sa.ForeignKeyConstraint(
            ["alert_event_id"], ["alert_event.id"], name=op.f("fk_delivery_alert_event_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name=op.f("fk_delivery_subscription_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "alert_event_id", "subscription_id", name=op.f("uq_delivery_alert_event_id_subscription_id")
        ),
    )
    op.create_index(
        "ix_delivery_waiting", "delivery", ["next_try_at"], unique=False, postgresql_where=sa.text("status = 'waiting'")
    )
    op.create_table(
        "evidence",
        sa.Column("site_id", sa.BigInteger(), nullable=False),
        sa.Column("observation_id", sa.Uuid(), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "created_by",
            sa.Text(),
            server_default=sa.text("coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "num_nonnulls(observation_id, change_id, event_id) = 1", name=op.f("ck_evidence_one_subject")
        ),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_evidence_change_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_evidence_event_id")),
        sa.ForeignKeyConstraint(["observation_id"], ["observation.id"], name=op.f("fk_evidence_observation_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_evidence_site_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_site_id"), "evidence", ["site_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_evidence_site_id"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_index("ix_delivery_waiting", table_name="delivery", postgresql_where=sa.text("status = 'waiting'"))
    op.drop_table("delivery")
    op.drop_table("closure")
    op.drop_index(op.f("ix_claim_site_id"), table_name="claim")
    op.drop_index(op.f("ix_claim_event_id"), table_name="claim")
    op.drop_table("claim")
    op.drop_index(op.f("ix_visibility_segment_id"), table_name="visibility")
    op.drop_table("visibility")
    op.drop_index("uq_risk_rating_current", table_name="risk_rating", postgresql_where=sa.text("superseded_at IS NULL"))
    op.drop_table("risk_rating")
    op.drop_table("observation_revision")
    op.drop_table("media")
    op.drop_index(op.f("ix_event_source_file_id"), table_name="event")
    op.drop_index("ix_event_occurred_on", table_name="event")
    op.drop_index(op.f("ix_event_chainage_km"), table_name="event")
    op.drop_table("event")
    op.drop_index(op.f("ix_alert_event_alert_id"), table_name="alert_event")
    op.drop_table("alert_event")
    op.drop_table("alert_change")
    op.drop_index(op.f("ix_site_chainage_km"), table_name="site")
    op.drop_table("site")
    op.drop_table("segment")
    op.drop_index(op.f("ix_observation_source_file_id"), table_name="observation")
    op.drop_index("ix_observation_kind_observed_at", table_name="observation")
    op.drop_index(op.f("ix_observation_chainage_km"), table_name="observation")
    op.drop_table("observation")
    op.drop_index(op.f("ix_change_run_id"), table_name="change")
    op.drop_index("ix_change_last_date", table_name="change")
    op.drop_index(op.f("ix_change_chainage_km"), table_name="change")
    op.drop_table("change")
    op.drop_index(op.f("ix_calibration_point_alignment_id"), table_name="calibration_point")
    op.drop_table("calibration_point")
    op.drop_table("api_key")
    op.drop_index("ix_alignment_part_km", table_name="alignment_part")
    op.drop_table("alignment_part")
    op.drop_index(
        "uq_alert_live_group",
        table_name="alert",
        postgresql_where=sa.text("state IN ('candidate', 'open', 'acknowledged', 'escalated')"),
    )
    op.drop_index(op.f("ix_alert_chainage_km"), table_name="alert")
    op.drop_table("alert")
    op.drop_table("subscription")
    op.drop_table("source_file")
    op.drop_index("ix_scene_acquired_at", table_name="scene")
    op.drop_table("scene")
    op.drop_index(op.f("ix_detection_run_inputs_sha256"), table_name="detection_run")
    op.drop_table("detection_run")
    op.drop_index("ix_audit_log_row", table_name="audit_log")
    op.drop_index("ix_audit_log_at", table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_index("uq_alignment_current", table_name="alignment", postgresql_where=sa.text("valid_to IS NULL"))
    op.drop_table("alignment")
    op.drop_table("alert_rule")
    op.drop_table("account")
