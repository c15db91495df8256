"""`kkh terrain`: the elevation model made ready."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.console import put

app = typer.Typer(name="terrain", help="The elevation model of the corridor, made ready once.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """The elevation model of the corridor, made ready once."""


@app.command()
def prepare(
    folder: Annotated[Path, typer.Argument(help="Folder of elevation GeoTIFFs, e.g. tiles of Copernicus GLO-30.")],
    within_m: Annotated[
        float, typer.Option("--within", min=100, max=100_000, help="No further from the road, metres.")
    ] = 10_000.0,
) -> None:
    """Make elevation, slope, aspect, horizon and flow at 30 m, a degree at a time; what is unchanged is passed over."""
    from api.opening import opened
    from api.reliefs import list_terrain
    from detection import elevation, terrain
    from hazard_db import connect, corridor, rasters

    with opened(road=True) as catalogue:
        with connect.transaction(catalogue.engine) as conn:
            area = corridor.buffer(conn, within_m)
        found = elevation.sheets(folder)
        for line in [*elevation.remarks(found), *terrain.gaps(found, area)]:
            put(line)
        out = catalogue.home / rasters.FOLDER / "terrain"
        out.mkdir(parents=True, exist_ok=True)

        def told(one: terrain.Prepared) -> None:
            with connect.transaction(catalogue.engine) as conn:
                list_terrain(conn, catalogue.home, one)
            put(f"{one.tile.name}: {'made' if one.changed else 'unchanged'}")

        if terrain.prepare(folder, area, out, told):
            put(f"HAZARD_DEM={out / terrain.MOSAIC}")
        else:
            put("no raster of the folder lies in the corridor")
