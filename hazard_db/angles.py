"""Angles as tags of radar pictures tell them."""

from __future__ import annotations

from collections.abc import Mapping

from hazard_db.errors import RasterError


def tagged(tags: Mapping[str, str], name: str, label: str) -> float | None:
    """Return an angle in degrees out of the tag `name`, `name_deg` or `name_angle`, None where there is none.

    Raises
    ------
    RasterError
        It is no number.
    """
    text = next((tags[key] for key in (name, f"{name}_deg", f"{name}_angle") if key in tags), None)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise RasterError(f"{label}: the tag {name} must be degrees, not '{text}'") from error
