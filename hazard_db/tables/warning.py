"""Risk by kilometre, alert rules, alerts, and their way to people."""

from __future__ import annotations

import uuid
from datetime import datetime, time
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from hazard_db.tables.base import Base, Numbered, Referenced, Stamped, geometry


class RiskRating(Numbered, Base):
    """A rating of a segment for a hazard; the newest has superseded_at NULL."""

    __tablename__ = "risk_rating"
    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id", ondelete="CASCADE"))
    hazard: Mapped[str]
    """landslide, rockfall, ... or `all`."""
    score: Mapped[float]
    """0-100."""
    grade: Mapped[str]
    confidence: Mapped[float]
    contributions: Mapped[list[Any]]
    """[{source, id, label, points, detail, date, hazard, exposure, vulnerability, ...}, ...] summing up to score."""
    weights_version: Mapped[str]
    rated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    superseded_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("grade IN ('low', 'intermediate', 'high', 'very high', 'unknown')", name="grade"),
        Index(
            "uq_risk_rating_current",
            "segment_id",
            "hazard",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index("ix_risk_rating_history", "segment_id", "hazard", "rated_at"),
    )


class AlertRule(Numbered, Stamped, Base):
    """A rule as data: which changes raise which alert."""

    __tablename__ = "alert_rule"
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    version: Mapped[int] = mapped_column(server_default="1")
    definition: Mapped[dict[str, Any]]
    why: Mapped[str | None]
    """Of its last change; who changed it when is with its versions."""


class AlertRuleVersion(Base):
    """A rule as it stood; written by the database at every change."""

    __tablename__ = "alert_rule_version"
    rule_id: Mapped[int] = mapped_column(ForeignKey("alert_rule.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    enabled: Mapped[bool]
    definition: Mapped[dict[str, Any]]
    why: Mapped[str | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    changed_by: Mapped[str]


class Alert(Numbered, Referenced, Base):
    """Something near the road that people should know."""

    __tablename__ = "alert"
    identifier: Mapped[uuid.UUID] = mapped_column(unique=True, server_default=text("gen_random_uuid()"))
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("alert_rule.id"))
    group_key: Mapped[str]
    """Same cause, same key: one open alert for it."""
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    scope: Mapped[str] = mapped_column(server_default="Restricted")
    severity: Mapped[str]
    certainty: Mapped[str]
    urgency: Mapped[str]
    headline: Mapped[dict[str, Any]]
    """By language: en, zh, ur."""
    description: Mapped[dict[str, Any]]
    evidence: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    raised_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    expires_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None]
    raise_count: Mapped[int] = mapped_column(server_default="1")
    geom: Mapped[Any] = geometry("GEOMETRY")
    __table_args__ = (
        CheckConstraint(
            "state IN ('candidate', 'open', 'acknowledged', 'escalated', 'resolved', 'false_alarm', 'expired')",
            name="state",
        ),
        CheckConstraint("scope IN ('Restricted', 'Public')", name="scope"),
        Index(
            "uq_alert_live_group", "group_key", unique=True,
            postgresql_where=text("state IN ('candidate', 'open', 'acknowledged', 'escalated')"),
        ),
    )  # fmt: skip


class AlertChange(Base):
    """Which changes an alert speaks of."""

    __tablename__ = "alert_change"
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"), primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("change.id"), primary_key=True)


class Finding(Numbered, Stamped, Referenced, Base):
    """What a source other than imagery says of a stretch of the road, as it said last."""

    __tablename__ = "finding"
    key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    source: Mapped[str]
    confidence: Mapped[float]
    measures: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    labels: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    geom: Mapped[Any] = geometry("GEOMETRY")
    __table_args__ = (CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence"),)


class FindingLook(Base):
    """Whether the source saw it at a time; a moment processed again replaces what was said of it."""

    __tablename__ = "finding_look"
    finding_id: Mapped[int] = mapped_column(ForeignKey("finding.id", ondelete="CASCADE"), primary_key=True)
    acquired_at: Mapped[datetime] = mapped_column(primary_key=True)
    shows: Mapped[bool]
    measures: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    told_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class AlertFinding(Base):
    """Which findings an alert speaks of."""

    __tablename__ = "alert_finding"
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"), primary_key=True)
    finding_id: Mapped[int] = mapped_column(ForeignKey("finding.id"), primary_key=True, index=True)


class AlertEvent(Numbered, Base):
    """A message about an alert: each is one CAP message, and later ones refer to earlier ones."""

    __tablename__ = "alert_event"
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"), index=True)
    identifier: Mapped[uuid.UUID] = mapped_column(unique=True, server_default=text("gen_random_uuid()"))
    msg_type: Mapped[str]
    state: Mapped[str]
    scope: Mapped[str]
    actor: Mapped[str]
    note: Mapped[str | None]
    sent_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    content: Mapped[dict[str, Any]]
    """The alert as it stood when the message was made."""
    __table_args__ = (CheckConstraint("msg_type IN ('Alert', 'Update', 'Cancel', 'Ack', 'Error')", name="msg_type"),)


class Subscription(Numbered, Stamped, Base):
    """Who wants which alerts by which channel."""

    __tablename__ = "subscription"
    name: Mapped[str] = mapped_column(unique=True)
    channel: Mapped[str]
    address: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="en")
    min_severity: Mapped[str] = mapped_column(server_default="Minor")
    scope: Mapped[str] = mapped_column(server_default="Public")
    """Restricted subscribers (duty officers) also get unreviewed alerts."""
    chainage_from_km: Mapped[float | None]
    chainage_to_km: Mapped[float | None]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    hazards: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """Kinds of alerts; empty = all."""
    quiet_from: Mapped[time | None]
    quiet_to: Mapped[time | None]
    """Between them, by the clock of `timezone`, nothing but what is Extreme is sent."""
    timezone: Mapped[str] = mapped_column(server_default="Asia/Karachi")
    escalate_to: Mapped[int | None] = mapped_column(ForeignKey("subscription.id", ondelete="SET NULL"))
    """Who is told where nobody has taken an alert on after `escalate_after_min` minutes."""
    escalate_after_min: Mapped[int | None]
    __table_args__ = (
        CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", name="quiet"),
        CheckConstraint("escalate_after_min > 0 AND escalate_to <> id", name="escalate"),
    )


class Delivery(Numbered, Base):
    """The outbox: one message to one subscription, committed together with the alert."""

    __tablename__ = "delivery"
    alert_event_id: Mapped[int] = mapped_column(ForeignKey("alert_event.id", ondelete="CASCADE"))
    subscription_id: Mapped[int] = mapped_column(ForeignKey("subscription.id", ondelete="CASCADE"), index=True)
    queued_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    reason: Mapped[str] = mapped_column(server_default="subscribed")
    """subscribed; escalated: nobody below had taken the alert on; reminder: nobody has at all; check: asked to look in the field."""
    status: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_try_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    delivered_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    receipt: Mapped[str | None]
    """What the receiver's side told: delivered, acknowledged or bounced."""
    receipt_at: Mapped[datetime | None]
    receipt_note: Mapped[str | None]
    held: Mapped[dict[str, Any] | None]
    """What kept it back: a silence, or a closure of the road there."""
    __table_args__ = (
        UniqueConstraint("alert_event_id", "subscription_id"),
        CheckConstraint("reason IN ('subscribed', 'escalated', 'reminder', 'check')", name="reason"),
        CheckConstraint("receipt IN ('delivered', 'acknowledged', 'bounced')", name="receipt"),
        CheckConstraint("status IN ('waiting', 'delivered', 'failed', 'withheld')", name="status"),
        Index("ix_delivery_withheld", "alert_event_id", postgresql_where=text("status = 'withheld'")),
        Index("ix_delivery_waiting", "next_try_at", postgresql_where=text("status = 'waiting'")),
    )


class Silence(Numbered, Stamped, Base):
    """From then to then alerts of this kind and place are not told; they are raised, shown, and told afterwards if still open."""

    __tablename__ = "silence"
    purpose: Mapped[str] = mapped_column(server_default="silence")
    """silence, or maintenance: works that make changes of their own."""
    hazards: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    """Kinds of alerts; empty = all."""
    rule: Mapped[str | None]
    chainage_from_km: Mapped[float | None]
    chainage_to_km: Mapped[float | None]
    """Both None = the whole road."""
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    passes_from: Mapped[str | None]
    """From this severity on alerts are told all the same; None = nothing is."""
    reason: Mapped[str]
    ended_by: Mapped[str | None]
    """Who ended it before its time."""
    alignment_id: Mapped[int | None] = mapped_column(ForeignKey("alignment.id"))
    geom: Mapped[Any | None] = geometry("GEOMETRY", nullable=True, index=False)
    __table_args__ = (
        CheckConstraint("purpose IN ('silence', 'maintenance')", name="purpose"),
        CheckConstraint("ends_at >= starts_at", name="times"),
        CheckConstraint(
            "(chainage_from_km IS NULL) = (chainage_to_km IS NULL) AND chainage_to_km >= chainage_from_km",
            name="stretch",
        ),
        CheckConstraint("passes_from IN ('Minor', 'Moderate', 'Severe', 'Extreme')", name="passes_from"),
    )


class Team(Numbered, Stamped, Referenced, Base):
    """People at the road who can go and look."""

    __tablename__ = "team"
    name: Mapped[str] = mapped_column(unique=True)
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscription.id", ondelete="SET NULL"))
    """By which they are told what they are asked to look at."""
    enabled: Mapped[bool] = mapped_column(server_default="true")
    geom: Mapped[Any] = geometry("POINT", index=False)


class FieldCheck(Numbered, Stamped, Base):
    """A team is asked to look at what an alert speaks of, and says what it found."""

    __tablename__ = "field_check"
    alert_id: Mapped[int] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"), index=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    distance_km: Mapped[float | None]
    """Along the road from the team to the alert; None where one of them is not at the road."""
    question: Mapped[str | None]
    verdict: Mapped[str | None]
    note: Mapped[str | None]
    judged_at: Mapped[datetime | None]
    judged_by: Mapped[str | None]
    __table_args__ = (
        CheckConstraint("verdict IN ('confirmed', 'false_alarm', 'unclear', 'withdrawn')", name="verdict"),
        CheckConstraint("(verdict IS NULL) = (judged_at IS NULL)", name="judged"),
        Index("uq_field_check_open", "alert_id", unique=True, postgresql_where=text("verdict IS NULL")),
    )
