"""`kkh susceptibility`: maps of where slopes fail, learnt from an inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.commands.choices import AsJson
from api.console import put, put_json, put_table

app = typer.Typer(
    name="susceptibility", help="Maps of where slopes fail, learnt from an inventory.", no_args_is_help=True
)


@app.callback()
def main() -> None:
    """Maps of where slopes fail, learnt from an inventory."""


@app.command()
def train(
    inventory: Annotated[Path, typer.Argument(help="CSV: x and y in the layers' CRS, or lon and lat, and a label.")],
    out: Annotated[
        Path, typer.Option(help="Map of 0 to 1, a Cloud-Optimized GeoTIFF; its card is written beside it as .json.")
    ],
    layers: Annotated[
        list[Path] | None, typer.Option("--layer", help="GeoTIFF of factors, all bands; may be repeated.")
    ] = None,
    dem: Annotated[
        Path | None, typer.Option(help="Elevation on the same grid, metres: terrain factors are computed.")
    ] = None,
    label: Annotated[str, typer.Option(help="Column that is TRUE where a slope failed.")] = "failed",
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Repeats of the spatial cross-validation.")] = 10,
    json: AsJson = False,
) -> None:
    """Compare models on blocks of ground that they have not seen, and draw the map of the best."""
    from detection.output import check_outputs, write_json
    from detection.susceptibility import make_map

    beside = out.with_suffix(".json")
    check_outputs([out, beside], [inventory, *(layers or []), *([dem] if dem else [])])
    card = make_map(inventory, layers or [], out, label=label, dem=dem, repeats=repeats)
    write_json(card, beside)
    if json:
        put_json(card)
        return
    put_table(
        ("model", "AUC", "± over folds", "Brier", "calibration slope"),
        [
            (name, f"{s['auc']:.3f}", f"{s['auc_std']:.3f}", f"{s['brier']:.3f}", f"{s['calibration_slope']:.2f}")
            for name, s in card["scores"].items()
        ],
    )
    put(f"{card['model']} drawn to {out}; the card is {beside}; "
        f"`kkh risk layer {out} --kind susceptibility --hazard landslide --card {beside}` has ratings rest on it")  # fmt: skip
