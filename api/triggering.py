"""What rain, earthquakes, bulletins, gauges and silence say to the rules of alerts, in the transaction in which they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from alerts.run import process_findings
from hazard_db import visibility
from hazard_db.alerts import Finding
from hazard_db.connect import Connection
from hazard_db.triggers import bulletins, quakes, rain, sources
from hazard_db.triggers.rain import RainWindow
from hazard_db.triggers.sensors import Reading
from hazard_db.triggers.sources import SourceState
from ingest.triggers.load import Then

NEWS_FOR = timedelta(days=10)
"""Older rain and bulletins are history: they fill the archive and alarm nobody."""
QUAKE_NEWS_FOR = timedelta(days=30)
UNUSUAL_PERCENTILE = 95.0
"""Below it rain is over; rules raise higher, so that an alert does not come and go around one limit."""
FELT_MMI = 5.0
"""From this intensity on the ground may fail; the stretch told is the one shaken so."""
BLIND_DAYS = 20
"""Fewer is over; rules raise from more, so that an alert does not come and go around one limit."""
HALF_KM = 0.5
LEVELS: Mapping[str | None, float] = {None: 1.0, "warning": 2.0, "danger": 3.0, "green": 1.0, "orange": 2.0, "red": 3.0}
TICK = timedelta(minutes=10)


def followers(actor_name: str) -> dict[str, Then]:
    """Return what follows from each kind of trigger that is new."""

    def after_rain(conn: Connection, ids: Sequence[int]) -> None:
        process_findings(conn, rain_findings(conn, ids), actor_name)

    def after_quakes(conn: Connection, ids: Sequence[int]) -> None:
        process_findings(conn, quake_findings(conn, ids), actor_name)

    def after_bulletins(conn: Connection, ids: Sequence[int]) -> None:
        process_findings(conn, bulletin_findings(conn, ids), actor_name)

    return {"rainfall": after_rain, "earthquakes": after_quakes, "bulletins": after_bulletins}


def rain_findings(conn: Connection, grid_ids: Sequence[int]) -> list[Finding]:
    """Return what new grids say of each segment at the end of their hours, and of the newest hours that they complete."""
    moments = {*rain.ends_of(conn, grid_ids), rain.count(conn)["until"]}
    recent = sorted(one for one in moments if one is not None and datetime.now(UTC) - one < NEWS_FOR)
    return [_rain(windows) for until in recent for windows in _by_segment(rain.windows(conn, until=until))]


def _by_segment(windows: Sequence[RainWindow]) -> list[list[RainWindow]]:
    grouped: dict[int, list[RainWindow]] = {}
    for one in windows:
        grouped.setdefault(one.segment_id, []).append(one)
    return list(grouped.values())


def _rain(windows: Sequence[RainWindow]) -> Finding:
    """Return what the most unusual window of a segment says."""
    worst = max(windows, key=lambda one: (one.percentile or 0.0, one.intensity_ratio))
    measures = {
        "rain_mm": worst.rain_mm, "window_h": float(worst.window_h), "observed_share": worst.observed_share,
        "intensity_ratio": max(one.intensity_ratio for one in windows),
    }  # fmt: skip
    if worst.percentile is not None:
        measures["percentile"] = worst.percentile
    unusual = (worst.percentile or 0.0) >= UNUSUAL_PERCENTILE or measures["intensity_ratio"] >= 1
    return Finding(
        f"rain/{worst.segment_id}", "rain", "GPM IMERG", worst.ends_at, worst.km_from, worst.km_to,
        confidence=min(1.0, worst.observed_share), measures=measures, shows=unusual,
    )  # fmt: skip


def quake_findings(conn: Connection, ids: Sequence[int]) -> list[Finding]:
    """Return what earthquakes say of the stretch that they shook hard; those taken back, or told milder, say that it is over."""
    felt = {one.id: one for one in quakes.list_quakes(conn, ids=ids, least_mmi=FELT_MMI)}
    findings = []
    for number, source_id, happened_at, told_at in quakes.names(conn, ids):
        if datetime.now(UTC) - happened_at > QUAKE_NEWS_FOR:
            continue
        one = felt.get(number)
        if one is None:
            findings.append(Finding(f"earthquake/{source_id}", "earthquake", "USGS", told_at, None, None, shows=False))
            continue
        measures = {"mmi": one.largest_mmi, "magnitude": one.magnitude, "depth_km": one.depth_km}
        source = "USGS ShakeMap" if one.basis == "shakemap" else "USGS, intensity estimated"
        findings.append(
            Finding(
                f"earthquake/{source_id}", "earthquake", source, told_at, one.km_from, one.km_to,
                confidence=1.0 if one.basis == "shakemap" else 0.5, labels={"title": one.place or ""},
                measures={name: value for name, value in measures.items() if value is not None},
            )
        )  # fmt: skip
    return findings


def bulletin_findings(conn: Connection, ids: Sequence[int]) -> list[Finding]:
    """Return what bulletins say that are near the road and recent."""
    now = datetime.now(UTC)
    return [
        Finding(
            f"bulletin/{one.id}", "bulletin", "GDACS", one.told_at, one.chainage_km - HALF_KM, one.chainage_km + HALF_KM,
            measures={"level": LEVELS[one.level]}, labels={"title": one.title},
            shows=one.ends_at is None or now - one.ends_at < NEWS_FOR,
        )
        for one in bulletins.list_bulletins(conn, ids=ids)
        if one.chainage_km is not None and now - one.told_at < NEWS_FOR
    ]  # fmt: skip


def sensor_findings(reading: Reading | None) -> list[Finding]:
    """Return what an instrument says; nothing of one that is far from the road."""
    if reading is None or reading.sensor.chainage_km is None or datetime.now(UTC) - reading.measured_at > NEWS_FOR:
        return []
    sensor, km = reading.sensor, reading.sensor.chainage_km or 0.0
    measures = {"level": LEVELS[reading.level], "value": reading.value}
    if reading.rise_per_h is not None:
        measures["rise_per_h"] = reading.rise_per_h
    return [
        Finding(
            f"sensor/{sensor.code}", "sensor", sensor.code, reading.measured_at, km - HALF_KM, km + HALF_KM,
            measures=measures, labels={"name": sensor.name, "unit": sensor.unit}, shows=reading.level is not None,
        )
    ]  # fmt: skip


def listen(conn: Connection, actor_name: str) -> None:
    """Tell the rules who has fallen silent and who speaks again."""
    now = datetime.now(UTC)
    tick = now - (now - datetime(2000, 1, 1, tzinfo=UTC)) % TICK
    process_findings(conn, [_silence(one, tick) for one in sources.states(conn)], actor_name)


def look_out(conn: Connection, actor_name: str) -> None:
    """Tell the rules which kilometres no imagery has shown clearly for long, once a day."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    process_findings(conn, blind_findings(visibility.last_good_looks(conn), day), actor_name)


def blind_findings(looks: Sequence[visibility.GoodLook], day: datetime) -> list[Finding]:
    """Return for how many days each kilometre has not been seen clearly; one that nothing was ever taken of is no news."""
    return [
        Finding(
            f"blind/{one.km_from:g}", "blind", "imagery", day, one.km_from, one.km_to, measures={"days": float(days)},
            shows=days >= BLIND_DAYS,
        )
        for one in looks
        for days in [(day.date() - (one.last_good_look or one.first_look)).days]
    ]  # fmt: skip


def _silence(one: SourceState, at: datetime) -> Finding:
    return Finding(
        f"silent/{one.name}", "silent", "watch", at, None, None, measures={"hours": one.silent_s / 3600},
        labels={"name": one.name}, shows=one.silent,
    )  # fmt: skip
