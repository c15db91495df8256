"""`kkh watch`: new scenes become changes and alerts, unattended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from api.console import put


def watch(
    source: Annotated[str, typer.Argument(help="Folder in which scenes appear, or https:// address of a feed.")],
    once: Annotated[bool, typer.Option("--once", help="One pass over what is there, then end.")] = False,
    interval: Annotated[float, typer.Option(min=1, help="Seconds between two looks.")] = 60.0,
    settle: Annotated[
        float, typer.Option(min=0, help="A file is taken once it has not grown for this many seconds.")
    ] = 5.0,
) -> None:
    """Watch a folder: new scenes are stored, looked at for changes, and alerts raised; Ctrl-C ends it after the scene at hand.

    Of a feed (USGS earthquakes, GDACS, IMERG) what is new since last time is taken.
    """
    from api.opening import opened
    from api.watching import look_at_feed, watch_folder

    with opened(road=True) as catalogue:
        while source.startswith(("http://", "https://")):
            look_at_feed(catalogue, source, once=once, interval_s=interval)
            if once:
                return
            time.sleep(interval)
        report = watch_folder(catalogue, Path(source), once=once, interval_s=interval, settle_s=settle)
    put(f"{len(report.taken)} scenes taken, {len(report.failed)} could not be used, {report.growing} still growing")
