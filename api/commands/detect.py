"""`kkh detect`: changes, in files or on the catalogue's scenes."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.choices import AsJson, Bands, Dem, ManyValues, Out, Since
from api.commands.detect_ice import glacier, lake
from api.commands.ingest import split
from api.console import actor, progress, put, put_json, tell

if TYPE_CHECKING:
    from api.settlement import SettlementReport

app = typer.Typer(name="detect", help="Find changes, in files or on the catalogue's scenes.", no_args_is_help=True)

Files = list[Path] | None


@app.command(cls=ManyValues)
def landslide(
    before: Annotated[
        Files, typer.Option("--before", metavar="A.tif [...]", help="Rasters before, one or more.")
    ] = None,
    after: Annotated[Files, typer.Option("--after", metavar="B.tif [...]", help="Rasters after, one or more.")] = None,
    out: Out = None,
    dem: Dem = None,
    mask: Annotated[
        Path | None, typer.Option("--mask", help="GeoTIFF to write: 0 none, 1 change, 255 not observed.")
    ] = None,
    unseen: Annotated[
        Path | None, typer.Option("--unseen", help="GeoTIFF to write: what hid the ground, 0 where it was seen.")
    ] = None,
    explain: Annotated[Path | None, typer.Option("--explain", help="GeoTIFF of the scores to write.")] = None,
    bands: Bands = None,
    dates: Annotated[
        list[str] | None, typer.Option("--dates", help="Dates of the files: those before, then those after.")
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="By default the one that suits the dates and bands.")
    ] = None,
    since: Since = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="tcp://HOST:PORT", help="Dask cluster that does the blocks.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--until", formats=["%Y-%m-%d"], help="With --since: nothing taken after this day."),
    ] = None,
    each: Annotated[
        bool,
        typer.Option(
            "--each", help="With --since: every date in turn, as on the day it came in; goes on where it stood."
        ),
    ] = False,
    block_px: Annotated[int, typer.Option("--block-px", min=128, help="Side of the blocks; memory follows it.")] = 704,
    json: AsJson = False,
) -> None:
    """Landslides between dates: in files (--before, --after, --out), or on the catalogue's scenes (--since)."""
    if since is not None:
        if before or after or out or mask or unseen or explain:
            raise typer.BadParameter("--since works on the catalogue's scenes; leave files out")
        _on_catalogue(since, until, dem, scheduler, each=each, json=json)
        return
    if not (before and after and out):
        raise typer.BadParameter("give --before, --after and --out, or --since DATE for the catalogue's scenes")
    from detection.run import run_landslide
    from detection.scheduling import crew

    with progress() as shown, crew(scheduler) as workers:
        result = run_landslide(
            before, after, out, dem=dem, mask=mask, unseen=unseen, explain=explain, bands=split(bands), dates=split(dates),
            method=method, progress=shown, block_px=block_px, crew=workers,
        )  # fmt: skip
    notes = result.collection.get("notes", [])
    if json:
        told = {
            "out": out,
            "mask": mask,
            "unseen": unseen,
            "changes": len(result.features),
            "observed_share": result.observed_share,
        }
        put_json(told | {"method": result.collection["method"], "notes": notes, "stats": result.stats})
        return
    for note in notes:
        tell(f"note: {note}")
    put(f"{len(result.features)} changes in {out}; {result.observed_share:.0%} of the area was observed")


@app.command()
def settlement(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="MintPy, LiCSBAS, OPERA DISP-S1, a folder of rasters, or a table."),
    ] = None,
    out: Out = None,
    points: Annotated[
        Path | None, typer.Option("--points", help="Velocity of every point to write: CSV, or GeoTIFF for rasters.")
    ] = None,
    dem: Annotated[
        Path | None, typer.Option("--dem", help="Elevation raster, metres: rates down the slope, what the radar sees.")
    ] = None,
    other: Annotated[
        Path | None, typer.Option("--other", metavar="FILE", help="Product of another look: with it, east and up.")
    ] = None,
    format_name: Annotated[str | None, typer.Option("--format", help="By default found out from the content.")] = None,
    filtering: Annotated[
        bool | None, typer.Option("--filter/--no-filter", help="Take the air off; by default where it shows.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair/--no-repair", help="Mend unwrapping errors of single points.")
    ] = True,
    unit: Annotated[str | None, typer.Option("--unit", help="mm, cm or m, where the file does not tell it.")] = None,
    crs: Annotated[str | None, typer.Option("--crs", metavar="EPSG:n", help="Where the file does not tell it.")] = None,
    since: Since = None,
    json: AsJson = False,
) -> None:
    """Areas that settle or rise: in the series of a product (FILE, --out), or of the catalogue's sets (--since)."""
    # matrices are small here: threads of the linear algebra would wait for each other more than they work
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if since is not None:
        if file or out or points or other:
            raise typer.BadParameter(
                "--since works on the catalogue's sets; leave FILE, --out, --points and --other out"
            )
        _on_sets(since, dem, json)
        return
    if not (file and out):
        raise typer.BadParameter("give FILE and --out, or --since DATE for the catalogue's sets")
    from detection.settlement.run import Options, run_settlement
    from ingest.displacement.registry import open_displacement

    with progress() as shown:
        source = open_displacement(file, format_name, unit, crs)
        second = open_displacement(other, None, unit, crs) if other else None
        result = run_settlement(
            source, out, points=points, options=Options(filtering, repair, dem, second), progress=shown,
            inputs=tuple(path for path in (file, other, dem) if path),
        )  # fmt: skip
    about = result.collection
    if json:
        told = {"out": out, "points": points, "areas": len(result.features)}
        put_json(told | {key: about[key] for key in ("source", "parameters", "notes", "stats")})
        return
    for note in about["notes"]:
        tell(f"note: {note}")
    put(
        f"{len(result.features)} areas in {out}; {about['stats']['measured_points']} points over {len(source.dates)} dates, "
        f"reference: {source.reference}"
    )


app.command(cls=ManyValues)(glacier)
app.command(cls=ManyValues)(lake)


def _on_catalogue(
    since: datetime, until: datetime | None, dem: Path | None, scheduler: str | None, *, each: bool, json: bool
) -> None:
    from api.landslides import detect_landslides
    from api.opening import opened
    from api.passes import settings_with
    from detection.scheduling import crew

    with opened(road=True) as catalogue, progress() as shown, crew(scheduler) as workers:
        report = detect_landslides(
            catalogue.engine,
            catalogue.home,
            since=since.date(),
            actor_name=actor(),
            settings=settings_with(dem),
            until=None if until is None else until.date(),
            each=each,
            crew=workers,
            progress=shown,
        )
    if json:
        put_json(report)
        return
    for message in report.messages:
        tell(message)
    put(
        f"{report.runs} runs ({report.skipped} were done before), {len(report.new_changes)} new changes, "
        f"{report.seen_again} seen again, {len(report.overgrown)} overgrown, {len(report.alerts)} alerts"
    )


def _on_sets(since: datetime, dem: Path | None, json: bool) -> None:
    from api.opening import opened
    from api.passes import settings_with
    from api.settlement import detect_settlement

    with opened(road=True) as catalogue, progress() as shown:
        report = detect_settlement(
            catalogue.engine,
            catalogue.home,
            since=since.date(),
            actor_name=actor(),
            settings=settings_with(dem),
            progress=shown,
        )
    _tell_sets(report, json)
    for failure in report.failures:
        tell(f"error: {failure}")
    if report.failures:
        raise typer.Exit(1)


def _tell_sets(report: SettlementReport, json: bool) -> None:
    if json:
        put_json(report)
        return
    for message in report.messages:
        tell(message)
    put(
        f"{report.runs} sets looked at ({report.skipped} were before), {report.areas} areas: {len(report.new_changes)} new, "
        f"{report.seen_again} seen again, {report.trend_changes} with a change of trend; {len(report.alerts)} alerts"
    )
