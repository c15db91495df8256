"""Measurements for Prometheus: requests, and whether the catalogue and its sources live."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hazard_db.overview import Overview
from hazard_db.queue import Backlog
from hazard_db.triggers.sources import SourceState

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Measures:
    """Of one application; its own registry, so that several live side by side in tests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "kkh_http_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "kkh_http_request_seconds", "Time to answer", ("method", "route"), buckets=BUCKETS_S, registry=self.registry
        )
        self._up = Gauge("kkh_database_up", "1 where the database answers", registry=self.registry)
        self._gauges = {
            name: Gauge(f"kkh_{name}", text, registry=self.registry)
            for name, text in (
                ("observations", "Observations in the catalogue"),
                ("observations_to_review", "Observations that wait for a person"),
                ("changes_to_review", "Changes that wait for a person"),
                ("alerts_open", "Alerts that are not closed"),
                ("alerts_unacknowledged", "Open alerts that nobody has taken on"),
                ("segments_never_seen", "Segments that no detection has seen clearly"),
                ("deliveries_waiting", "Messages that wait to be delivered"),
                ("deliveries_failed", "Messages that could not be delivered"),
            )
        }
        self._workers = Gauge("kkh_workers", "Workers that live; 0: nothing is delivered", registry=self.registry)
        self._jobs = Gauge("kkh_jobs", "Jobs in the queue", ("status",), registry=self.registry)
        self._silence = Gauge(
            "kkh_source_silence_seconds", "Since a source was heard last", ("source", "kind"), registry=self.registry
        )
        self._silent = Gauge(
            "kkh_source_silent",
            "1 where that is too long: we are blind there",
            ("source", "kind"),
            registry=self.registry,
        )
        self._latest = Gauge(
            "kkh_latest_scene_timestamp_seconds", "When the newest scene was taken", registry=self.registry
        )

    def note_sources(self, states: Sequence[SourceState]) -> None:
        """Keep since when each source has been silent, and whether that is too long."""
        for gauge in (self._silence, self._silent):
            gauge.clear()
        for one in states:
            self._silence.labels(one.name, one.kind).set(one.silent_s)
            self._silent.labels(one.name, one.kind).set(one.silent)

    def note_backlog(self, backlog: Backlog) -> None:
        """Keep how many workers live, and what waits for them."""
        self._workers.set(backlog.workers)
        self._jobs.labels("waiting").set(backlog.waiting)
        self._jobs.labels("failed").set(backlog.failed)

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the template, never the path: paths are endless."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def note_overview(self, overview: Overview | None) -> None:
        """Keep how the catalogue stands; None where it does not answer."""
        self._up.set(overview is not None)
        if overview is None:
            return
        for name, gauge in self._gauges.items():
            gauge.set(getattr(overview, name))
        if overview.latest_scene_at is not None:
            self._latest.set(overview.latest_scene_at.timestamp())

    def text(self) -> bytes:
        """Return all of it in the exposition format."""
        return generate_latest(self.registry)
