"""`kkh susceptibility`: maps of where slopes fail, learnt from an inventory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.choices import AsJson
from api.console import put, put_json, put_table

if TYPE_CHECKING:
    from detection.factors import Factors
    from detection.susceptibility import Inventory

app = typer.Typer(
    name="susceptibility", help="Maps of where slopes fail, learnt from an inventory.", no_args_is_help=True
)
KINDS = ["landslide", "rockfall", "debris_flow"]

Map = Annotated[
    Path, typer.Option(help="Map of 0 to 1, a Cloud-Optimized GeoTIFF; its card is written beside it as .json.")
]
Layers = Annotated[list[Path] | None, typer.Option("--layer", help="GeoTIFF of factors, all bands; may be repeated.")]
Heights = Annotated[
    Path | None, typer.Option("--dem", help="Elevation on the same grid, metres: terrain factors are computed.")
]
Distances = Annotated[
    list[str] | None,
    typer.Option(
        "--distance",
        metavar="NAME=FILE",
        help="Lines (river, fault, road, ...) whose distance is a factor; may be repeated.",
    ),
]


@app.callback()
def main() -> None:
    """Maps of where slopes fail, learnt from an inventory."""


@app.command()
def train(
    out: Map,
    inventory: Annotated[
        Path | None, typer.Argument(help="CSV: x and y in the layers' CRS, or lon and lat, and a label.")
    ] = None,
    layers: Layers = None,
    dem: Heights = None,
    distances: Distances = None,
    label: Annotated[str, typer.Option(help="Column that is TRUE where a slope failed.")] = "failed",
    catalogue: Annotated[
        bool, typer.Option("--catalogue", help="Learn from the catalogue's inventory, not a file.")
    ] = False,
    kinds: Annotated[list[str], typer.Option("--kind", help="Of the catalogue: these kinds; may be repeated.")] = KINDS,
    within_m: Annotated[
        float, typer.Option("--within", help="Of the catalogue: no further from the road, metres.")
    ] = 5000.0,
    accuracy_m: Annotated[
        float, typer.Option("--accuracy", help="Of the catalogue: placed no worse than this, metres.")
    ] = 250.0,
    apart_m: Annotated[
        float, typer.Option("--apart", help="Random stable places keep this far from records, metres.")
    ] = 500.0,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Repeats of the spatial cross-validation.")] = 10,
    json: AsJson = False,
) -> None:
    """Compare models on blocks of ground that they have not seen, and draw the map of the best."""
    from detection.output import check_outputs, write_json
    from detection.susceptibility import MODEL_SUFFIX, draw, learn, read_inventory, save_model
    from hazard_db.errors import InputError

    if (inventory is None) != catalogue:
        raise InputError("give either a file of places, or --catalogue")
    beside, kept = out.with_suffix(".json"), out.with_suffix(MODEL_SUFFIX)
    factors = _factors(layers, dem, distances)
    check_outputs([out, beside, kept], [*factors.files, *([inventory] if inventory else [])])
    known = (
        read_inventory(inventory, factors.grid, label)
        if inventory
        else _recorded(factors, kinds, within_m=within_m, accuracy_m=accuracy_m, apart_m=apart_m)
    )
    model = learn(known, factors, repeats=repeats)
    card = draw(model, factors, out)
    save_model(model, kept)
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
    put(
        f"{card['model']} drawn to {out} and kept as {kept} for `kkh susceptibility apply`; the card is {beside}; {_next(out, beside)}"
    )


@app.command()
def apply(
    model: Annotated[Path, typer.Argument(help="What `kkh susceptibility train` kept beside its map (.npz).")],
    out: Map,
    layers: Layers = None,
    dem: Heights = None,
    distances: Distances = None,
    json: AsJson = False,
) -> None:
    """Draw the map of other ground by a model that was learnt before, from the same factors."""
    from detection.output import check_outputs, write_json
    from detection.susceptibility import draw, load_model

    beside = out.with_suffix(".json")
    factors = _factors(layers, dem, distances)
    check_outputs([out, beside], [model, *factors.files])
    card = draw(load_model(model), factors, out)
    write_json(card, beside)
    if json:
        put_json(card)
        return
    put(f"{card['model']} of {card['inventory']} drawn to {out}, {card['known_cells']:,} cells; {100 * (card['outside_share'] or 0):.0f} % "
        f"of them lie outside what it has learnt from; the card is {beside}; {_next(out, beside)}")  # fmt: skip


def _factors(layers: list[Path] | None, dem: Path | None, distances: list[str] | None) -> Factors:
    from detection.factors import open_factors
    from hazard_db.errors import InputError

    lines = {}
    for one in distances or []:
        name, told, file = one.partition("=")
        if not told or not name.isidentifier():
            raise InputError(
                f"--distance {one}: write what the lines are and their file, for example river=rivers.gpkg"
            )
        lines[name] = Path(file)
    return open_factors(layers or [], dem, lines)


def _recorded(factors: Factors, kinds: list[str], **limits: Any) -> Inventory:
    from api.learning import catalogue_inventory
    from api.opening import opened
    from hazard_db import connect

    with opened(road=True) as catalogue, connect.transaction(catalogue.engine) as conn:
        return catalogue_inventory(conn, factors.grid, kinds, **limits)


def _next(out: Path, card: Path) -> str:
    return f"`kkh risk layer {out} --kind susceptibility --hazard landslide --card {card}` has ratings rest on it"
