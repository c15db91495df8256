"""`kkh detect`: changes, in files or on the catalogue's scenes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from api.commands.choices import AsJson, Bands, Dem, ManyValues, Out, Since, split
from api.commands.detect_ice import glacier, lake
from api.commands.detect_settlement import settlement
from api.console import actor, conclude, progress

app = typer.Typer(name="detect", help="Find changes, in files or on the catalogue's scenes.", no_args_is_help=True)

Before = Annotated[
    list[Path] | None, typer.Option("--before", metavar="A.tif [...]", help="Rasters before, one or more.")
]
After = Annotated[list[Path] | None, typer.Option("--after", metavar="B.tif [...]", help="Rasters after, one or more.")]
Mask = Annotated[Path | None, typer.Option("--mask", help="GeoTIFF to write: 0 none, 1 change, 255 not observed.")]
Unseen = Annotated[
    Path | None, typer.Option("--unseen", help="GeoTIFF to write: what hid the ground, 0 where it was seen.")
]
Explain = Annotated[Path | None, typer.Option("--explain", help="GeoTIFF of the scores to write.")]
Dates = Annotated[list[str] | None, typer.Option("--dates", help="Dates of the files: those before, then those after.")]
Method = Annotated[str | None, typer.Option("--method", help="By default the one that suits the dates and bands.")]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", metavar="tcp://HOST:PORT", help="Dask cluster that does the blocks.")
]
Until = Annotated[
    datetime | None,
    typer.Option("--until", formats=["%Y-%m-%d"], help="With --since: nothing taken after this day."),
]
Each = Annotated[
    bool,
    typer.Option("--each", help="With --since: every date in turn, as on the day it came in; goes on where it stood."),
]
BlockPx = Annotated[int, typer.Option("--block-px", min=128, help="Side of the blocks; memory follows it.")]


@app.command(cls=ManyValues)
def landslide(
    before: Before = None,
    after: After = None,
    out: Out = None,
    dem: Dem = None,
    mask: Mask = None,
    unseen: Unseen = None,
    explain: Explain = None,
    bands: Bands = None,
    dates: Dates = None,
    method: Method = None,
    since: Since = None,
    scheduler: Scheduler = None,
    until: Until = None,
    each: Each = False,
    block_px: BlockPx = 704,
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
    notes = result.collection["notes"]
    told = {
        "out": out, "mask": mask, "unseen": unseen, "changes": len(result.features), "observed_share": result.observed_share,
        "method": result.collection["method"], "notes": notes, "stats": result.stats,
    }  # fmt: skip
    line = f"{len(result.features)} changes in {out}; {result.observed_share:.0%} of the area was observed"
    conclude(told, (f"note: {note}" for note in notes), line, json=json)


app.command()(settlement)
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
            catalogue.engine, catalogue.home, since=since.date(), actor_name=actor(), settings=settings_with(dem),
            until=None if until is None else until.date(), each=each, crew=workers, progress=shown,
        )  # fmt: skip
    line = (
        f"{report.runs} runs ({report.skipped} were done before), {len(report.new_changes)} new changes, "
        f"{report.seen_again} seen again, {len(report.overgrown)} overgrown, {len(report.alerts)} alerts"
    )
    conclude(report, report.messages, line, json=json)
