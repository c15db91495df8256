"""Accounts, API keys and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from hazard_db.tables.base import Base, Numbered, Stamped

ROLE_CHECK = "role IN ('viewer', 'field', 'reviewer', 'engineer', 'admin')"


class Account(Numbered, Stamped, Base):
    """A person; only the Argon2 hash of the password is kept."""

    __tablename__ = "account"
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    session_epoch: Mapped[int] = mapped_column(server_default="1")
    """Raised to end every session of the account."""
    __table_args__ = (CheckConstraint(ROLE_CHECK, name="role"),)


class ApiKey(Numbered, Stamped, Base):
    """A key `prefix.secret`; only the SHA-256 of the secret is kept."""

    __tablename__ = "api_key"
    name: Mapped[str]
    role: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)
    secret_sha256: Mapped[str]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    scope: Mapped[str] = mapped_column(server_default="all")
    """all; forms: of no use but to get forms and send them filled; sensors: but to send what instruments measured."""
    digest_ha1: Mapped[str | None]
    """For HTTP Digest, of a key for forms alone: MD5 of a random secret, never of a password that a person made."""
    __table_args__ = (
        CheckConstraint(ROLE_CHECK, name="role"),
        CheckConstraint("scope IN ('all', 'forms', 'sensors')", name="scope"),
        CheckConstraint("digest_ha1 IS NULL OR scope = 'forms'", name="digest"),
    )


class AuditLog(Numbered, Base):
    """Every write, by trigger: who, what, before, after. The app role can only read it."""

    __tablename__ = "audit_log"
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    actor: Mapped[str]
    role: Mapped[str]
    action: Mapped[str]
    table_name: Mapped[str]
    row_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    __table_args__ = (Index("ix_audit_log_row", "table_name", "row_id"), Index("ix_audit_log_at", "at"))
