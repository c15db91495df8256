"""Scenes, detection runs, the changes they found and what they could not see."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from hazard_db.tables.base import Base, Numbered, Referenced, Stamped, geometry


class Scene(Stamped, Base):
    """An acquisition, with the fields of a STAC item; its rasters are Cloud-Optimized GeoTIFFs."""

    __tablename__ = "scene"
    id: Mapped[str] = mapped_column(primary_key=True)
    collection: Mapped[str]
    sensor: Mapped[str]
    acquired_at: Mapped[datetime]
    grid_tile: Mapped[str | None]
    epsg: Mapped[int]
    cloud_cover: Mapped[float | None]
    sun_elevation_deg: Mapped[float]
    sun_azimuth_deg: Mapped[float]
    assets: Mapped[dict[str, Any]]
    """name -> {href, bands: [names], scale, offset, sha256, type}; hrefs relative to HAZARD_HOME or absolute."""
    properties: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    checksum: Mapped[str]
    """sha256 over the source files."""
    scope: Mapped[str] = mapped_column(server_default="Public")
    """Public, or Restricted: for those who are logged in alone."""
    geom: Mapped[Any] = geometry("MULTIPOLYGON")
    __table_args__ = (
        CheckConstraint("scope IN ('Public', 'Restricted')", name="scope"),
        Index("ix_scene_acquired_at", "acquired_at"),
        Index("ix_scene_assets", "assets", postgresql_using="gin", postgresql_ops={"assets": "jsonb_path_ops"}),
    )


class DetectionRun(Numbered, Base):
    """One run of one method over given inputs, so that any result can be made again."""

    __tablename__ = "detection_run"
    kind: Mapped[str]
    method: Mapped[str]
    method_version: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    inputs: Mapped[list[Any]]
    """[{scene, role: before|after, sha256}, ...]"""
    inputs_sha256: Mapped[str] = mapped_column(index=True)
    code_version: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="done")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    observed_share: Mapped[float | None]
    stats: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    geom: Mapped[Any | None] = geometry("MULTIPOLYGON", nullable=True)
    __table_args__ = (CheckConstraint("status IN ('running', 'done', 'failed')", name="status"),)


class Raster(Stamped, Base):
    """What a computation left as rasters: evidence of a run, susceptibility; Cloud-Optimized GeoTIFFs."""

    __tablename__ = "raster"
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    """evidence, susceptibility, ...; its STAC collection is `results-` and this."""
    title: Mapped[str]
    run_id: Mapped[int | None] = mapped_column(ForeignKey("detection_run.id"), index=True)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    epsg: Mapped[int]
    assets: Mapped[dict[str, Any]]
    """As of scenes."""
    properties: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    scope: Mapped[str] = mapped_column(server_default="Restricted")
    geom: Mapped[Any] = geometry("MULTIPOLYGON")
    __table_args__ = (
        CheckConstraint("kind ~ '^[a-z][a-z0-9_-]*$'", name="kind"),
        CheckConstraint("scope IN ('Public', 'Restricted')", name="scope"),
        CheckConstraint("last_at >= first_at", name="times"),
        Index("ix_raster_assets", "assets", postgresql_using="gin", postgresql_ops={"assets": "jsonb_path_ops"}),
    )


class Change(Numbered, Stamped, Referenced, Base):
    """A change that a detector found."""

    __tablename__ = "change"
    run_id: Mapped[int] = mapped_column(ForeignKey("detection_run.id"), index=True)
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="candidate")
    confidence: Mapped[float]
    magnitude: Mapped[float | None]
    area_m2: Mapped[float]
    area_uncertainty_m2: Mapped[float]
    mean_slope_deg: Mapped[float | None]
    observed_share: Mapped[float | None]
    first_date: Mapped[date]
    last_date: Mapped[date]
    properties: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    picture: Mapped[str | None]
    """Before/after picture, path relative to HAZARD_HOME."""
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[str | None]
    review_note: Mapped[str | None]
    part_of: Mapped[int | None] = mapped_column(ForeignKey("change.id"))
    """The change that this one turned out to be part of; it has the sightings of both."""
    geom: Mapped[Any] = geometry("GEOMETRY")
    __table_args__ = (
        CheckConstraint("status IN ('candidate', 'confirmed', 'false_alarm')", name="status"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint("last_date >= first_date", name="dates"),
        Index("ix_change_last_date", "last_date"),
    )


class ChangeSighting(Numbered, Base):
    """A change as one run saw it."""

    __tablename__ = "change_sighting"
    change_id: Mapped[int] = mapped_column(ForeignKey("change.id"), index=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("detection_run.id"), index=True)
    development: Mapped[str]
    """What it says beside those before it in time: new, same, grown, reactivated, revegetated."""
    confidence: Mapped[float]
    magnitude: Mapped[float | None]
    area_m2: Mapped[float]
    area_uncertainty_m2: Mapped[float]
    mean_slope_deg: Mapped[float | None]
    observed_share: Mapped[float | None]
    first_date: Mapped[date]
    last_date: Mapped[date]
    properties: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    geom: Mapped[Any] = geometry("GEOMETRY")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    __table_args__ = (
        CheckConstraint("development IN ('new', 'same', 'grown', 'reactivated', 'revegetated')", name="development"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
        CheckConstraint("last_date >= first_date", name="dates"),
    )


class Visibility(Numbered, Base):
    """Share of a segment's surroundings that a run could see; no alert is not the same as safe."""

    __tablename__ = "visibility"
    run_id: Mapped[int] = mapped_column(ForeignKey("detection_run.id", ondelete="CASCADE"))
    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"), index=True)
    share: Mapped[float]
    covered_share: Mapped[float]
    """Share of the surroundings that the run's imagery covers at all."""
    hidden: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    """Reason -> share of the surroundings that it hid; with `share` they make `covered_share`, where they are told."""
    observed_on: Mapped[date]
    __table_args__ = (
        UniqueConstraint("run_id", "segment_id"),
        CheckConstraint("share BETWEEN 0 AND 1", name="share"),
    )
