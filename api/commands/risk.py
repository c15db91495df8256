"""`kkh risk`: the rating of every kilometre, explained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands import susceptibility
from api.commands.choices import AsJson, NeededStretch
from api.console import actor, put, put_json, put_table

if TYPE_CHECKING:
    from hazard_db.risk import SegmentRisk

app = typer.Typer(name="risk", help="The rating of every kilometre, explained.", no_args_is_help=True)
app.add_typer(susceptibility.app)


@app.command()
def update(json: AsJson = False) -> None:
    """Rate every segment from what is in the catalogue now; earlier ratings are kept."""
    from api.opening import opened
    from hazard_db import connect, risk

    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        report = risk.update(conn)
    if json:
        put_json(report)
    else:
        grades = ", ".join(f"{count:,} {grade}" for grade, count in report.grades.items())
        put(f"{report.segments:,} segments rated ({grades}); {report.changed:,} ratings changed")


@app.command()
def show(
    km: NeededStretch,
    hazard: Annotated[
        str | None, typer.Option(help="Only this hazard, for example landslide; `all` is the whole.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show the rating of a stretch, and what each number is made of."""
    from hazard_db.errors import NotFoundError

    rows, looks = _known(km)
    if hazard is not None:
        known = ", ".join(sorted({row.hazard for row in rows}))
        rows = [row for row in rows if row.hazard == hazard]
        if not rows:
            raise NotFoundError(f"nothing there speaks of {hazard}; what is rated: {known}")
    if json:
        seen = {row.segment_id: [look for look in looks if look["segment_id"] == row.segment_id] for row in rows}
        put_json(
            [
                {**asdict(row), "data_from": row.data_from, "data_to": row.data_to, "looks": seen[row.segment_id]}
                for row in rows
            ]
        )
        return
    _put_ratings(rows)
    _put_points(row for row in rows if row.hazard == (hazard or "all") and row.contributions)
    put("\nWhat satellites saw; no alert does not mean safe")
    _put_looks(looks)


def _known(km: str) -> tuple[list[SegmentRisk], list[dict[str, Any]]]:
    """Return the ratings of a stretch, made now where there are none (an empty table would read as no risk), and its looks."""
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import changes, connect, corridor, risk
    from hazard_db.errors import OutsideCorridorError

    stretch = read_stretch(km)
    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        rows = risk.show(conn, *stretch)
        if not rows and not corridor.segments(conn, *stretch):
            raise OutsideCorridorError(f"the road has no kilometre within --km {km}")
        if not rows:
            connect.actor(conn, actor())
            risk.update(conn)
            rows = risk.show(conn, *stretch)
        return rows, changes.last_looks(conn, *stretch)


def _put_ratings(rows: Iterable[SegmentRisk]) -> None:
    put_table(
        ("km from", "km to", "hazard", "grade", "score", "confidence", "data from", "to", "last seen clearly", "place"),
        [
            (r.km_from, r.km_to, r.hazard, r.grade, r.score, r.confidence, r.data_from, r.data_to, r.last_good_look or "never", r.place)
            for r in rows
        ],
    )  # fmt: skip


def _put_points(rows: Iterable[SegmentRisk]) -> None:
    for row in rows:
        put(f"\nkm {row.km_from:g}-{row.km_to:g}, {row.hazard}: {row.score:g} points")
        for part in row.contributions:
            put(f"  {part['points']:+7.1f}  {part['source']}: {part['label']} ({part['detail']})")


def _put_looks(looks: Iterable[dict[str, Any]]) -> None:
    from api.reasons import hidden

    put_table(
        ("km from", "km to", "looked for", "last seen clearly", "last look", "seen %", "hidden by"),
        [
            (
                one["km_from"],
                one["km_to"],
                one["kind"],
                one["last_good_look"] or "never",
                one["last_look"],
                round(100 * one["share"]),
                hidden(one, "en"),
            )
            for one in looks
        ],
    )


@app.command()
def diff(
    km: NeededStretch,
    before: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day: as known when it ended.")
    ],
    after: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Second day.")],
    hazard: Annotated[str | None, typer.Option(help="Only this hazard; `all` is the whole.")] = None,
    json: AsJson = False,
) -> None:
    """Show which ratings of a stretch differ between two days, and why."""
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import connect, risk_history

    stretch = read_stretch(km)
    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        found = risk_history.compare(conn, *stretch, before.date(), after.date(), hazard=hazard)
    if json:
        put_json(found)
        return
    if not found:
        put(f"no rating within km {km} differs between {before:%Y-%m-%d} and {after:%Y-%m-%d}")
    for one in found:
        put(f"km {one.km_from:g}-{one.km_to:g}, {one.hazard}: {_was(one.score_before, one.grade_before)} → "
            f"{_was(one.score_after, one.grade_after)}")  # fmt: skip
        for reason in one.reasons:
            change = reason.points_after - reason.points_before
            put(f"  {change:+7.1f}  {reason.why}: {reason.source} {reason.label} ({reason.detail})")


def _was(score: float | None, grade: str | None) -> str:
    return "not rated" if score is None else f"{score:g} {grade}"


@app.command()
def exposure(
    roads: Annotated[Path, typer.Argument(help="Lines of roads, any vector file.")],
    raster: Annotated[Path, typer.Argument(help="GeoTIFF of run-out or susceptibility.")],
    buffer_m: Annotated[float, typer.Option("--buffer", help="Half-width of the strip, metres.")] = 5.0,
    length_m: Annotated[
        float | None, typer.Option("--length", help="Longest part of a road, metres; else whole.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="GeoJSON of the parts with what their strips hold.")] = None,
    json: AsJson = False,
) -> None:
    """Compare roads with a raster: the largest, mean and least value within a strip, in the raster's own unit."""
    from api.exposing import expose_file, summary, write

    parts = expose_file(roads, raster, buffer_m=buffer_m, length_m=length_m)
    if out is not None:
        write(parts, raster, out)
    told = summary(parts)
    if json:
        put_json(told)
        return
    put(f"{told['roads']:,} roads in {told['parts']:,} parts, {told['length_km']:,.1f} km; {told['reached_parts']:,} parts "
        f"({told['reached_km']:,.1f} km) are reached, {told['unknown_parts']:,} lie where the raster knows nothing")  # fmt: skip
    put(f"largest value of the reached parts: median {told['median_maximum']}, highest {told['highest_maximum']}")


@app.command()
def reach(
    dem: Annotated[Path, typer.Option(help="Elevation, GeoTIFF, metres.")],
    out: Annotated[
        Path, typer.Option(help="Map of 0 to 1, a Cloud-Optimized GeoTIFF; its card is written beside it as .json.")
    ],
    sources: Annotated[
        Path | None, typer.Option(help="GeoTIFF of 0 to 1 on the same grid: where it falls from, above 0.")
    ] = None,
    min_slope_deg: Annotated[
        float | None,
        typer.Option("--min-slope", help="Degrees; sources are as steep. By default 45 without --sources."),
    ] = None,
    least: Annotated[float, typer.Option(help="Least value of a source.")] = 0.0,
    angle_deg: Annotated[float, typer.Option("--angle", help="Angle of reach, degrees.")] = 33.0,
    json: AsJson = False,
) -> None:
    """Draw how far rockfall or debris reaches from its sources by the angle of reach; no database is needed."""
    from detection.output import check_outputs, write_json
    from detection.reaching import Question, make_reach

    beside = out.with_suffix(".json")
    check_outputs([out, beside], [dem, *([sources] if sources else [])])
    card = make_reach(Question(dem, sources, min_slope_deg, least, angle_deg), out)
    write_json(card, beside)
    if json:
        put_json(card)
        return
    put(f"{card['source_cells']:,} source cells reach {card['reached_cells']:,} of {card['known_cells']:,} cells; the map is {out}; "
        f"`kkh risk layer {out} --kind run_out --hazard rockfall --card {beside}` has ratings rest on it")  # fmt: skip


@app.command()
def layer(
    raster: Annotated[Path, typer.Argument(help="GeoTIFF of 0 to 1.")],
    kind: Annotated[str, typer.Option(help="susceptibility or run_out.")],
    hazard: Annotated[str, typer.Option(help="Hazard it speaks of, for example rockfall.")],
    name: Annotated[
        str | None, typer.Option(help="Its name; a layer of that name is superseded. By default the file's.")
    ] = None,
    buffer_m: Annotated[
        float, typer.Option("--buffer", help="Half-width of the strip beside the road, metres.")
    ] = 50.0,
    made_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the map; by default today.")
    ] = None,
    card: Annotated[Path | None, typer.Option(help="JSON that says how it was made and how well it does.")] = None,
) -> None:
    """Have ratings rest on a raster: each segment is compared with it, and rated anew."""
    import json as reader

    from api.exposing import add_layer
    from api.opening import opened
    from hazard_db import connect, risk
    from hazard_db.errors import InputError

    try:
        told = reader.loads(card.read_text(encoding="utf-8")) if card else {}
    except (OSError, ValueError) as error:
        raise InputError(f"{card}: cannot be read as JSON ({error})") from error
    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        count = add_layer(
            conn, raster, name=name or raster.stem, layer=kind, hazard=hazard, buffer_m=buffer_m,
            made_on=(made_on or datetime.now()).date(), card=told,
        )  # fmt: skip
        report = risk.update(conn)
    put(f"{name or raster.stem}: {count:,} segments compared; {report.changed:,} ratings changed")


@app.command()
def retire(name: Annotated[str, typer.Argument(help="Name of a raster, as `kkh risk layers` lists it.")]) -> None:
    """Have ratings rest on a raster no more; it stays on record, and every segment is rated anew."""
    from api.opening import opened
    from hazard_db import connect, hazard_layers, risk

    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        hazard_layers.retire(conn, name)
        report = risk.update(conn)
    put(f"{name}: counts no more; {report.changed:,} ratings changed")


@app.command()
def layers(json: AsJson = False) -> None:
    """List the rasters that ratings rest on."""
    from api.opening import opened
    from hazard_db import connect, hazard_layers

    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        found = hazard_layers.list_layers(conn)
    if json:
        put_json(found)
    else:
        put_table(
            ("name", "layer", "hazard", "made on", "segments", "file"),
            [(one["name"], one["layer"], one["hazard"], one["made_on"], one["segments"], one["href"]) for one in found],
        )


@app.command()
def rhrs(
    file: Annotated[Path, typer.Argument(help="CSV: slope, scored_on, km or lon and lat, and the ten criteria.")],
    source: Annotated[str | None, typer.Option(help="Who says so; by default the file's name.")] = None,
    json: AsJson = False,
) -> None:
    """Take in slopes scored by the rockfall hazard rating system, and rate anew."""
    from api.opening import opened
    from hazard_db import connect, risk
    from hazard_db import rhrs as slopes

    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        connect.actor(conn, actor())
        report = slopes.store(conn, slopes.read_scores(file, conn), source or file.name)
        risk.update(conn)
    if json:
        put_json(report)
    else:
        put(
            f"{report.slopes:,} slopes, {report.new:,} of them new; {report.beyond:,} lie too far from the road to count"
        )
