"""`kkh ingest`: outside files into the catalogue."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.choices import AsJson, split
from api.console import actor, progress, put, put_json, put_table, tell

app = typer.Typer(name="ingest", help="Files into the catalogue, whole or not at all, once.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The file.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be stored, store nothing.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Store the good records, write the bad ones to a file.")]
Dataset = Annotated[str | None, typer.Option(help="Name to file the records under; by default the file's.")]


@app.command()
def survey(
    file: File,
    kind: Annotated[str | None, typer.Option(help="Kind of hazard where the file tells none.")] = None,
    crs: Annotated[str | None, typer.Option(help="EPSG:n or GCJ-02 where the file tells none or a wrong one.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Which column is which; repeatable.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="Of times that tell none, for example Asia/Karachi.")] = None,
    dataset: Dataset = None,
    media: Annotated[
        list[Path] | None, typer.Option("--media", help="Folder or zip of photos that records name; repeatable.")
    ] = None,
    by_time: Annotated[
        float | None,
        typer.Option(min=0, max=86400, metavar="SECONDS", help="Photos that no record names: by time; GPX: 300."),
    ] = None,
    dry_run: DryRun = False,
    skip_bad: SkipBad = False,
    rejects: Annotated[Path | None, typer.Option(help="File for the rejected records, with --skip-bad.")] = None,
    json: AsJson = False,
) -> None:
    """Field observations with their photos: GeoJSON, GeoPackage, zipped Shapefile, KML/KMZ, GPX, CSV, XLSX, or a zip of those."""
    from api.opening import opened
    from ingest.load import ingest_survey

    mapping = _mapping(columns or [])
    with opened(road=True) as catalogue, progress() as shown:
        report = ingest_survey(
            catalogue.engine, file, kind=kind, crs=crs, columns=mapping, timezone=timezone, dataset=dataset,
            dry_run=dry_run, skip_bad=skip_bad, rejects=rejects, home=catalogue.home, media=media or (), by_time_s=by_time,
            actor=actor(), progress=shown,
        )  # fmt: skip
    _show(report, json)


@app.command()
def inventory(
    file: File,
    form: Annotated[str | None, typer.Option("--format", help="Format, where it is not to be found out.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of hazard where the file tells no class.")] = None,
    year: Annotated[
        int | None, typer.Option(help="Year that the inventory shows, where the file does not tell.")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="EPSG:n where the file tells none or a wrong one.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Which column is which; repeatable.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="Only records that say so; repeatable.")
    ] = None,
    events: Annotated[bool, typer.Option("--events", help="Dated records are events, not places.")] = False,
    within_km: Annotated[float | None, typer.Option(min=0.1, help="Only what is this close to the road, km.")] = None,
    dataset: Dataset = None,
    dry_run: DryRun = False,
    skip_bad: SkipBad = False,
    rejects: Annotated[Path | None, typer.Option(help="File for the rejected records, with --skip-bad.")] = None,
    json: AsJson = False,
) -> None:
    """Inventories of others: the NASA landslide catalogue, polygons of several years, points and polygons of any GIS file."""
    from api.opening import opened
    from ingest.inventories.load import ingest_inventory
    from ingest.inventories.source import Options

    options = Options(
        dataset=dataset, columns=_mapping(columns or []), crs=crs, kind=kind, year=year, as_events=events,
        where=_mapping(where or [], "--where COLUMN=VALUE"),
    )  # fmt: skip
    with opened(road=True) as catalogue, progress() as shown:
        report = ingest_inventory(
            catalogue.engine, file, format=form, options=options, within_km=within_km, dry_run=dry_run, skip_bad=skip_bad,
            rejects=rejects, actor=actor(), progress=shown,
        )  # fmt: skip
    _show(report, json)


def _mapping(pairs: list[str], usage: str = "--map FIELD=COLUMN, for example --map observed_at=date") -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        field, sign, column = pair.partition("=")
        if not (sign and field.strip() and column.strip()):
            raise typer.BadParameter(f"{pair}: write it as {usage}")
        mapping[field.strip()] = column.strip()
    return mapping


def _show(report: Any, json: bool) -> None:
    if json:
        put_json(report)
        return
    told = asdict(report)
    for note in told.pop("notes", ()):
        tell(str(note))
    preview = told.pop("preview", ())
    put(
        ", ".join(
            f"{name.replace('_', ' ')} {_plain(value)}"
            for name, value in told.items()
            if value not in (None, (), [], {})
        )
    )
    if preview:
        names = [name for name in preview[0] if name not in {"id", "attributes"}]
        put_table(
            [name.replace("_", " ") for name in names],
            [[str(value) if isinstance(value := one[name], float) else value for name in names] for one in preview],
        )


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {count}" for name, count in value.items())
    return f"{value:.2f}" if isinstance(value, float) else str(value)


@app.command()
def scene(
    paths: Annotated[list[Path], typer.Argument(help="GeoTIFFs, Sentinel-2 SAFE folders or zips, Landsat folders.")],
    collection: Annotated[str | None, typer.Option(help="Name to file the scenes under.")] = None,
    dates: Annotated[
        list[str] | None,
        typer.Option(help="Date of each scene where the files tell none; repeat or separate by commas."),
    ] = None,
    bands: Annotated[str | None, typer.Option(help="Names of the bands in file order, separated by commas.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="Keep all of it, also outside the corridor.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="End with 0 where some scenes were stored and others could not be.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Satellite scenes, stored as Cloud-Optimized GeoTIFFs cropped to the corridor; each one whole or not at all.

    Good ones are kept beside bad ones, which end the command with 1.
    """
    from api.opening import opened
    from ingest.imagery.load import SceneBatchError, ingest_scene

    failed: SceneBatchError | None = None
    with opened(road=True) as catalogue, progress() as shown:
        try:
            reports = ingest_scene(
                catalogue.engine, paths, home=catalogue.home, collection=collection, dates=split(dates),
                bands=split([bands] if bands else None), whole=whole, actor=actor(), progress=shown,
            )  # fmt: skip
        except SceneBatchError as error:
            reports, failed = list(error.reports), error
    if json:
        put_json(reports)
    for report in [] if json else reports:
        for note in report.notes:
            tell(f"{report.id}: {note}")
        put(f"{report.id}: {report.status}, {report.acquired_at:%Y-%m-%d}, {' '.join(report.bands)}")
    if failed is not None and skip_bad and reports:
        tell(str(failed))
    elif failed is not None:
        raise failed


@app.command()
def stac(
    url: Annotated[str, typer.Argument(help="Address of a STAC API or of a static catalogue's root.")],
    collection: Annotated[str, typer.Option(help="Collection, such as sentinel-2-l2a.")],
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Only what was taken since.")] = None,
    json: AsJson = False,
) -> None:
    """Scenes of an archive along the road, those not taken yet; what comes later is left to `kkh watch`."""
    from api.opening import opened
    from api.taking import take_archive
    from hazard_db.errors import SourceError
    from hazard_db.moments import option

    with opened(road=True) as catalogue, progress() as shown:
        taken = take_archive(
            catalogue, url, collection, option(since) if since else None, actor_name=actor(), tell=tell, progress=shown
        )
    if json:
        put_json(taken)
    else:
        put(
            f"{taken.new} of {taken.met} items were new: {taken.stored} scenes stored, {len(taken.failed)} could not be"
        )
    if taken.failed:
        raise SourceError(
            f"{len(taken.failed)} items were not stored: {taken.failed[0]}; the same command goes on there"
        )


@app.command()
def displacement(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="MintPy, LiCSBAS, OPERA DISP-S1, a folder of rasters, or a table.")
    ],
    name: Annotated[
        str | None,
        typer.Option("--set", help="Set to store it as, by default the file's name; later epochs are added to a set."),
    ] = None,
    form: Annotated[str | None, typer.Option("--format", help="By default found out from the content.")] = None,
    unit: Annotated[str | None, typer.Option(help="mm, cm or m, where the file does not tell it.")] = None,
    crs: Annotated[str | None, typer.Option(metavar="EPSG:n", help="Where the file does not tell it.")] = None,
    skip_bad: SkipBad = False,
    rejects: Annotated[Path | None, typer.Option(help="File for the rejected rows, with --skip-bad.")] = None,
    json: AsJson = False,
) -> None:
    """Displacement series of InSAR, every point with its velocity; later epochs are added to what is there."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # blocks are small: threads would wait for each other
    from api.opening import opened
    from detection.settlement.sums import SumFitter
    from ingest.displacement.load import ingest_displacement

    with opened(road=True) as catalogue, progress() as shown:
        report = ingest_displacement(
            catalogue.engine, file, fitter=SumFitter(), name=name, format_name=form, unit=unit, crs=crs, skip_bad=skip_bad,
            rejects=rejects, actor=actor(), progress=shown,
        )  # fmt: skip
    _show(report, json)


@app.command()
def glaciers(
    file: File,
    crs: Annotated[str | None, typer.Option(help="EPSG:n where the file tells none.")] = None,
    dataset: Dataset = None,
    pixel_m: Annotated[
        float, typer.Option("--pixel-m", min=0.1, help="Pixel of the pictures the outlines were drawn on, metres.")
    ] = 30.0,
    json: AsJson = False,
) -> None:
    """Glacier outlines: RGI, GLIMS or any vector file with an id; every source and date is kept."""
    from api.opening import opened
    from ingest.inventories.glaciers import ingest_glaciers

    with opened() as catalogue:
        report = ingest_glaciers(catalogue.engine, file, crs=crs, dataset=dataset, pixel_m=pixel_m, actor=actor())
    _show(report, json)


@app.command()
def rainfall(file: File, json: AsJson = False) -> None:
    """Satellite rain: IMERG as GeoTIFF (zipped too), HDF5 or NetCDF; the cells at the road are kept."""
    from api.opening import opened
    from api.triggering import followers
    from ingest.triggers.load import ingest_rainfall

    with opened(road=True) as catalogue:
        report = ingest_rainfall(catalogue.engine, file, actor=actor(), then=followers(actor())["rainfall"])
    _show(report, json)


@app.command()
def earthquakes(file: File, json: AsJson = False) -> None:
    """Earthquakes: a GeoJSON feed of the USGS, a ShakeMap grid.xml or event.xml; how hard each segment was shaken."""
    from api.opening import opened
    from api.triggering import followers
    from ingest.triggers.load import ingest_earthquakes

    with opened(road=True) as catalogue:
        report = ingest_earthquakes(catalogue.engine, file, actor=actor(), then=followers(actor())["earthquakes"])
    _show(report, json)


@app.command()
def bulletins(file: File, json: AsJson = False) -> None:
    """Bulletins of other alert services: an RSS feed of GDACS."""
    from api.opening import opened
    from api.triggering import followers
    from ingest.triggers.load import ingest_bulletins

    with opened(road=True) as catalogue:
        report = ingest_bulletins(catalogue.engine, file, actor=actor(), then=followers(actor())["bulletins"])
    _show(report, json)


@app.command()
def climate(json: AsJson = False) -> None:
    """Count anew how rare which sums of rain are in each climate zone, from the days that were ingested."""
    from api.opening import opened
    from hazard_db import connect
    from hazard_db.triggers import rain

    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        days = rain.learn_climate(conn)
    if json:
        put_json(days)
    elif days:
        put_table(("zone", "days"), list(days.items()))
    else:
        put(f"no zone has {rain.FEWEST_DAYS} days of rain yet; percentiles stay unknown")
