"""`kkh sensor`: gauges and other instruments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from api.commands.choices import AsJson
from api.console import actor, put, put_json, put_table

app = typer.Typer(name="sensor", help="Gauges and other instruments.", no_args_is_help=True)

Code = Annotated[str, typer.Argument(metavar="CODE")]


@app.command()
def add(
    code: Code,
    lon: Annotated[float, typer.Option(help="Degrees east.")],
    lat: Annotated[float, typer.Option(help="Degrees north.")],
    quantity: Annotated[str, typer.Option(help="What it measures, such as water_level.")],
    unit: Annotated[str, typer.Option(help="Such as m or m3/s.")],
    name: Annotated[str, typer.Option(help="By default the code.")] = "",
    warn_above: Annotated[float | None, typer.Option(help="Warning above this value.")] = None,
    danger_above: Annotated[float | None, typer.Option(help="Danger above this value.")] = None,
    warn_rise: Annotated[float | None, typer.Option(help="Warning above this rise in an hour.")] = None,
    lake: Annotated[str | None, typer.Option(help="Id of the glacial lake that it watches.")] = None,
    silent_after_h: Annotated[float, typer.Option(min=0.02, help="Called silent after this many hours.")] = 6.0,
) -> None:
    """Add an instrument, or change what is known of it; its values stay."""
    from api.opening import opened
    from hazard_db import connect
    from hazard_db.triggers import sensors

    wanted = sensors.Sensor(
        code, name or code, quantity, unit, lon, lat, warn_above, danger_above, warn_rise, lake, silent_after_h * 3600
    )
    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        made = sensors.add(conn, wanted)
    where = "more than 50 km from the road" if made.chainage_km is None else f"at km {made.chainage_km:.1f}"
    put(f"{made.code} measures {made.quantity} ({made.unit}), {where}")


@app.command("list")
def list_sensors(json: AsJson = False) -> None:
    """List the instruments and their last values."""
    from api.opening import opened
    from hazard_db import connect
    from hazard_db.triggers import sensors

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        found = sensors.list_sensors(conn)
    if json:
        put_json(found)
        return
    columns = ("code", "quantity", "unit", "km", "last value", "at (UTC)")
    put_table(columns, [(s.code, s.quantity, s.unit, s.chainage_km, s.last_value, s.last_at) for s in found])


@app.command()
def value(
    code: Code,
    number: Annotated[float, typer.Argument(metavar="VALUE")],
    at: Annotated[datetime, typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"], help="When, with zone.")],
) -> None:
    """Enter a value that was read by hand."""
    from api.opening import opened
    from hazard_db import connect
    from hazard_db.triggers import sensors

    with opened() as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        new = sensors.store_values(conn, code, [(at, number)])
    put("stored" if new else "known already")
