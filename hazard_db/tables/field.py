"""What people saw and what is known: files, observations, the disaster inventory, dated events."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hazard_db.tables.base import Base, Numbered, Referenced, Stamped, geometry

ACTIVITIES = ("active", "reactivated", "suspended", "dormant", "stabilised", "relict", "unknown")
"""States of a site, the liveliest first."""


class SourceFile(Numbered, Stamped, Base):
    """A file that was ingested, once by its checksum."""

    __tablename__ = "source_file"
    room: Mapped[str]
    """survey, inventory, scene, ..."""
    name: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    format: Mapped[str]
    crs: Mapped[str | None]
    dataset: Mapped[str]
    records: Mapped[int] = mapped_column(server_default="0")
    unchanged: Mapped[int] = mapped_column(server_default="0")
    rejected: Mapped[int] = mapped_column(server_default="0")
    notes: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    __table_args__ = (UniqueConstraint("room", "sha256"),)


class Observation(Stamped, Referenced, Base):
    """A field observation; its earlier versions are in observation_revision."""

    __tablename__ = "observation"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    observed_at: Mapped[datetime | None]
    observer: Mapped[str | None]
    accuracy_m: Mapped[float | None]
    note: Mapped[str | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    review_status: Mapped[str] = mapped_column(server_default="submitted")
    revision: Mapped[int] = mapped_column(server_default="1")
    dataset: Mapped[str]
    source_id: Mapped[str | None]
    """The record's own identifier in its file or form (instanceID)."""
    source_file_id: Mapped[int | None] = mapped_column(ForeignKey("source_file.id"), index=True)
    source_record: Mapped[str | None]
    """Where in the file: line 12, waypoint 3, layer points feature 7."""
    content_sha256: Mapped[str] = mapped_column(unique=True)
    geom: Mapped[Any] = geometry("POINT")
    shape: Mapped[Any | None] = geometry("GEOMETRY", nullable=True)
    """The original line or polygon where it was not a point."""
    __table_args__ = (
        CheckConstraint("review_status IN ('submitted', 'accepted', 'rejected', 'asked')", name="review_status"),
        CheckConstraint("accuracy_m >= 0", name="accuracy"),
        Index("ix_observation_kind_observed_at", "kind", "observed_at"),
    )


class ObservationRevision(Numbered, Base):
    """An earlier version of an observation, kept by trigger."""

    __tablename__ = "observation_revision"
    observation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("observation.id", ondelete="CASCADE"))
    revision: Mapped[int]
    content: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    changed_by: Mapped[str]
    __table_args__ = (UniqueConstraint("observation_id", "revision"),)


class Media(Numbered, Stamped, Base):
    """A photo or file of an observation, stored under its sha256."""

    __tablename__ = "media"
    observation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("observation.id", ondelete="CASCADE"))
    filename: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    mime_type: Mapped[str]
    taken_at: Mapped[datetime | None]
    geom: Mapped[Any | None] = geometry("POINT", nullable=True)
    __table_args__ = (UniqueConstraint("observation_id", "filename"),)


class Remark(Numbered, Stamped, Base):
    """A word between those who look after an observation: a question, an answer, the reason of a verdict; never changed."""

    __tablename__ = "remark"
    observation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("observation.id", ondelete="CASCADE"), index=True)
    verdict: Mapped[str | None]
    """That came with it."""
    body: Mapped[str]


class Submission(Numbered, Stamped, Base):
    """A filled form as a phone sent it, once by its instanceID; several of them where it was corrected later."""

    __tablename__ = "submission"
    instance_id: Mapped[str] = mapped_column(unique=True)
    deprecated_id: Mapped[str | None] = mapped_column(index=True)
    """instanceID of the submission that this one corrects; that one may come later."""
    form_id: Mapped[str]
    form_version: Mapped[str]
    xml: Mapped[str]
    content_sha256: Mapped[str]
    """Of the XML in canonical form: what is sent again is recognised however it is written."""
    expected: Mapped[list[Any]]
    """Names of the photos and files that the form speaks of; those that came are media of the observation."""
    observation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("observation.id", ondelete="CASCADE"), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


class Site(Numbered, Stamped, Referenced, Base):
    """A place of the disaster inventory, e.g. KKH-LS-0042."""

    __tablename__ = "site"
    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    name: Mapped[str]
    activity: Mapped[str] = mapped_column(server_default="unknown")
    """The newest of its states, by trigger."""
    varnes_class: Mapped[str | None]
    chinese_class: Mapped[str | None]
    accuracy_m: Mapped[float | None]
    note: Mapped[str | None]
    source: Mapped[str]
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    geom: Mapped[Any] = geometry("GEOMETRY")
    __table_args__ = (CheckConstraint(f"activity IN {ACTIVITIES}", name="activity"),)


class SiteState(Numbered, Stamped, Base):
    """What state a site was in from a day on, and who says so; the newest is the site's own."""

    __tablename__ = "site_state"
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), index=True)
    activity: Mapped[str]
    since_on: Mapped[date | None]
    """None where nobody told; such a state is older than every other."""
    precision: Mapped[str] = mapped_column(server_default="day")
    """day, month or year: how exactly the day is known."""
    source: Mapped[str]
    note: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    """The entry was wrong; it stays to be seen."""
    withdrawn_by: Mapped[str | None]
    __table_args__ = (
        CheckConstraint(f"activity IN {ACTIVITIES}", name="activity"),
        CheckConstraint("precision IN ('day', 'month', 'year')", name="precision"),
    )


class Event(Numbered, Stamped, Referenced, Base):
    """A dated occurrence with its impacts."""

    __tablename__ = "event"
    kind: Mapped[str]
    name: Mapped[str]
    occurred_on: Mapped[date]
    occurred_to: Mapped[date | None]
    precision: Mapped[str] = mapped_column(server_default="day")
    """day, month or year: how exactly the date is known."""
    accuracy_m: Mapped[float | None]
    trigger: Mapped[str | None]
    fatalities: Mapped[int | None]
    injuries: Mapped[int | None]
    impacts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    note: Mapped[str | None]
    source: Mapped[str]
    source_id: Mapped[str]
    source_file_id: Mapped[int | None] = mapped_column(ForeignKey("source_file.id"), index=True)
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))
    content_sha256: Mapped[str]
    geom: Mapped[Any | None] = geometry("GEOMETRY", nullable=True)
    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        CheckConstraint("precision IN ('day', 'month', 'year')", name="precision"),
        Index("ix_event_occurred_on", "occurred_on"),
    )


class Evidence(Numbered, Stamped, Base):
    """What a site rests on: one observation, change or event a row."""

    __tablename__ = "evidence"
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), index=True)
    observation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("observation.id"))
    change_id: Mapped[int | None] = mapped_column(ForeignKey("change.id"))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("event.id"))
    note: Mapped[str | None]
    __table_args__ = (CheckConstraint("num_nonnulls(observation_id, change_id, event_id) = 1", name="one_subject"),)


class Claim(Numbered, Stamped, Base):
    """One value of one attribute by one source; sources that disagree stand side by side."""

    __tablename__ = "claim"
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), index=True)
    event_id: Mapped[int | None] = mapped_column(ForeignKey("event.id", ondelete="CASCADE"), index=True)
    attribute: Mapped[str]
    value: Mapped[str]
    unit: Mapped[str | None]
    source: Mapped[str]
    __table_args__ = (CheckConstraint("num_nonnulls(site_id, event_id) = 1", name="one_subject"),)
