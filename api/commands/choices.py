"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Stretch = Annotated[str | None, typer.Option("--km", metavar="A-B", help="Only this stretch, in kilometres.")]
NeededStretch = Annotated[str, typer.Option("--km", metavar="A-B", help="The stretch, in kilometres.")]
Out = Annotated[Path | None, typer.Option("--out", help="GeoJSON to write.")]
Dem = Annotated[Path | None, typer.Option("--dem", help="Elevation raster, metres.")]
Bands = Annotated[list[str] | None, typer.Option("--bands", help="Names of the bands, in file order.")]
Since = Annotated[
    datetime | None,
    typer.Option("--since", formats=["%Y-%m-%d"], help="On what the catalogue has acquired since this day."),
]


class Severity(StrEnum):
    """How bad it may be."""

    MINOR = "Minor"
    MODERATE = "Moderate"
    SEVERE = "Severe"
    EXTREME = "Extreme"


def split(values: list[str] | None) -> list[str] | None:
    """Return the values, each of which may be several separated by commas."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()] if values else None


def spread(args: Sequence[str], names: Collection[str]) -> list[str]:
    """Return the arguments with `--name a b c` written as `--name a --name b --name c`."""
    result: list[str] = []
    name, values = "", 0
    for position, arg in enumerate(args):
        if arg == "--":
            return [*result, *args[position:]]
        if arg.startswith("-") and arg != "-":
            name, values = arg.partition("=")[0], int("=" in arg)
        else:
            result += [name] if name in names and values else []
            values += 1
        result.append(arg)
    return result


class ManyValues(TyperCommand):
    """A command without positional arguments whose options may be followed by several values."""

    many = frozenset({"--before", "--after", "--bands", "--dates", "--scenes"})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return what is left of the arguments after parsing them."""
        return super().parse_args(ctx, spread(args, self.many))
