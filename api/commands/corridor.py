"""`kkh corridor`: the road, its kilometres and places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.choices import AsJson, Stretch
from api.console import actor, put, put_json, put_table, tell

if TYPE_CHECKING:
    from api.rechained import Followed
    from hazard_db.rechaining import Rechained

app = typer.Typer(name="corridor", help="The road: its line, kilometres and segments.", no_args_is_help=True)


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="Line of the road: GeoJSON, GeoPackage, Shapefile, KML, GPX.")],
    name: Annotated[str | None, typer.Option(help="Name of the road.")] = None,
    version: Annotated[
        str | None, typer.Option(help="Name of this version; by default the file's, with its checksum.")
    ] = None,
    valid_from: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; by default today.")
    ] = None,
    calibration: Annotated[Path | None, typer.Option(help="CSV of known places: place, chainage_km, lon, lat.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the line comes from.")] = None,
    start_km: Annotated[float | None, typer.Option(help="Chainage of the line's first point.")] = None,
    json: AsJson = False,
) -> None:
    """Make a line the current alignment; every record is given its kilometre on it, earlier versions stay resolvable."""
    from api.opening import opened
    from api.rechained import follow
    from hazard_db import connect, corridor

    with opened("owner") as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        report = corridor.load(
            conn, file, name=name, version=version, valid_from=valid_from.date() if valid_from else None,
            calibration=calibration, source=source, start_km=start_km,
        )  # fmt: skip
        followed = follow(conn) if report.new else None
    if json:
        put_json({**asdict(report), "followed": followed})
        return
    for fit in report.calibration:
        if not fit.used:
            tell(f"{fit.place.place}: {fit.distance_m:,.0f} m from the line, not used to calibrate it")
    state = "loaded" if report.new else "is loaded already"
    put(
        f"alignment {report.version} {state}: km {report.km_from:.3f} to {report.km_to:.3f}, {report.segments:,} segments, "
        f"{report.referenced:,} records given their kilometre"
    )
    if followed:
        _told(report.tables, followed)


@app.command()
def rechain(json: AsJson = False) -> None:
    """Give every record its kilometre on the present alignment again, compare rasters with it and rate anew, all or nothing."""
    from api.opening import opened
    from api.rechained import follow
    from hazard_db import connect, rechaining

    with opened("owner", road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        tables = rechaining.rechain(conn)
        followed = follow(conn)
    if json:
        put_json({"tables": [asdict(table) for table in tables], "followed": followed})
        return
    put(
        f"{sum(table.on_road for table in tables):,} of {sum(table.records for table in tables):,} records have their kilometre"
    )
    _told(tables, followed)


def _told(tables: Sequence[Rechained], followed: Followed) -> None:
    columns = ("table", "records", "on the road", "moved", "gained", "beyond", "furthest (km)")
    put_table(
        columns,
        [tuple({**asdict(one), "furthest_km": f"{one.furthest_km:.3f}"}.values()) for one in tables if one.records],
    )
    put(
        f"{followed.looks:,} looks of satellites kept, {followed.layers} rasters compared again, {followed.ratings:,} ratings changed"
    )
    for name in followed.missing:
        tell(
            f"raster {name}: its file is not there; the ratings do without it until it is given again by `kkh risk layer`"
        )


@app.command()
def locate(
    km: Annotated[float | None, typer.Option("--km", help="Kilometre to find the place of.")] = None,
    lon: Annotated[float | None, typer.Option("--lon", help="Longitude, degrees east.")] = None,
    lat: Annotated[float | None, typer.Option("--lat", help="Latitude, degrees north.")] = None,
    place: Annotated[
        str | None,
        typer.Option("--place", help="Name of a place in any script, code of a site, or `latitude, longitude`."),
    ] = None,
    version: Annotated[str | None, typer.Option(help="On an earlier version of the alignment.")] = None,
    json: AsJson = False,
) -> None:
    """Find the place of a kilometre, or the kilometre of a place."""
    by_point = lon is not None or lat is not None
    if [km is not None, by_point, place is not None].count(True) != 1 or (by_point and (lon is None or lat is None)):
        raise typer.BadParameter("give either --km, or --lon and --lat, or --place")
    from api.finding import find
    from api.opening import opened
    from hazard_db import connect, corridor

    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        if place is not None:
            there = find(conn, place)
            lon, lat, km = there.lon, there.lat, there.km if there.lon is None else None
        if km is not None:
            found = corridor.locate_km(conn, km, version=version)
        else:
            found = corridor.locate_point(conn, lon or 0.0, lat or 0.0, version=version)
    if json:
        put_json(found)
        return
    put(f"km {found.km:.3f}  {found.lat:.6f}, {found.lon:.6f} (latitude, longitude)")
    where = "on the road" if found.side == "on" else f"{found.offset_m:,.0f} m {found.side} of the road"
    put(f"{where}, segment {found.segment or '-'}, near {found.place or '-'}")
    put(f"alignment {found.alignment}" + (f", {found.basis}" if found.basis else ""))
    if found.present_km is not None:
        put(f"today km {found.present_km:.3f}, {found.present_offset_m:,.0f} m from the present alignment")
    elif version is not None:
        tell("the present alignment is this one, or does not come within 50 km of it")


@app.command()
def segments(km: Stretch = None, json: AsJson = False) -> None:
    """List the segments of the current alignment."""
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import connect, corridor
    from hazard_db.errors import OutsideCorridorError

    stretch = read_stretch(km) if km else (None, None)
    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        found = corridor.segments(conn, *stretch)
    if not found:
        raise OutsideCorridorError(f"the road has no kilometre within --km {km}")
    if json:
        put_json([asdict(row) for row in found])
    else:
        columns = ("km from", "km to", "place", "country", "basis", "consequence")
        put_table(columns, [(s.km_from, s.km_to, s.place, s.country, s.basis, s.consequence) for s in found])
