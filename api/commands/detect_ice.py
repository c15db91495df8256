"""`kkh detect glacier` and `kkh detect lake`: in files, or on the catalogue's scenes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.choices import AsJson, Bands, Dem, Out, Since, split
from api.console import actor, conclude, progress

Scenes = Annotated[
    list[Path] | None, typer.Option("--scenes", metavar="A.tif [...]", help="Rasters, one or more a date.")
]
Dates = Annotated[list[str] | None, typer.Option("--dates", help="Dates of the files.")]
Crs = Annotated[str | None, typer.Option("--crs", metavar="EPSG:n", help="Of vector files that tell none.")]


def glacier(
    scenes: Scenes = None,
    outlines: Annotated[
        Path | None, typer.Option("--outlines", help="Polygons with a column rgi_id, glac_id or glacier_id.")
    ] = None,
    out: Out = None,
    centrelines: Annotated[
        Path | None, typer.Option("--centrelines", help="Lines from head to snout, with the same column.")
    ] = None,
    dem: Dem = None,
    crs: Crs = None,
    bands: Bands = None,
    dates: Dates = None,
    since: Since = None,
    json: AsJson = False,
) -> None:
    """Terminus, length and trend of glaciers on every date: in files (--scenes, --outlines, --out), or on the catalogue (--since)."""
    if since is not None:
        _refuse(scenes, outlines, out, centrelines)
        _on_catalogue("glacier", since, dem, json)
        return
    if not (scenes and outlines and out):
        raise typer.BadParameter("give --scenes, --outlines and --out, or --since DATE for the catalogue's scenes")
    from detection.glaciers import run_glacier

    with progress() as shown:
        result = run_glacier(
            scenes, outlines, out, centrelines=centrelines, dem=dem, crs=crs, bands=split(bands), dates=split(dates),
            progress=shown,
        )  # fmt: skip
    _told(result.collection, out, json, "{measured} of {glaciers} glaciers measured")


def lake(
    scenes: Scenes = None,
    out: Out = None,
    dem: Dem = None,
    outlines: Annotated[
        Path | None, typer.Option("--outlines", help="Glaciers, where debris hides the ice that may dam a lake.")
    ] = None,
    crs: Crs = None,
    bands: Bands = None,
    dates: Dates = None,
    since: Since = None,
    json: AsJson = False,
) -> None:
    """Lakes on every date, their filling and draining: in files (--scenes, --out), or on the catalogue (--since)."""
    if since is not None:
        _refuse(scenes, outlines, out)
        _on_catalogue("lake", since, dem, json)
        return
    if not (scenes and out):
        raise typer.BadParameter("give --scenes and --out, or --since DATE for the catalogue's scenes")
    from detection.lakes import run_lake

    with progress() as shown:
        result = run_lake(
            scenes, out, dem=dem, outlines=outlines, crs=crs, bands=split(bands), dates=split(dates), progress=shown
        )
    _told(result.collection, out, json, "{lakes} lakes on {dates} dates")


def _refuse(*files: Any) -> None:
    if any(files):
        raise typer.BadParameter("--since works on the catalogue's scenes and outlines; leave the files out")


def _on_catalogue(kind: str, since: datetime, dem: Path | None, json: bool) -> None:
    from api.ice import detect_ice
    from api.opening import opened
    from api.passes import settings_with

    with opened(road=True) as catalogue, progress() as shown:
        report = detect_ice(
            catalogue.engine, catalogue.home, kind, since=since.date(), actor_name=actor(), settings=settings_with(dem),
            progress=shown,
        )  # fmt: skip
    what = "termini" if kind == "glacier" else "lake outlines"
    line = (
        f"{report.runs} runs ({report.skipped} were done before), {report.measured} new {what}, "
        f"{len(report.new_changes)} new changes, {report.seen_again} seen again, {len(report.alerts)} alerts"
    )
    conclude(report, report.messages, line, json=json)


def _told(collection: dict[str, Any], out: Path, json: bool, line: str) -> None:
    """Say what a run found."""
    count = len(collection["features"])
    told = {"out": out, "features": count} | {name: collection[name] for name in ("method", "notes", "stats")}
    line = f"{count} features in {out}; {line.format(**collection['stats'])}"
    conclude(told, (f"note: {note}" for note in collection["notes"]), line, json=json)
