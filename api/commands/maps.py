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
    from api.opening import opened
    from api.packing import write_map

    with opened(road=True) as catalogue:
        put(str(write_map(catalogue, "corridor", out, lang=lang)))


@app.command()
def segment(out: Out, km: NeededStretch, lang: Language = "en") -> None:
    """A stretch of road."""
    from api.opening import opened
    from api.packing import write_map
    from api.stretch import read_stretch

    km_from, km_to = read_stretch(km)
    with opened(road=True) as catalogue:
        put(str(write_map(catalogue, "segment", out, lang=lang, km_from=km_from, km_to=km_to)))


@app.command()
def change(change_id: Annotated[int, typer.Argument(metavar="ID")], out: Out, lang: Language = "en") -> None:
    """A change, with its pictures before and after."""
    from api.opening import opened
    from api.packing import write_map

    with opened(road=True) as catalogue:
        put(str(write_map(catalogue, "change", out, lang=lang, change_id=change_id)))


@app.command()
def pack(
    out: Out,
    km: NeededStretch,
    lang: Language = "en",
    scene: Annotated[
        list[str] | None, typer.Option("--scene", metavar="ID", help="Two to compare; else the oldest and the newest.")
    ] = None,
) -> None:
    """A stretch of road with the tiles of its terrain, measured points and two scenes: for where there is no network."""
    from api.opening import opened
    from api.packing import write_pack
    from api.stretch import read_stretch

    km_from, km_to = read_stretch(km)
    with opened(road=True) as catalogue:
        put(str(write_pack(catalogue, out, km_from, km_to, lang=lang, scenes=tuple(scene or ()))))
