"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0-1."""


def silent(text: str, share: float) -> None:
    """Say nothing: the progress of work that nobody watches."""
