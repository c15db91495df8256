"""Displacement series of points on the ground, and the areas that they show to move."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    Date,
    Float,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from hazard_db.tables.base import Base, Numbered, Referenced, Stamped, geometry


class DisplacementSet(Numbered, Stamped, Base):
    """A displacement product: what all its points have in common. Series are mm, negative = away from the satellite."""

    __tablename__ = "displacement_set"
    name: Mapped[str] = mapped_column(unique=True)
    format: Mapped[str]
    component: Mapped[str]
    """line of sight, up or east."""
    reference: Mapped[str]
    """What the displacement is measured against, as the file says it."""
    unit_in_file: Mapped[str]
    crs_in_file: Mapped[str]
    look_east: Mapped[float | None]
    """Unit vector from the ground to the satellite; all three or none."""
    look_north: Mapped[float | None]
    look_up: Mapped[float | None]
    wavelength_mm: Mapped[float | None]
    dates: Mapped[list[date]] = mapped_column(ARRAY(Date))
    """Ascending; every point's series has as many values."""
    times_yr: Mapped[list[float]] = mapped_column(ARRAY(Float(53)))
    """Years as its maker counts them: fits are made over these."""
    raster: Mapped[dict[str, Any] | None]
    """{wkt, transform, shape} where the points are the pixels of a raster."""
    seasonal: Mapped[str]
    """Terms that its points' velocities are fitted with: none, annual, half-year."""
    n_points: Mapped[int] = mapped_column(BigInteger)
    median_velocity_mm_yr: Mapped[float | None]
    median_velocity_std_mm_yr: Mapped[float | None]
    facts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    notes: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    latest_run_id: Mapped[int | None] = mapped_column(ForeignKey("detection_run.id"))
    """The run whose areas stand."""
    geom: Mapped[Any] = geometry("POLYGON")
    """The box around its points."""
    __table_args__ = (
        CheckConstraint("cardinality(dates) = cardinality(times_yr)", name="times"),
        CheckConstraint("num_nonnulls(look_east, look_north, look_up) IN (0, 3)", name="look"),
        CheckConstraint("seasonal IN ('none', 'annual', 'half-year')", name="seasonal"),
    )


class DisplacementFile(Numbered, Stamped, Base):
    """What a file brought to a set: its first epochs, or later ones."""

    __tablename__ = "displacement_file"
    set_id: Mapped[int] = mapped_column(ForeignKey("displacement_set.id", ondelete="CASCADE"), index=True)
    source_file_id: Mapped[int] = mapped_column(ForeignKey("source_file.id"), unique=True)
    first_date: Mapped[date]
    last_date: Mapped[date]
    new_dates: Mapped[int]
    new_points: Mapped[int] = mapped_column(BigInteger)
    missing_points: Mapped[int] = mapped_column(BigInteger)
    """Points of the set that the file does not have: their new epochs are not measured."""
    disagreement_mm: Mapped[float | None]
    """Median over points of how far the file differs from what was stored of the dates in both, after the shift."""


class DisplacementPoint(Numbered, Base):
    """A point with its series; not audited: series come in by files, which are."""

    __tablename__ = "displacement_point"
    set_id: Mapped[int] = mapped_column(BigInteger)
    """Of displacement_set; no foreign key, whose check would cost a third of loading: a trigger deletes points with their set."""
    code: Mapped[str]
    """Its name in the file; of a pixel, row-column from 0."""
    height_m: Mapped[float | None] = mapped_column(REAL)
    velocity_mm_yr: Mapped[float | None] = mapped_column(REAL)
    """Least squares with the set's seasonal terms; NULL where there are too few dates."""
    velocity_std_mm_yr: Mapped[float | None] = mapped_column(REAL)
    """One sigma, widened for AR(1) residuals."""
    min_zoom: Mapped[int] = mapped_column(SmallInteger)
    """Least zoom of a map at which it is drawn: from afar one point stands for those around it."""
    gaps: Mapped[int]
    """Dates that were not measured."""
    series: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    """mm, one value a date of the set, NaN = not measured."""
    sums: Mapped[list[float]] = mapped_column(ARRAY(Float(53)))
    """What a fit needs of the series, so that new epochs are added and not all is read again."""
    geom: Mapped[Any] = geometry("POINT", index=False)
    __table_args__ = (
        UniqueConstraint("set_id", "code"),
        Index("idx_displacement_point_geom", "geom", postgresql_using="spgist"),
        Index("idx_displacement_point_far", "geom", postgresql_using="spgist", postgresql_where=text("min_zoom <= 11")),
    )


class DeformationArea(Numbered, Stamped, Referenced, Base):
    """An active deformation area as one run saw it; its review is that of its change."""

    __tablename__ = "deformation_area"
    run_id: Mapped[int] = mapped_column(ForeignKey("detection_run.id"), index=True)
    set_id: Mapped[int] = mapped_column(ForeignKey("displacement_set.id"), index=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("change.id"), index=True)
    motion: Mapped[str]
    confidence: Mapped[float]
    quality: Mapped[int] = mapped_column(SmallInteger)
    """1 = smooth in time and alike in space, 4 = look closely."""
    n_points: Mapped[int]
    velocity_mm_yr: Mapped[float]
    velocity_std_mm_yr: Mapped[float]
    peak_velocity_mm_yr: Mapped[float]
    velocity_before_mm_yr: Mapped[float | None]
    step_mm: Mapped[float | None]
    acceleration_mm_yr2: Mapped[float | None]
    onset_date: Mapped[date | None]
    trend_change_mm_yr: Mapped[float | None]
    trend_alert: Mapped[bool]
    """The rate of the last 150 days differs as the alert rule asks."""
    slope_deg: Mapped[float | None]
    aspect_deg: Mapped[float | None]
    slope_velocity_mm_yr: Mapped[float | None]
    """Down the slope; NULL where the line of sight hardly sees it."""
    slope_sensitivity: Mapped[float | None]
    """Cosine between the line of sight and the way down."""
    visibility: Mapped[float | None]
    """R-index: share of its slope length that the satellite sees; 0 or less is layover or shadow."""
    east_mm_yr: Mapped[float | None]
    east_std_mm_yr: Mapped[float | None]
    up_mm_yr: Mapped[float | None]
    up_std_mm_yr: Mapped[float | None]
    other_set_id: Mapped[int | None] = mapped_column(ForeignKey("displacement_set.id"))
    """The set of another look that east and up rest on beside its own."""
    first_date: Mapped[date]
    last_date: Mapped[date]
    area_m2: Mapped[float]
    area_uncertainty_m2: Mapped[float]
    series: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    """mm: mean of its points, after repair and filter where the run did them."""
    scatter: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    """mm: standard deviation of its points about their mean."""
    geom: Mapped[Any] = geometry("GEOMETRY")
    __table_args__ = (
        CheckConstraint("motion IN ('linear', 'accelerating', 'hinge', 'step', 'seasonal')", name="motion"),
        CheckConstraint("quality BETWEEN 1 AND 4", name="quality"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),
    )


class DisplacementVisibility(Numbered, Base):
    """How the satellite of a set sees a segment's surroundings; terrain alone decides, not the points."""

    __tablename__ = "displacement_visibility"
    set_id: Mapped[int] = mapped_column(ForeignKey("displacement_set.id", ondelete="CASCADE"))
    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"), index=True)
    seen_share: Mapped[float]
    """Neither layover nor shadow nor foreshortened."""
    foreshortened_share: Mapped[float]
    """Seen, but shortened to less than a third."""
    layover_share: Mapped[float]
    shadow_share: Mapped[float]
    covered_share: Mapped[float]
    """Of the surroundings, within the elevation raster; the other shares are of this."""
    __table_args__ = (
        UniqueConstraint("set_id", "segment_id"),
        CheckConstraint("seen_share BETWEEN 0 AND 1", name="seen_share"),
    )
