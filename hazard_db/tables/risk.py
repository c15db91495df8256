"""Risk: ratings and what they rest on beside what else is in the catalogue."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hazard_db.tables.base import Base, Numbered, Referenced, Stamped, geometry


class RhrsScore(Numbered, Stamped, Referenced, Base):
    """A slope scored in the field by the rockfall hazard rating system; the newest score of a slope counts."""

    __tablename__ = "rhrs_score"
    slope: Mapped[str]
    """What its surveyors call it; a code of the inventory makes it that site's."""
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))
    scored_on: Mapped[date]
    scored_by: Mapped[str | None]
    criteria: Mapped[dict[str, Any]]
    """Points of the ten criteria."""
    total: Mapped[float]
    source: Mapped[str]
    geom: Mapped[Any] = geometry("GEOMETRY")
    __table_args__ = (
        UniqueConstraint("slope", "scored_on"),
        CheckConstraint("total BETWEEN 10 AND 1000", name="total"),
    )


class HazardLayer(Numbered, Stamped, Base):
    """A raster of 0 to 1 that the road is compared with."""

    __tablename__ = "hazard_layer"
    name: Mapped[str]
    layer: Mapped[str]
    """susceptibility or run_out."""
    hazard: Mapped[str]
    href: Mapped[str]
    sha256: Mapped[str]
    made_on: Mapped[date]
    card: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """How it was made and how well it does."""
    buffer_m: Mapped[float]
    """The strip beside the road within which the segments were compared."""
    superseded_at: Mapped[datetime | None]
    geom: Mapped[Any] = geometry("POLYGON")
    __table_args__ = (
        CheckConstraint("layer IN ('susceptibility', 'run_out')", name="layer"),
        Index("uq_hazard_layer_name", "name", unique=True, postgresql_where=text("superseded_at IS NULL")),
    )


class SegmentLayer(Numbered, Base):
    """What the strip beside a segment holds of a raster."""

    __tablename__ = "segment_layer"
    layer_id: Mapped[int] = mapped_column(ForeignKey("hazard_layer.id", ondelete="CASCADE"))
    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"), index=True)
    maximum: Mapped[float]
    mean: Mapped[float]
    reached_share: Mapped[float]
    """Of the covered strip, where the raster is above 0."""
    covered_share: Mapped[float]
    """Of the strip, where the raster knows anything."""
    __table_args__ = (UniqueConstraint("layer_id", "segment_id"),)
