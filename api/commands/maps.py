"""`kkh map`: maps as single HTML files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.commands.choices import NeededStretch
from api.console import put

app = typer.Typer(name="map", help="Maps as HTML files that need no network.", no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", metavar="FILE.html", help="File to write.")]
Language = Annotated[str, typer.Option("--lang", help="en, zh or ur.")]


@app.command()
def corridor(out: Out, lang: Language = "en") -> None:
    """The whole corridor: risk by kilometre, sites, observations, events, changes, alerts."""
    from api.charts import write_map
    from api.opening import opened

    with opened(road=True) as catalogue:
        put(str(write_map(catalogue, "corridor", out, lang=lang)))


@app.command()
def segment(out: Out, km: NeededStretch, lang: Language = "en") -> None:
    """A stretch of road."""
    from api.charts import write_map
    from api.opening import opened
    from api.stretch import read_stretch

    km_from, km_to = read_stretch(km)
    with opened(road=True) as catalogue:
        put(str(write_map(catalogue, "segment", out, lang=lang, km_from=km_from, km_to=km_to)))


@app.command()
def change(change_id: Annotated[int, typer.Argument(metavar="ID")], out: Out, lang: Language = "en") -> None:
    """A change, with its pictures before and after."""
    from api.charts import write_map
    from api.opening import opened

    with opened(road=True) as catalogue:
        put(str(write_map(catalogue, "change", out, lang=lang, change_id=change_id)))
