"""`kkh demo`: the main job, from files to a map."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="End after the summary instead of serving the result.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to try first.")] = 8000,
) -> None:
    """Do the main job on simulated data near a real kilometre, then serve the result."""
    from api.demo import run_demo

    run_demo(serve=not no_serve, port=port)
