"""When would the first alert have gone out? Attabad 2010 and Hassanabad 2022, simulated as imagery, through the real pipeline.

Writes docs/replay.md and its pictures from what the runs did: `python -m benchmarks.alert_replay`. No satellite took these scenes; their
dates are those of the real orbits, their ground, slides and lakes are simulated, and so are the clouds.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import text

from alerts.deliver import deliver_due
from alerts.run import process_run
from alerts.settings import AlertSettings
from api import demo_data
from api.icerecords import happenings
from api.landslides import detect_landslides
from api.passes import DetectionSettings
from detection.simulate import simulate_landslide
from detection.simulate.world import World
from hazard_db import alerts, cascades, changes, cluster, connect, corridor, lakes, migrate, pictures, seed
from hazard_db.connect import Connection, Engine
from ingest.imagery.load import ingest_scene

DOCS = Path(__file__).parents[1] / "docs"
ANCHOR = date(2014, 3, 18)
"""A day on which Landsat 8 passed path 44, and eight orbits before, on the same day of UTC, path 149."""
CYCLE = 16
PHASES = {"Landsat 5": 0, "Landsat 7": 8, "Landsat 8": 0, "Landsat 9": 8, "Sentinel-2": 0}
"""Days against the anchor; Landsat 7 and 9 fly eight days apart from 5 and 8. That of Sentinel-2 is assumed."""
LAKE = (74.61, 36.40)
SHISPER_M2 = 330_000.0
M_PER_DEG = (89_600.0, 111_000.0)
"""Of longitude and latitude, at 36.4° N."""
ATTABAD_KM = {date(2010, 1, 4): 0.0, date(2010, 3, 16): 10.0, date(2010, 5, 29): 21.0}
"""Length of the lake by day: the slide, a picture of EO-1, the spillway."""
ATTABAD_M2 = 3 * 410e6 / 109
"""At 410 Mm³ and 109 m: a valley whose bed rises evenly and whose sides are straight holds a third of area times depth."""
ATTABAD_FROM_KM = 663.0
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
class Lake:
    """A lake whose outline is prescribed on each day, and how it comes to the road."""

    id: str
    case: Case
    fills_from: date
    until: date
    ice_dammed: bool
    outline: Callable[[Connection, date], BaseGeometry | None]
    """Its shape on a day, EPSG:4326; None where its place is dry."""
    frozen_months: frozenset[int] = frozenset()
    """In which ice hides it."""
    course_from: tuple[float, float] | None = None
    """Where the way down to the case's kilometre begins, degrees; None = the lake lies at the road."""


@dataclass(frozen=True)
class Told:
    """What was to be said of a lake after a clear pass."""

    day: date
    lake_m2: float
    kind: str
    message: str
    """Alert, Update or Cancel; `none` where nothing new was to be said."""
    severity: str
    km_from: float
    km_to: float
    headline: str


def replay_lake(lake: Lake, engine: Engine) -> tuple[Told, ...]:
    """Return what the rules said of a lake whose area is prescribed on each clear pass, from the lake's store on."""
    case = lake.case
    with connect.transaction(engine) as conn:
        seed.load(conn)
    clear = [one for one in passes(case, 0) if one.clear]
    seen = [*[one for one in clear if one.day < lake.fills_from][-1:],
            *[one for one in clear if lake.fills_from <= one.day <= lake.until]]  # fmt: skip
    told: list[Told] = []
    views: list[lakes.View] = []
    heard: set[int] = set()
    for one in seen:
        with connect.transaction(engine) as conn:
            views.append(lake_on(conn, lake, one))
            if all(view.outline is None for view in views):
                continue
            run_id = store_pass(conn, lake, one, views)
            (known,) = [found for found in lakes.find(conn) if found["lake_id"] == lake.id]
            changes.add_changes(conn, run_id, happenings(conn, known, one.day - timedelta(days=90)))
            process_run(conn, run_id, "replay")
            for alert in alerts.list_alerts(conn, state="live"):
                said = alerts.events_of(conn, alert.id)
                news = [event.msg_type for event in said if event.id not in heard]
                heard.update(event.id for event in said)
                told.append(Told(
                    one.day, views[-1].area_m2, alert.kind, ", ".join(news) or "none", alert.severity,
                    alert.chainage_from_km or 0.0, alert.chainage_to_km or 0.0, alert.headline["en"],
                ))  # fmt: skip
    return tuple(told)


def store_pass(conn: Connection, lake: Lake, one: Pass, views: Sequence[lakes.View]) -> int:
    """Return the number of the run that stored all that was seen of a lake up to a pass."""
    moment, name = _moment(one.day), _scene(one)
    run = changes.RunRecord("lake", "prescribed area", "1", {}, [], name, "replay", moment, moment, None, {}, None)
    run_id = changes.store_run(conn, run, [], []).run_id
    for view in views:
        conn.execute(
            text("""INSERT INTO scene (id, collection, sensor, acquired_at, epsg, sun_elevation_deg, sun_azimuth_deg, assets,
                                       checksum, geom)
                    VALUES (:id, 'simulated', 's', :at, 32643, 50, 150, '{}', :id, ST_Multi(ST_MakeEnvelope(74, 36, 75.5, 37, 4326)))
                    ON CONFLICT DO NOTHING"""),
            {"id": view.scene_id, "at": _moment(view.observed_on)},
        )
    lakes.store(
        conn, run_id, [lakes.LakeRecord(lake.id, lake.ice_dammed, None, tuple(views))], scene_ids=[name],
        footprint_wkb=shapely.to_wkb(shapely.box(74, 36, 75.5, 37)),
    )  # fmt: skip
    if lake.course_from is not None:
        origin = next(
            at for at in cascades.origins(conn, "lake") if at.area.distance(shapely.Point(lake.course_from)) < 0.05
        )
        road = corridor.locate_km(conn, lake.case.km)
        (west, south), steps = lake.course_from, 12
        course = np.column_stack(
            [
                np.linspace(west, road.lon, steps),
                np.linspace(south, road.lat - 0.002, steps),
                np.linspace(2600, 2080, steps),
            ]
        )
        path = cascades.Path("lake", origin.id, shapely.LineString(course), 30.0)
        cascades.store(conn, [path], dem="prescribed", dem_sha256="x")
    return run_id


def lake_on(conn: Connection, lake: Lake, one: Pass) -> lakes.View:
    """Return the prescribed lake as a pass saw it, its area uncertain by half a pixel along its shore."""
    shape = lake.outline(conn, one.day)
    if shape is None:
        return lakes.View(_scene(one), one.day, "dry", 0.0, 4000.0, 0.9)
    area_m2, shore_m = _planar(shape)
    state = "frozen" if one.day.month in lake.frozen_months else "water"
    return lakes.View(_scene(one), one.day, state, area_m2, shore_m * lake.case.pixel_m / 2, 0.9, None, None, shape)


def shisper(_: Connection, day: date) -> BaseGeometry | None:
    """Return a round lake that grows evenly to 0.33 km² on the day of the outburst and is gone afterwards."""
    if day > SHISPER.case.event:
        return None
    share = max((day - SHISPER.fills_from).days / (SHISPER.case.event - SHISPER.fills_from).days, 0.02)
    return _placed(shapely.Point(0, 0).buffer((share * SHISPER_M2 / np.pi) ** 0.5), LAKE)


def attabad_length_km(day: date) -> float:
    """Return how long the lake behind the slide was, between the days of which it is told; it stays full afterwards."""
    known = sorted(ATTABAD_KM)
    return float(np.interp(day.toordinal(), [one.toordinal() for one in known], [ATTABAD_KM[one] for one in known]))


def attabad(conn: Connection, day: date) -> BaseGeometry | None:
    """Return the lake on the road's line upstream of the slide, as wide as gives its area; None before the slide."""
    length_km = attabad_length_km(day)
    if length_km <= 0:
        return None
    area_m2 = ATTABAD_M2 * (length_km / max(ATTABAD_KM.values())) ** 2
    at = [corridor.locate_km(conn, ATTABAD_FROM_KM + km) for km in np.arange(0.0, length_km, 0.1)]
    origin = (at[0].lon, at[0].lat)
    metres = np.array([((one.lon - origin[0]) * M_PER_DEG[0], (one.lat - origin[1]) * M_PER_DEG[1]) for one in at])
    line = shapely.LineString(metres)
    return _placed(line.buffer(area_m2 / line.length / 2, cap_style="flat"), origin)


def _placed(shape_m: BaseGeometry, origin: tuple[float, float]) -> BaseGeometry:
    return shapely.transform(shape_m, lambda xy: np.asarray(origin) + xy / np.asarray(M_PER_DEG))


def _planar(shape: BaseGeometry) -> tuple[float, float]:
    """Return the area, m², and the shore, m, of a shape in degrees."""
    metres = shapely.transform(shape, lambda xy: xy * np.asarray(M_PER_DEG))
    return float(metres.area), float(metres.length)


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 5, 40, tzinfo=UTC)


def _scene(one: Pass) -> str:
    return f"simulated {one.satellite} {one.day}"


SHISPER = Lake(
    "L36.400N074.610E", CASES[1], CASES[1].event - timedelta(days=155), CASES[1].event + timedelta(days=10), True, shisper,
    frozenset({12, 1, 2}), LAKE,
)  # fmt: skip
ATTABAD = Lake("L36.337N074.868E", CASES[0], CASES[0].event, date(2010, 6, 10), False, attabad)


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
    said = []
    for lake in (ATTABAD, SHISPER):
        with catalogue() as (engine, _):
            said.append(replay_lake(lake, engine))
        print(*said[-1], sep="\n")
    (DOCS / "replay.md").write_text(page(outcomes, said), encoding="utf8")


def page(outcomes: list[Outcome], said: Sequence[Sequence[Told]]) -> str:
    """Return the page that tells what came of the cases."""
    parts = [
        part for one, told in zip(outcomes, said, strict=True) for part in (section(one), lake_section(one.case, told))
    ]
    return "\n".join([HEAD, *parts, TAIL])


def lake_section(case: Case, said: Sequence[Told]) -> str:
    """Return what the rules said of a lake."""
    rows = [
        f"| {one.day} | {(one.day - case.event).days:+d} | {one.lake_m2 / 1e6:.2f} | {one.kind} | {one.message} | {one.severity} "
        f"| {one.km_from:.1f}-{one.km_to:.1f} | {one.headline.removeprefix('Exercise: ')} |"
        for one in said
    ]
    return f"""{LAKES[case.event.year]}

| pass | days after {case.event} | lake, km² | kind | message | severity | km | headline |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows) or "| none | | | | | | | |"}
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
that the severities of slides below are those of far smaller ones. Whether an archive really holds a
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
LAKES = {
    2010: """### The lake behind the slide

The lake is prescribed, not detected: as long as was told (nothing on 4 January, some 10 km on a picture of EO-1 of 16 March
[@EO1Hunza2010], 21 km when it ran over on 29 May; evenly between), its area by the square of its length from 11.3 km² when full, which is
three times 410 million m³ by 109 m and holds for a valley whose bed rises evenly: **derived, not measured**. It lies on the catalogue's
line of the road upstream of km 663, as the road ran along the valley's floor. It is taken for open water from the first day:
were it white until the end of February, the first clear pass of March, the 15th, would tell it, against the last look before
the ice (read from the rule, not run). The passes and clouds are those above,
the last clear one before the slide dry. From the lake's store on everything is the real code.

A young lake is smaller than the doubt of half a pixel along its shore, so that the first clear pass says nothing. The first alert is
as severe as the rules are for this segment, so that it does not become graver while the lake grows: every clear pass sends an
update with the new size. An alert says which kilometres the lake covers, not which are next: for that the water's level
would have to be followed on an elevation model, which the system does not do.""",
    2022: """### The lake before it drained

The area of the lake is prescribed, not detected: frozen (so that it tells nothing) until the end of February, growing evenly over 155 days
to 0.33 km² on 7 May, gone afterwards, seen at the clear passes of the same draw of clouds with an uncertainty of half a pixel along
its shore. From the lake's store on everything is the real code: events of the series, the way to the road, rules, alert.""",
}
TAIL = """## What this says

An alert from optical imagery of these days is a matter of the orbit and the clouds, not of the code: detection and delivery take
minutes (see [latency](benchmarks.md)). Rain, gauges and telephones are faster; imagery tells what they do not reach. Both replays are
of one draw of simulated ground each, and say nothing of how often a slide is missed: for that see [detection](landslide-detection.md).
"""


if __name__ == "__main__":
    sys.exit(main())
