"""Glaciers and their outlines through time."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
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
