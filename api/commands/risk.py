"""`kkh risk`: the rating of every kilometre, explained."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from api.commands.choices import AsJson, NeededStretch
from api.console import actor, put, put_json, put_table

app = typer.Typer(name="risk", help="The rating of every kilometre, explained.", no_args_is_help=True)


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
    from api.opening import opened
    from api.stretch import read_stretch
    from hazard_db import connect, corridor, risk
    from hazard_db.errors import NotFoundError, OutsideCorridorError

    stretch = read_stretch(km)
    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        rows = risk.show(conn, *stretch)
        if not rows and not corridor.segments(conn, *stretch):
            raise OutsideCorridorError(f"the road has no kilometre within --km {km}")
        if not rows:  # an empty table would read as no risk
            connect.actor(conn, actor())
            risk.update(conn)
            rows = risk.show(conn, *stretch)
    if hazard is not None:
        known = ", ".join(sorted({row.hazard for row in rows}))
        rows = [row for row in rows if row.hazard == hazard]
        if not rows:
            raise NotFoundError(f"nothing there speaks of {hazard}; what is rated: {known}")
    if json:
        put_json(rows)
        return
    put_table(
        ("km from", "km to", "hazard", "grade", "score", "confidence", "last seen clearly", "place"),
        [
            (r.km_from, r.km_to, r.hazard, r.grade, r.score, r.confidence, r.last_good_look or "never", r.place)
            for r in rows
        ],
    )
    for row in (row for row in rows if row.hazard == (hazard or "all") and row.contributions):
        put(f"\nkm {row.km_from:g}-{row.km_to:g}, {row.hazard}: {row.score:g} points")
        for part in row.contributions:
            put(f"  {part['points']:+7.1f}  {part['source']}: {part['label']} ({part['detail']})")


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
