"""`kkh evaluate`: how good a result is, beside a truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.choices import AsJson
from api.console import progress, put, put_json, put_table, tell

app = typer.Typer(name="evaluate", help="How good a result is, beside a truth.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """How good a result is, beside a truth."""


@app.command()
def landslide(
    folder: Annotated[Path | None, typer.Argument(help="With --layout: the folder of the data set.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="Polygons (any OGR format) or mask raster.")] = None,
    result: Annotated[
        Path | None, typer.Option("--result", help="The same of what was found; with --layout a folder of masks.")
    ] = None,
    mask: Annotated[Path | None, typer.Option("--mask", help="Raster of what was observed: 255 = not.")] = None,
    layout: Annotated[
        str | None, typer.Option("--layout", help="A published data set: landslide4sense, sen12landslides.")
    ] = None,
    min_px: Annotated[float, typer.Option("--min-px", min=1, help="Smallest object, pixels.")] = 10,
    min_area_m2: Annotated[
        float | None, typer.Option("--min-area-m2", min=0, help="Smallest object, m², instead of --min-px.")
    ] = None,
    overlap: Annotated[
        float, typer.Option("--overlap", min=0.01, max=1, help="Share of an object that makes a match.")
    ] = 0.3,
    pixel_m: Annotated[
        float, typer.Option("--pixel-m", min=0.1, help="Grid on which polygons meet, where no raster brings one.")
    ] = 10.0,
    json: AsJson = False,
) -> None:
    """Precision, recall, calibration and dates of landslides; the matching rule is part of the answer."""
    from detection.evaluation import Rule

    rule = Rule(min_px, overlap)
    if layout is not None:
        if folder is None or truth or mask or min_area_m2 is not None:
            raise typer.BadParameter("--layout takes FOLDER, --result, --min-px and --overlap")
        from detection.patches import evaluate_patches

        with progress() as shown:
            figures = evaluate_patches(layout, folder, result, rule=rule, progress=shown)
    elif truth is None or result is None or folder is not None:
        raise typer.BadParameter("give --truth and --result, or --layout with FOLDER")
    else:
        from detection.comparison import evaluate_files

        figures = evaluate_files(truth, result, mask, rule=rule, min_area_m2=min_area_m2, pixel_m=pixel_m)
    put_json(figures) if json else _show(figures)


def _show(figures: dict[str, Any]) -> None:
    """Write the figures for people."""
    pixel, whole = figures["pixel"], figures["object"]
    put_table(
        ("", "precision", "recall", "F1", "result", "truth"),
        [
            ("pixels", pixel["precision"], pixel["recall"], pixel["f1"], pixel["result_px"], pixel["truth_px"]),
            ("objects", whole["precision"], whole["recall"], whole["f1"], whole["result"], whole["truth"]),
        ],
    )
    calibration = figures["calibration"]
    if calibration["objects"]:
        put(f"\nexpected calibration error {calibration['expected_error']:.3f} ({calibration['objects']} objects)")
        put_table(
            ("class", "objects", "mean confidence", "share right"),
            [
                (row["class"], row["objects"], row["mean_confidence"], row["share_right"])
                for row in calibration["classes"]
            ],
        )
    seen, dates = figures["observed_share"], figures["dates"]
    put(f"\nobserved: {'not told (give --mask)' if seen is None else f'{seen:.1%}'}")
    if dates["compared"]:
        put(f"dates: {dates['hit_rate']:.1%} of {dates['compared']} intervals hold the truth")
    put(f"\nrule: {figures['rule']}")
    for note in figures.get("notes", ())[:20]:
        tell(f"note: {note}")
