"""Run by Alembic: the connection comes from hazard_db.migrate, in one transaction."""

from __future__ import annotations

from alembic import context

from hazard_db.migrate import include_object, note_kind
from hazard_db.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    include_object=include_object,
    transaction_per_migration=False,
    on_version_apply=note_kind,
)
with context.begin_transaction():
    context.run_migrations()
