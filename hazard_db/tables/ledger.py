"""The ledger of the road: closures, works and what they cost, structures."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from hazard_db.tables.base import Base, Numbered, Referenced, Stamped, geometry

STRUCTURES = ("bridge", "tunnel", "gallery", "culvert", "wall", "other")
WORKS = ("clearing", "slope", "drainage", "pavement", "bridge", "tunnel", "protection", "inspection", "other")
STATUSES = ("planned", "under_way", "done", "stopped")


class Booked:
    """A stretch of the road by its kilometres; the database keeps its place, so that they follow it onto a new alignment."""

    chainage_from_km: Mapped[float] = mapped_column(index=True)
    chainage_to_km: Mapped[float]
    source: Mapped[str]
    key_sha256: Mapped[str | None]
    """Of what tells an entry from every other, as it was told: sent twice it is one."""
    revision: Mapped[int] = mapped_column(server_default="1")
    withdrawn_at: Mapped[datetime | None]
    """The entry was wrong; it stays to be seen."""
    withdrawn_by: Mapped[str | None]
    geom: Mapped[Any | None] = geometry("GEOMETRY", nullable=True, index=False)

    @declared_attr
    def event_id(cls) -> Mapped[int | None]:  # noqa: N805 - declared_attr passes the class
        """Return what it came of."""
        return mapped_column(ForeignKey("event.id"), index=True)

    @declared_attr
    def structure_id(cls) -> Mapped[int | None]:  # noqa: N805
        """Return the bridge or other structure that it is about."""
        return mapped_column(ForeignKey("structure.id"))

    @declared_attr
    def alignment_id(cls) -> Mapped[int | None]:  # noqa: N805
        """Return the alignment that the kilometres belong to."""
        return mapped_column(ForeignKey("alignment.id"))

    @declared_attr
    def source_file_id(cls) -> Mapped[int | None]:  # noqa: N805
        """Return the file that it came in by."""
        return mapped_column(ForeignKey("source_file.id"))


class Closure(Numbered, Stamped, Booked, Base):
    """The road was closed from here to there."""

    __tablename__ = "closure"
    closed_at: Mapped[datetime]
    closed_precision: Mapped[str] = mapped_column(server_default="day")
    opened_at: Mapped[datetime | None]
    """None where it is closed still, or nobody knows."""
    cause: Mapped[str]
    vehicle_class: Mapped[str] = mapped_column(server_default="all")
    detour: Mapped[str | None]
    note: Mapped[str | None]
    __table_args__ = (
        Index("uq_closure_key", "key_sha256", unique=True, postgresql_where=text("withdrawn_at IS NULL")),
    )


class RoadWork(Numbered, Stamped, Booked, Base):
    """Maintenance of a stretch, and what it cost."""

    __tablename__ = "road_work"
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="done")
    description: Mapped[str]
    started_on: Mapped[date]
    ended_on: Mapped[date | None]
    cost: Mapped[Decimal | None] = mapped_column(Numeric(16, 2))
    currency: Mapped[str | None]
    """ISO 4217."""
    contractor: Mapped[str | None]
    closure_id: Mapped[int | None] = mapped_column(ForeignKey("closure.id"))
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))
    __table_args__ = (
        CheckConstraint(f"kind IN {WORKS}", name="kind"),
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint("chainage_to_km >= chainage_from_km", name="km_order"),
        CheckConstraint("ended_on >= started_on", name="day_order"),
        CheckConstraint("(cost IS NULL) = (currency IS NULL) AND cost >= 0", name="cost"),
        Index("uq_road_work_key", "key_sha256", unique=True, postgresql_where=text("withdrawn_at IS NULL")),
    )


class Structure(Numbered, Stamped, Referenced, Base):
    """A bridge, tunnel or other structure of the road."""

    __tablename__ = "structure"
    kind: Mapped[str]
    name: Mapped[str]
    accuracy_m: Mapped[float | None]
    note: Mapped[str | None]
    source: Mapped[str]
    geom: Mapped[Any] = geometry("GEOMETRY", index=False)
    __table_args__ = (
        CheckConstraint(f"kind IN {STRUCTURES}", name="kind"),
        UniqueConstraint("name", "source"),
    )
