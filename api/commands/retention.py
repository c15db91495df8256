"""`kkh retention`: rasters that have served their time are removed."""

from __future__ import annotations

from typing import Annotated

import typer

from api.commands.choices import AsJson
from api.console import actor, put, put_json


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    scenes_days: Annotated[
        int | None,
        typer.Option(min=1, help="Rasters of scenes go so long after the picture (HAZARD_KEEP_SCENES_DAYS)."),
    ] = None,
    superseded_days: Annotated[
        int | None,
        typer.Option(min=1, help="... so long after they were processed anew (HAZARD_KEEP_SUPERSEDED_DAYS)."),
    ] = None,
    evidence_days: Annotated[
        int | None, typer.Option(min=1, help="Scores of runs go so long after the run (HAZARD_KEEP_EVIDENCE_DAYS).")
    ] = None,
    json: AsJson = False,
) -> None:
    """Remove rasters that have served their time; records stay, and so does what changes, evidence or open alerts rest on."""
    from api.keeping import KeepSettings, apply
    from api.opening import opened

    given = {"scenes_days": scenes_days, "superseded_days": superseded_days, "evidence_days": evidence_days}
    policy = KeepSettings(**{name: value for name, value in given.items() if value is not None}).policy()
    if policy.asks_nothing:
        put(
            "everything is kept: no HAZARD_KEEP_..._DAYS is set; give --scenes-days, --superseded-days or --evidence-days"
        )
        return
    with opened() as catalogue:
        report = apply(catalogue.engine, catalogue.home, policy, actor_name=actor(), dry_run=dry_run)
    if json:
        put_json(report)
        return
    for one in report.removed if dry_run else ():
        put(f"{one.kind} {one.id}: {one.reason}, {one.bytes / 1e6:.1f} MB")
    reasons = sorted({str(one.held_by) for one in report.held})
    held = [f"{sum(one.held_by == reason for one in report.held)} for {reason}" for reason in reasons]
    scenes = sum(one.kind == "scene" for one in report.removed)
    put(
        f"{scenes} scenes and {len(report.removed) - scenes} results {'would go' if dry_run else 'removed'}, "
        f"{report.freed_bytes / 1e6:,.1f} MB; held back: {', '.join(held) or 'none'}"
    )
