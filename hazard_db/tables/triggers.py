"""What sets the ground moving besides what imagery shows: rain, earthquakes, bulletins, gauges; and whether sources still speak."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from hazard_db.tables.base import Base, Numbered, Referenced, Stamped, geometry


class RainGrid(Numbered, Stamped, Base):
    """A file of satellite rain: what fell from `starts_at` to `ends_at`; a better run of the same hours supersedes it."""

    __tablename__ = "rain_grid"
    product: Mapped[str]
    run: Mapped[str]
    """early, late or final."""
    version: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    file_name: Mapped[str]
    sha256: Mapped[str]
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("sha256", "starts_at", "ends_at"),
        CheckConstraint("ends_at > starts_at", name="hours"),
        CheckConstraint("run IN ('early', 'late', 'final')", name="run"),
        Index(
            "uq_rain_grid_current", "ends_at", "starts_at", unique=True, postgresql_where=text("superseded_at IS NULL")
        ),
    )


class Rain(Base):
    """Rain in a cell of 0.1 degree at the road; cells outlive versions of the alignment."""

    __tablename__ = "rain"
    grid_id: Mapped[int] = mapped_column(ForeignKey("rain_grid.id", ondelete="CASCADE"), primary_key=True)
    cell_x: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    """Tenths of a degree east of 180 W."""
    cell_y: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    """Tenths of a degree north of 90 S."""
    rain_mm: Mapped[float]


class RainClimate(Base):
    """Which sums of rain are how rare in a climate zone, counted from the days that the catalogue holds."""

    __tablename__ = "rain_climate"
    zone: Mapped[str] = mapped_column(primary_key=True)
    window_h: Mapped[int] = mapped_column(primary_key=True)
    levels: Mapped[list[float]] = mapped_column(ARRAY(DOUBLE_PRECISION))
    """Percentiles."""
    rain_mm: Mapped[list[float]] = mapped_column(ARRAY(DOUBLE_PRECISION))
    """Sum at each of them."""
    days: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class Earthquake(Numbered, Stamped, Referenced, Base):
    """An earthquake as its agency tells it now."""

    __tablename__ = "earthquake"
    source: Mapped[str]
    source_id: Mapped[str]
    magnitude: Mapped[float | None]
    depth_km: Mapped[float | None]
    happened_at: Mapped[datetime]
    told_at: Mapped[datetime]
    """When the agency said so: what it said earlier never replaces it."""
    place: Mapped[str | None]
    url: Mapped[str | None]
    status: Mapped[str]
    """automatic, reviewed or deleted."""
    shakemap_version: Mapped[int | None]
    geom: Mapped[Any] = geometry("POINT")
    __table_args__ = (UniqueConstraint("source", "source_id"), Index("ix_earthquake_happened_at", "happened_at"))


class SegmentShaking(Base):
    """How hard an earthquake shook a segment; nothing below intensity 3."""

    __tablename__ = "segment_shaking"
    earthquake_id: Mapped[int] = mapped_column(ForeignKey("earthquake.id", ondelete="CASCADE"), primary_key=True)
    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"), primary_key=True, index=True)
    mmi: Mapped[float]
    """Modified Mercalli intensity."""
    pga_pct_g: Mapped[float | None]
    pgv_cm_s: Mapped[float | None]
    basis: Mapped[str]
    """shakemap, or estimated from magnitude and distance."""
    __table_args__ = (CheckConstraint("basis IN ('shakemap', 'estimated')", name="basis"),)


class Bulletin(Numbered, Stamped, Referenced, Base):
    """What another alert service says."""

    __tablename__ = "bulletin"
    source: Mapped[str]
    source_id: Mapped[str]
    kind: Mapped[str]
    level: Mapped[str]
    """green, orange or red."""
    title: Mapped[str]
    link: Mapped[str | None]
    country: Mapped[str | None]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    told_at: Mapped[datetime]
    geom: Mapped[Any] = geometry("POINT")
    __table_args__ = (UniqueConstraint("source", "source_id"),)


class Sensor(Numbered, Stamped, Referenced, Base):
    """A gauge or another instrument that sends values."""

    __tablename__ = "sensor"
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    quantity: Mapped[str]
    """water_level, discharge, rain, tilt, displacement, ..."""
    unit: Mapped[str]
    warn_above: Mapped[float | None]
    danger_above: Mapped[float | None]
    warn_rise_per_h: Mapped[float | None]
    lake: Mapped[int | None] = mapped_column(ForeignKey("glacial_lake.id"))
    """The lake that it watches: then what it tells concerns the place where the way down from there meets the road."""
    silent_after_s: Mapped[float]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    last_at: Mapped[datetime | None]
    last_value: Mapped[float | None]
    geom: Mapped[Any] = geometry("POINT")


class SensorValue(Base):
    """A value that an instrument measured."""

    __tablename__ = "sensor_value"
    sensor_id: Mapped[int] = mapped_column(ForeignKey("sensor.id", ondelete="CASCADE"), primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[float]
    received_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class Source(Numbered, Base):
    """Somebody who should speak now and then: a feed, a watched folder, a worker; silence means that we are blind."""

    __tablename__ = "source"
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    """worker, folder or feed."""
    silent_after_s: Mapped[float]
    expected_since: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    checked_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    answered_at: Mapped[datetime | None]
    news_at: Mapped[datetime | None]
    error: Mapped[str | None]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    __table_args__ = (CheckConstraint("kind IN ('worker', 'folder', 'feed')", name="kind"),)
