"""Archives of imagery that are watched, and what became of each item.

Revision ID: 0151
Revises: 0130
"""

from __future__ import annotations

from alembic import op

revision = "0151"
down_revision = "0130"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE archive (
    id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    url text NOT NULL,
    collection text NOT NULL,
    kind text NOT NULL,
    since timestamptz,
    enabled boolean NOT NULL DEFAULT true,
    listed_at timestamptz,
    newest_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (url, collection)
);
CREATE TABLE archive_item (
    archive_id integer NOT NULL REFERENCES archive ON DELETE CASCADE,
    key text NOT NULL,
    version text NOT NULL,
    acquired_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'unwanted', 'failed')),
    scene_id text REFERENCES scene ON DELETE SET NULL,
    note text NOT NULL DEFAULT '',
    item jsonb,
    met_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    PRIMARY KEY (archive_id, key, version)
);
CREATE INDEX ix_archive_item_state ON archive_item (archive_id, state);
GRANT SELECT, INSERT, UPDATE, DELETE ON archive, archive_item TO kkh_app;
"""


def upgrade() -> None:
    op.get_bind().connection.cursor().execute(UP)


def downgrade() -> None:
    op.execute("DROP TABLE archive_item, archive")
