"""`kkh cascade`: from lakes and glaciers down to the road."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.commands.choices import AsJson
from api.console import actor, put, put_json

app = typer.Typer(name="cascade", help="The ways from lakes and glaciers down to the road.", no_args_is_help=True)


@app.command()
def update(
    dem: Annotated[
        Path | None, typer.Option("--dem", help="Elevation raster, metres; by default that of HAZARD_DEM.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Follow the water from every lake and glacier near the road that has no way on this elevation model yet."""
    from api.opening import opened
    from api.passes import DetectionSettings
    from api.ways import update_ways
    from hazard_db import connect, risk

    dem = dem or DetectionSettings().dem
    if dem is None:
        raise typer.BadParameter("give an elevation model with --dem FILE, or name one in HAZARD_DEM")
    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        report = update_ways(conn, dem)
        if report.found:
            risk.update(conn)
    if json:
        put_json(report)
        return
    put(
        f"{report.looked} lakes and glaciers, {report.found} of them on {dem.name}, {report.meeting} ways come to the road"
    )


@app.command(name="list")
def list_ways(
    km: Annotated[str | None, typer.Option("--km", metavar="A-B", help="Only to this stretch of road.")] = None,
    json: AsJson = False,
) -> None:
    """Tell which lakes and glaciers lie above which kilometre of the road, how far, and how high."""
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import cascades, connect

    km_from, km_to = read_stretch(km) if km else (None, None)
    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        found = cascades.find(conn, km_from, km_to)
    if json:
        put_json(found)
        return
    for one in found:
        near = f", near {one['place']}" if one["place"] else ""
        put(
            f"km {one['chainage_km']:.1f}{near}: {one['kind']} {one['name'] or one['source']}, {one['flow_m'] / 1000:.1f} km down, "
            f"{one['drop_m']:.0f} m lower"
        )
    if not found:
        put("no way from a lake or glacier to the road is known; `kkh cascade update --dem FILE` looks for them")
