"""Glaciers and lakes through time, and the way from them down to the road."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hazard_db.tables.base import Base, Numbered, Referenced, Stamped, geometry


class Glacier(Numbered, Stamped, Base):
    """A glacier, by the id of the inventory that it first came from."""

    __tablename__ = "glacier"
    glacier_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None]


class GlacierOutline(Numbered, Stamped, Referenced, Base):
    """An outline of a glacier by one source on one date; none replaces another."""

    __tablename__ = "glacier_outline"
    glacier: Mapped[int] = mapped_column(ForeignKey("glacier.id"))
    outlined_on: Mapped[date | None]
    date_precision: Mapped[str | None]
    """day or year."""
    dataset: Mapped[str]
    schema: Mapped[str]
    area_m2: Mapped[float]
    area_uncertainty_m2: Mapped[float]
    content_sha256: Mapped[str]
    geom: Mapped[Any] = geometry("MULTIPOLYGON")
    __table_args__ = (
        UniqueConstraint("glacier", "content_sha256"),
        CheckConstraint("date_precision IN ('day', 'year')", name="date_precision"),
        CheckConstraint("area_m2 > 0 AND area_uncertainty_m2 >= 0", name="area"),
        Index("ix_glacier_outline_outlined_on", "outlined_on"),
    )


class Terminus(Numbered, Stamped, Base):
    """Where a glacier ended on a day, as the run of `superseded_at` NULL measured it; earlier measurements stay."""

    __tablename__ = "terminus"
    glacier: Mapped[int] = mapped_column(ForeignKey("glacier.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("detection_run.id"), index=True)
    scene_id: Mapped[str | None] = mapped_column(ForeignKey("scene.id"), index=True)
    observed_on: Mapped[date]
    superseded_at: Mapped[datetime | None]
    trend: Mapped[str]
    length_m: Mapped[float | None]
    """Along the centreline, None = not measurable."""
    length_uncertainty_m: Mapped[float | None]
    change_m: Mapped[float | None]
    """Against the first date of the run."""
    change_uncertainty_m: Mapped[float | None]
    rate_m_yr: Mapped[float | None]
    rate_uncertainty_m_yr: Mapped[float | None]
    area_m2: Mapped[float | None]
    area_uncertainty_m2: Mapped[float | None]
    surge_on: Mapped[date | None]
    surface: Mapped[str | None]
    """clean_ice or debris."""
    centreline: Mapped[str | None]
    """How it came about."""
    reason: Mapped[str | None]
    """Why nothing could be measured."""
    confidence: Mapped[float]
    geom: Mapped[Any | None] = geometry("LINESTRING", nullable=True)
    __table_args__ = (
        CheckConstraint("trend IN ('retreat', 'stable', 'advance', 'surge', 'not_measurable')", name="trend"),
        CheckConstraint("(trend = 'not_measurable') = (length_m IS NULL)", name="length"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        Index(
            "uq_terminus_current", "glacier", "observed_on", unique=True, postgresql_where=text("superseded_at IS NULL")
        ),
    )


class GlacialLake(Numbered, Stamped, Referenced, Base):
    """A lake, by the id it got where it was first seen."""

    __tablename__ = "glacial_lake"
    lake_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None]
    ice_dammed: Mapped[bool | None]
    """None = cannot be told."""
    ice_contact_share: Mapped[float | None]
    glacier: Mapped[int | None] = mapped_column(ForeignKey("glacier.id"))
    """The one whose ice touches it or is nearest."""
    geom: Mapped[Any] = geometry("MULTIPOLYGON")
    """All that it ever covered: by this it is known again."""


class LakeOutline(Numbered, Stamped, Base):
    """A lake on a day, as the run of `superseded_at` NULL saw it; earlier views stay."""

    __tablename__ = "lake_outline"
    lake: Mapped[int] = mapped_column(ForeignKey("glacial_lake.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("detection_run.id"), index=True)
    scene_id: Mapped[str | None] = mapped_column(ForeignKey("scene.id"), index=True)
    observed_on: Mapped[date]
    superseded_at: Mapped[datetime | None]
    state: Mapped[str]
    area_m2: Mapped[float]
    area_uncertainty_m2: Mapped[float]
    growth_m2_yr: Mapped[float | None]
    growth_uncertainty_m2_yr: Mapped[float | None]
    confidence: Mapped[float]
    geom: Mapped[Any | None] = geometry("MULTIPOLYGON", nullable=True)
    """None where its place is dry."""
    __table_args__ = (
        CheckConstraint("state IN ('water', 'frozen', 'dry')", name="state"),
        CheckConstraint("(state = 'dry') = (geom IS NULL)", name="shape"),
        CheckConstraint("area_m2 >= 0 AND area_uncertainty_m2 >= 0", name="area"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        Index(
            "uq_lake_outline_current",
            "lake",
            "observed_on",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )


class Cascade(Numbered, Stamped, Base):
    """The way that water takes from a lake or glacier; the database finds where it first meets the current road."""

    __tablename__ = "cascade"
    lake: Mapped[int | None] = mapped_column(ForeignKey("glacial_lake.id"), unique=True)
    glacier: Mapped[int | None] = mapped_column(ForeignKey("glacier.id"), unique=True)
    dem: Mapped[str]
    """Name of the elevation model's file."""
    dem_sha256: Mapped[str]
    pixel_m: Mapped[float]
    geom: Mapped[Any] = geometry("LINESTRINGZ")
    """Downstream; Z = height, m."""
    alignment_id: Mapped[int | None] = mapped_column(ForeignKey("alignment.id"))
    chainage_km: Mapped[float | None] = mapped_column(index=True)
    """Of the meeting; None where the way does not come to the road."""
    flow_m: Mapped[float | None]
    """Along the way down to the meeting."""
    drop_m: Mapped[float | None]
    gap_m: Mapped[float | None]
    """Distance of the way from the road's line there; 0 where it crosses it."""
    meeting: Mapped[Any | None] = geometry("POINT", nullable=True)
    __table_args__ = (CheckConstraint("num_nonnulls(lake, glacier) = 1", name="source"),)
