"""When would the first alert have gone out? Attabad 2010 and Hassanabad 2022, simulated as imagery, through the real pipeline.

Writes docs/replay.md and its pictures from what the runs did: `python -m benchmarks.alert_replay`. No satellite took these scenes; their
dates are those of the real orbits, their ground, slides and lakes are simulated, and so are the clouds.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import shapely
from sqlalchemy import text

from alerts.deliver import deliver_due
from alerts.run import process_run
from alerts.settings import AlertSettings
from api import demo_data
from api.icerecords import happenings
from api.pipeline import DetectionSettings, detect_landslides
from detection.simulate import simulate_landslide
from detection.simulate.world import World
from hazard_db import alerts, cascades, changes, cluster, connect, corridor, lakes, migrate, pictures, seed
from hazard_db.connect import Engine
from ingest.imagery.load import ingest_scene

DOCS = Path(__file__).parents[1] / "docs"
ANCHOR = date(2014, 3, 18)
"""A day on which Landsat 8 passed path 44, and eight orbits before, on the same day of UTC, path 149."""
CYCLE = 16
PHASES = {"Landsat 5": 0, "Landsat 7": 8, "Landsat 8": 0, "Landsat 9": 8, "Sentinel-2": 0}
"""Days against the anchor; Landsat 7 and 9 fly eight days apart from 5 and 8. That of Sentinel-2 is assumed."""
LAKE = (74.61, 36.40)
LAKE_M2 = 330_000.0
FILLS_FROM = date(2022, 5, 7) - timedelta(days=155)
CLEAR = {1: 0.45, 2: 0.35, 3: 0.35, 4: 0.4, 5: 0.45, 6: 0.55, 7: 0.5, 8: 0.5, 9: 0.65, 10: 0.75, 11: 0.7, 12: 0.6}
"""Assumed share of passes by month on which the place is not under cloud."""


@dataclass(frozen=True)
class Case:
    """An event as history tells it, and who flew."""

    name: str
    event: date
    satellites: tuple[str, ...]
    repeat_days: int
    pixel_m: float
    seed: int
    km: float
    until: date


@dataclass(frozen=True)
class Pass:
    """A day on which a satellite passed."""

    day: date
    satellite: str
    clear: bool


@dataclass(frozen=True)
class Outcome:
    """What the pipeline did with one case."""

    case: Case
    passes: tuple[Pass, ...]
    first_pass: Pass | None
    """The first usable one after the event that raised an alert."""
    headline: str
    severity: str
    certainty: str
    area_m2: float
    truth_m2: float
    picture: Path | None
    delivered: int


CASES = (
    Case(
        "Attabad, 4 January 2010",
        date(2010, 1, 4),
        ("Landsat 5", "Landsat 7"),
        CYCLE,
        30.0,
        11,
        657.0,
        date(2010, 5, 29),
    ),
    Case(
        "Hassanabad, 7 May 2022",
        date(2022, 5, 7),
        ("Landsat 8", "Landsat 9", "Sentinel-2"),
        5,
        10.0,
        12,
        634.0,
        date(2022, 7, 31),
    ),
)


def passes(case: Case, luck: int) -> tuple[Pass, ...]:
    """Return the days on which the case's satellites passed, from a year before its event on, clear or not by drawn clouds."""
    rng = np.random.default_rng([case.seed, luck])
    found = []
    for satellite in case.satellites:
        cycle = CYCLE if satellite.startswith("Landsat") else case.repeat_days
        day = ANCHOR + timedelta(days=PHASES[satellite])
        begin = case.event - timedelta(days=400)
        day += timedelta(days=cycle * ((begin - day).days // cycle))
        while day <= case.until:
            if day >= begin:
                found.append(Pass(day, satellite, bool(rng.random() < CLEAR[day.month])))
            day += timedelta(days=cycle)
    return tuple(sorted(found, key=lambda one: (one.day, one.satellite)))


def delays(case: Case, draws: int = 2000) -> list[int]:
    """Return the days from the event to the first clear pass, over many draws of clouds."""
    told = []
    for luck in range(draws):
        later = [one.day for one in passes(case, luck) if one.clear and one.day > case.event]
        told.append((later[0] - case.event).days if later else (case.until - case.event).days)
    return sorted(told)


def replay(case: Case, engine: Engine, home: Path) -> Outcome:
    """Return what the pipeline did with the clear passes of a case, each taken in on its day."""
    listed = passes(case, 0)
    clear = [one for one in listed if one.clear]
    before = [one for one in clear if one.day < case.event][-4:]
    after = [one for one in clear if one.day > case.event][:4]
    moments = [datetime(one.day.year, one.day.month, one.day.day, 5, 40, tzinfo=UTC) for one in (*before, *after)]
    scene = simulate_landslide(
        case.seed, shape=(160, 160), n_before=len(before), n_after=len(after), slides=6, pixel_m=case.pixel_m, taken=moments,
        spectra="test", world=World(cloud_cover=(0.0, 0.1)),
    )  # fmt: skip
    demo_data.PIXEL_M, demo_data.CENTRE_KM = case.pixel_m, case.km
    with connect.transaction(engine) as conn:
        seed.load(conn)
        alerts.add_subscription(conn, alerts.Subscription("duty", "file", "replay", scope="Restricted"))
        transform = demo_data.placed(conn, scene)
    settings = DetectionSettings(before_days=420)
    first, raised = None, None
    for one, shot, moment in zip((*before, *after), (*scene.block.before, *scene.block.after), moments, strict=True):
        file = home / f"simulated_{one.satellite.replace(' ', '_')}_{moment:%Y%m%d}.tif"
        demo_data.write_acquisition(file, shot, moment, transform)
        ingest_scene(engine, [file], home=home, collection="simulated", actor="replay")
        detect_landslides(engine, home, since=one.day, until=one.day, actor_name="replay", settings=settings)
        with connect.transaction(engine) as conn:
            found = alerts.list_alerts(conn, state="live")
        if one in before and found:
            print(f"  {one.day} {one.satellite}: an alert before the event: {found[0].headline['en']}")
        if one in after and first is None and found:
            first, raised = one, max(found, key=lambda alert: float(alert.evidence.get("area_m2", 0)))
    report = deliver_due(engine, AlertSettings(home=home))
    picture = None
    if raised is not None:
        with connect.transaction(engine) as conn:
            shown = pictures.of_changes(conn, raised.change_ids, include_unreviewed=True)
        picture = next((home / path for path in shown.values()), None)
    return Outcome(
        case, listed, first, raised.headline["en"] if raised else "none", raised.severity if raised else "",
        raised.certainty if raised else "",
        float(raised.evidence.get("area_m2", 0)) if raised else 0.0, sum(scene.areas_m2.values()), picture, report.delivered,
    )  # fmt: skip


@dataclass(frozen=True)
class LakeOutcome:
    """What the rules said of the lake before its outburst."""

    told: tuple[tuple[date, str, str, str], ...]
    """Day of the pass, state, severity, headline: of each first word and of each time it became worse."""


def replay_lake(case: Case, engine: Engine) -> LakeOutcome:
    """Return what the rules said of a lake whose area is prescribed on each clear pass, from the lake's store on."""
    with connect.transaction(engine) as conn:
        seed.load(conn)
    told: list[tuple[date, str, str, str]] = []
    views: list[lakes.View] = []
    for one in (
        seen for seen in passes(case, 0) if seen.clear and FILLS_FROM <= seen.day <= case.event + timedelta(days=10)
    ):
        with connect.transaction(engine) as conn:
            moment = datetime(one.day.year, one.day.month, one.day.day, 5, 40, tzinfo=UTC)
            name = f"simulated {one.satellite} {one.day}"
            run = changes.RunRecord(
                "lake", "prescribed area", "1", {}, [], name, "replay", moment, moment, None, {}, None
            )
            run_id = changes.store_run(conn, run, [], []).run_id
            conn.execute(
                text("""INSERT INTO scene (id, collection, sensor, acquired_at, epsg, sun_elevation_deg, sun_azimuth_deg, assets,
                                           checksum, geom)
                        VALUES (:id, 'simulated', 's', :at, 32643, 50, 150, '{}', :id, ST_Multi(ST_MakeEnvelope(74, 36, 75, 37, 4326)))"""),
                {"id": name, "at": moment},
            )
            views.append(lake_on(case, one.day, name))
            lakes.store(
                conn, run_id, [lakes.LakeRecord("L36.400N074.610E", True, 0.3, tuple(views))], scene_ids=[name],
                footprint_wkb=shapely.to_wkb(shapely.box(74, 36, 75, 37)),
            )  # fmt: skip
            (origin,) = [at for at in cascades.origins(conn, "lake") if at.area.distance(shapely.Point(LAKE)) < 0.05][
                :1
            ]
            road = corridor.locate_km(conn, case.km)
            course = np.column_stack(
                [
                    np.linspace(LAKE[0], road.lon, 12),
                    np.linspace(LAKE[1], road.lat - 0.002, 12),
                    np.linspace(2600, 2080, 12),
                ]
            )
            cascades.store(
                conn,
                [cascades.Path("lake", origin.id, shapely.LineString(course), 30.0)],
                dem="prescribed",
                dem_sha256="x",
            )
            found = [
                change for lake in lakes.find(conn) if lake["lake_id"] == "L36.400N074.610E"
                for change in happenings(conn, lake, one.day - timedelta(days=90))
            ]  # fmt: skip
            changes.add_changes(conn, run_id, found)
            process_run(conn, run_id, "replay")
            for alert in alerts.list_alerts(conn, state="live"):
                said = (alert.kind, alert.severity)
                if said not in {(kind, severity) for _, kind, severity, _ in told}:
                    told.append((one.day, *said, alert.headline["en"]))
    return LakeOutcome(tuple(told))


def lake_on(case: Case, day: date, scene: str) -> lakes.View:
    """Return the prescribed lake: frozen until March, growing evenly to 0.33 km² on the day of the outburst, dry afterwards."""
    share = (day - FILLS_FROM).days / (case.event - FILLS_FROM).days
    if day > case.event:
        return lakes.View(scene, day, "dry", 0.0, 4000.0, 0.9, None, None, None)
    area_m2 = max(share, 0.02) * LAKE_M2
    radius_m = (area_m2 / np.pi) ** 0.5
    shape = shapely.transform(
        shapely.Point(0, 0).buffer(radius_m), lambda xy: np.column_stack([LAKE[0] + xy[:, 0] / 89_600, LAKE[1] + xy[:, 1] / 111_000])
    )  # fmt: skip
    state = "frozen" if day.month in {12, 1, 2} else "water"
    return lakes.View(scene, day, state, area_m2, 2 * np.pi * radius_m * case.pixel_m / 2, 0.9, None, None, shape)


@contextmanager
def catalogue() -> Iterator[tuple[Engine, Path]]:
    """Yield a catalogue of its own, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="replay"))
    cluster.up(home)
    try:
        url = cluster.url(home, "admin")
        migrate.upgrade(url)
        engine = connect.engine(url)
        yield engine, home
        engine.dispose()
    finally:
        cluster.down(home)
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Replay both cases and write the page."""
    outcomes = []
    for case in CASES:
        with catalogue() as (engine, home):
            done = replay(case, engine, home)
            if done.picture is not None and done.picture.exists():
                name = f"replay_{case.event.year}.png"
                shutil.copy(done.picture, DOCS / "images" / name)
            outcomes.append(done)
            print(done)
    with catalogue() as (engine, _):
        lake = replay_lake(CASES[1], engine)
    print(lake)
    (DOCS / "replay.md").write_text(page(outcomes, lake), encoding="utf8")


def page(outcomes: list[Outcome], lake: LakeOutcome) -> str:
    """Return the page that tells what came of the cases."""
    return "\n".join([HEAD, *(section(one) for one in outcomes), lake_section(CASES[1], lake), TAIL])


def lake_section(case: Case, lake: LakeOutcome) -> str:
    """Return what the rules said of the lake."""
    rows = [
        f"| {day} | {(case.event - day).days:+d} | {kind} | {severity} | {headline} |"
        for day, kind, severity, headline in lake.told
    ]
    return f"""### The lake before it drained

The area of the lake is prescribed, not detected: frozen (so that it tells nothing) until the end of February, growing evenly over 155 days
to 0.33 km² on 7 May, gone afterwards, seen at the clear passes of the same draw of clouds with an uncertainty of half a pixel along
its shore. From the lake's store on everything is the real code: events of the series, the way to the road, rules, alert.

| pass | days before the outburst | kind | severity | first word of it |
|---|---|---|---|---|
{chr(10).join(rows) or "| none | | | | |"}
"""


def section(one: Outcome) -> str:
    """Return what came of one case."""
    case, waits = one.case, delays(one.case)
    tenth, half, ninetieth = (waits[int(len(waits) * share)] for share in (0.1, 0.5, 0.9))
    later = [seen for seen in one.passes if case.event < seen.day <= case.event + timedelta(days=64)][:10]
    rows = [f"| {seen.day} | {seen.satellite} | {'clear' if seen.clear else 'cloud'} |" for seen in later]
    first = (
        "none until the end of the replay"
        if one.first_pass is None
        else (
            f"**{one.first_pass.day}** ({one.first_pass.satellite}), {(one.first_pass.day - case.event).days} days after the event"
        )
    )
    shown = f"\n![What the first alert showed, simulated](images/replay_{case.event.year}.png)\n" if one.picture else ""
    return f"""## {case.name}

{STORIES[case.event.year]}

First alert: {first}. "{one.headline}"; {one.severity}, {one.certainty}, {one.area_m2:,.0f} m² found (simulated slides together:
{one.truth_m2:,.0f} m²); {one.delivered} messages delivered. Over 2,000 draws of clouds the first clear pass came {half} days after the
event in the middle, {tenth} days in the luckiest tenth, {ninetieth} days or more in the unluckiest.
{shown}
| pass | satellite | drawn sky |
|---|---|---|
{chr(10).join(rows)}
"""


HEAD = """# Replay: when would the first alert have gone out?

Two disasters of the road, replayed through the real pipeline: scene into the catalogue, detection, rules, outbox, delivery. Written by
`python -m benchmarks.alert_replay`; nothing on this page is typed by hand but the stories.

**What is real**: the facts and dates of the events, the passes of Landsat (path 149, computed from the 16-day cycle against 18 March 2014),
the code. **What is simulated**: ground, slides, light and sensor (SIMULATED scenes, spectra that nothing was fitted on), clouds (drawn
with the share of clear passes assumed by month, 35-75 %). **What is assumed**: the five days of Sentinel-2 count from the same day; that a
scene reaches us on the day it is taken. Landsat 7 had lost a fifth of each scene in stripes by 2010; the replay does not
draw them. The simulated slides are a few 10,000 m² at most; that of Attabad was some 1,200 m long and 350 m wide [@Kargel2010], so
that the severities below are those of far smaller ones, and the lake behind it is not replayed. Whether an archive really holds a
clear scene of a given day is not checked here.
"""
STORIES = {
    2010: """On 4 January 2010 the slope at Attabad came down, killed about 20 people and dammed the Hunza; the lake grew to 21 km and
overtopped on 29 May [@Kargel2010]. Landsat 5 and 7 passed, each every 16 days, eight days apart. No satellite of that time warns of the
collapse itself: cracks of some metres are below its pixels. What imagery can do is tell, within days to weeks, that the road is
gone and a lake is growing, where no telephone did.""",
    2022: """On 7 May 2022 the lake that the surging Shisper glacier had dammed drained through Hassanabad and took the bridge
[@Muhammad2021] (of its earlier floods; the facts of 2022 are those of the
[seed catalogue](../hazard_db/seed/inventory.yml)). Landsat 8 and 9 and Sentinel-2 passed. Here the replay takes the erosion
beside the river as the change: what shows afterwards. The lake's growth in the months before is what would have warned:
see below. A gauge would have been the trigger: drainage took about a day, less than any of these satellites takes to come back.""",
}
TAIL = """## What this says

An alert from optical imagery of these days is a matter of the orbit and the clouds, not of the code: detection and delivery take
minutes (see [latency](benchmarks.md)). Rain, gauges and telephones are faster; imagery tells what they do not reach. Both replays are
of one draw of simulated ground each, and say nothing of how often a slide is missed: for that see [detection](landslide-detection.md).
"""


if __name__ == "__main__":
    sys.exit(main())
