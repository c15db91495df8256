"""The road: versions of its alignment, calibration, segments."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hazard_db.tables.base import UTM, Base, Numbered, Stamped, geometry


class Alignment(Numbered, Stamped, Base):
    """A version of the road's line; M is the chainage in kilometres."""

    __tablename__ = "alignment"
    name: Mapped[str]
    version: Mapped[str] = mapped_column(unique=True)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    source: Mapped[str]
    accuracy_m: Mapped[float | None]
    km_from: Mapped[float]
    km_to: Mapped[float]
    geom: Mapped[Any] = geometry("LINESTRINGM")
    __table_args__ = (
        CheckConstraint("km_to > km_from", name="km_order"),
        Index(
            "uq_alignment_current", text("(valid_to IS NULL)"), unique=True, postgresql_where=text("valid_to IS NULL")
        ),
    )


class AlignmentPart(Numbered, Base):
    """A straight piece of an alignment in metres, for nearest-piece search."""

    __tablename__ = "alignment_part"
    alignment_id: Mapped[int] = mapped_column(ForeignKey("alignment.id", ondelete="CASCADE"))
    km_from: Mapped[float]
    km_to: Mapped[float]
    geom: Mapped[Any] = geometry("LINESTRING", srid=UTM)
    __table_args__ = (Index("ix_alignment_part_km", "alignment_id", "km_from", "km_to"),)


class CalibrationPoint(Numbered, Base):
    """A place whose chainage is known."""

    __tablename__ = "calibration_point"
    alignment_id: Mapped[int] = mapped_column(ForeignKey("alignment.id", ondelete="CASCADE"), index=True)
    place: Mapped[str]
    chainage_km: Mapped[float]
    chainage_basis: Mapped[str]
    position_basis: Mapped[str]
    distance_to_line_m: Mapped[float]
    source: Mapped[str]
    geom: Mapped[Any] = geometry("POINT")


class Segment(Numbered, Base):
    """A stretch of an alignment, one kilometre by default."""

    __tablename__ = "segment"
    alignment_id: Mapped[int] = mapped_column(ForeignKey("alignment.id", ondelete="CASCADE"))
    km_from: Mapped[float]
    km_to: Mapped[float]
    place: Mapped[str | None]
    basis: Mapped[str]
    country: Mapped[str | None]
    consequence: Mapped[int] = mapped_column(server_default="2")
    """1 low .. 4 very high: what a closure here costs (detour, traffic, people)."""
    geom: Mapped[Any] = geometry("LINESTRING")
    __table_args__ = (
        UniqueConstraint("alignment_id", "km_from"),
        CheckConstraint("km_to > km_from", name="km_order"),
        CheckConstraint("consequence BETWEEN 1 AND 4", name="consequence"),
    )
