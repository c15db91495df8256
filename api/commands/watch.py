"""`kkh watch`: new scenes become changes and alerts, unattended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from api.console import put, tell


def watch(
    source: Annotated[
        str,
        typer.Argument(
            help="Folder in which scenes appear, https:// address of a feed, or with --collection of a STAC archive."
        ),
    ],
    collection: Annotated[str, typer.Option(help="Collection of an archive, such as sentinel-2-l2a.")] = "",
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Of an archive only what was taken since.")] = None,
    once: Annotated[bool, typer.Option("--once", help="One pass over what is there, then end.")] = False,
    interval: Annotated[float, typer.Option(min=1, help="Seconds between two looks at a folder.")] = 60.0,
    settle: Annotated[
        float, typer.Option(min=0, help="A file is taken once it has not grown for this many seconds.")
    ] = 5.0,
    stop: Annotated[bool, typer.Option("--stop", help="Ask this archive no more.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Jobs of an archive at the same time.")] = 2,
) -> None:
    """Watch a folder or an archive: new scenes are stored, looked at for changes, and alerts raised; Ctrl-C ends it after what is at hand.

    Of a feed (USGS earthquakes, GDACS, IMERG) what is new since last time is taken.

    An archive, once watched, is asked by every `kkh worker` from then on.
    """
    from api.opening import opened
    from api.watching import look_at_feed, watch_archive, watch_folder

    if collection and "://" in source:
        with opened(road=True) as catalogue:
            put(watch_archive(catalogue, source, collection, since, once=once, stop=stop, concurrency=concurrency))
        return
    if collection or since or stop:
        tell(
            "--collection, --since and --stop concern archives; a folder or feed is watched whole for as long as this runs"
        )
    with opened(road=True) as catalogue:
        while source.startswith(("http://", "https://")):
            look_at_feed(catalogue, source, once=once, interval_s=interval)
            if once:
                return
            time.sleep(interval)
        report = watch_folder(catalogue, Path(source), once=once, interval_s=interval, settle_s=settle)
    put(f"{len(report.taken)} scenes taken, {len(report.failed)} could not be used, {report.growing} still growing")
