"""Submissions of phones, and keys that are for phones only.

Revision ID: 0030
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0020"
branch_labels = None
depends_on = None

STATUSES = "('submitted', 'accepted', 'rejected', 'asked')"
ACTOR = "coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"
AUDIT_IMAGE = """
CREATE OR REPLACE FUNCTION audit_image(row_image jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT (row_image - 'password_hash' - 'secret_sha256' {more} - 'geom' - 'shape')
        || CASE WHEN row_image ? 'geom' THEN jsonb_build_object('geom_md5', md5(row_image ->> 'geom')) ELSE '{{}}'::jsonb END
$$
"""
TRIGGERS = (
    ("insert", "NEW TABLE AS new_rows"),
    ("update", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
    ("delete", "OLD TABLE AS old_rows"),
)


def upgrade() -> None:
    op.add_column("api_key", sa.Column("scope", sa.Text(), server_default="all", nullable=False))
    op.add_column("api_key", sa.Column("digest_ha1", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_api_key_scope"), "api_key", "scope IN ('all', 'forms')")
    op.create_check_constraint(op.f("ck_api_key_digest"), "api_key", "digest_ha1 IS NULL OR scope = 'forms'")
    op.create_table(
        "submission",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("deprecated_id", sa.Text(), nullable=True),
        sa.Column("form_id", sa.Text(), nullable=False),
        sa.Column("form_version", sa.Text(), nullable=False),
        sa.Column("xml", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("expected", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("observation_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), server_default=sa.text(ACTOR), nullable=False),
        sa.ForeignKeyConstraint(
            ["observation_id"], ["observation.id"], name=op.f("fk_submission_observation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_submission_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("instance_id", name=op.f("uq_submission_instance_id")),
    )
    op.create_index(op.f("ix_submission_deprecated_id"), "submission", ["deprecated_id"])
    op.create_index(op.f("ix_submission_observation_id"), "submission", ["observation_id"])
    # a reviewer may ask the observer back instead of deciding
    op.drop_constraint(op.f("ck_observation_review_status"), "observation")
    op.create_check_constraint(op.f("ck_observation_review_status"), "observation", f"review_status IN {STATUSES}")
    # HA1 lets whoever has it send forms, and the XML is bulky: neither belongs into the log
    execute(AUDIT_IMAGE.format(more="- 'digest_ha1' - 'xml'"))
    for action, tables in TRIGGERS:
        execute(
            f"CREATE TRIGGER audit_{action} AFTER {action.upper()} ON submission REFERENCING {tables} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_statement()"
        )
    execute("REVOKE DELETE ON submission FROM kkh_app")


def downgrade() -> None:
    op.drop_table("submission")
    op.drop_constraint(op.f("ck_observation_review_status"), "observation")
    op.execute("UPDATE observation SET review_status = 'submitted' WHERE review_status = 'asked'")
    statuses = "('submitted', 'accepted', 'rejected')"
    op.create_check_constraint(op.f("ck_observation_review_status"), "observation", f"review_status IN {statuses}")
    execute(AUDIT_IMAGE.format(more=""))
    op.execute("DELETE FROM api_key WHERE scope = 'forms'")  # without the column they would open everything
    op.drop_constraint(op.f("ck_api_key_digest"), "api_key")
    op.drop_column("api_key", "digest_ha1")
    op.drop_column("api_key", "scope")


def execute(script: str) -> None:
    """Run a script as it stands: no parameters, so that percent signs and colons mean themselves."""
    op.get_bind().connection.cursor().execute(script)
