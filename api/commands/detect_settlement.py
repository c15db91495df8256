"""`kkh detect settlement`: in the series of a product, or of the catalogue's sets."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from api.commands.choices import AsJson, Out, Since
from api.console import actor, conclude, progress, tell

Product = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="MintPy, LiCSBAS, OPERA DISP-S1, a folder of rasters, or a table."),
]
Points = Annotated[
    Path | None, typer.Option("--points", help="Velocity of every point to write: CSV, or GeoTIFF for rasters.")
]
Relief = Annotated[
    Path | None, typer.Option("--dem", help="Elevation raster, metres: rates down the slope, what the radar sees.")
]
Other = Annotated[
    Path | None, typer.Option("--other", metavar="FILE", help="Product of another look: with it, east and up.")
]
FormatName = Annotated[str | None, typer.Option("--format", help="By default found out from the content.")]
Filtering = Annotated[
    bool | None, typer.Option("--filter/--no-filter", help="Take the air off; by default where it shows.")
]
Repair = Annotated[bool, typer.Option("--repair/--no-repair", help="Mend unwrapping errors of single points.")]
Unit = Annotated[str | None, typer.Option("--unit", help="mm, cm or m, where the file does not tell it.")]
Crs = Annotated[str | None, typer.Option("--crs", metavar="EPSG:n", help="Where the file does not tell it.")]


def settlement(
    file: Product = None,
    out: Out = None,
    points: Points = None,
    dem: Relief = None,
    other: Other = None,
    format_name: FormatName = None,
    filtering: Filtering = None,
    repair: Repair = True,
    unit: Unit = None,
    crs: Crs = None,
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
    told = {"out": out, "points": points, "areas": len(result.features)}
    told |= {key: about[key] for key in ("source", "parameters", "notes", "stats")}
    line = (
        f"{len(result.features)} areas in {out}; {result.stats['measured_points']} points over {len(source.dates)} dates, "
        f"reference: {source.reference}"
    )
    conclude(told, (f"note: {note}" for note in about["notes"]), line, json=json)


def _on_sets(since: datetime, dem: Path | None, json: bool) -> None:
    from api.opening import opened
    from api.passes import settings_with
    from api.settlement import detect_settlement

    with opened(road=True) as catalogue, progress() as shown:
        report = detect_settlement(
            catalogue.engine, catalogue.home, since=since.date(), actor_name=actor(), settings=settings_with(dem),
            progress=shown,
        )  # fmt: skip
    line = (
        f"{report.runs} sets looked at ({report.skipped} were before), {report.areas} areas: {len(report.new_changes)} new, "
        f"{report.seen_again} seen again, {report.trend_changes} with a change of trend; {len(report.alerts)} alerts"
    )
    conclude(report, report.messages, line, json=json)
    for failure in report.failures:
        tell(f"error: {failure}")
    if report.failures:
        raise typer.Exit(1)
