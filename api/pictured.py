"""Pictures of changes as pages show them: their dates apart where a picture tells its panels, else whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from hazard_db.panels import EVIDENCE, Panel, Panels
from maps.swipe import Picture, Side


def served(home: Path, paths: Mapping[int, str]) -> dict[int, Picture]:
    """Return pictures of the catalogue (paths relative to the home) with addresses of the application, by change."""
    return {number: served_one(home, path) for number, path in paths.items()}


def served_one(home: Path, path: str) -> Picture:
    """Return a picture with addresses of the application."""
    src = f"/pictures/{Path(path).name}"
    return composed(Panels.read(home / path), src, _size(home / path), _address(src))


def served_sides(home: Path, path: str) -> tuple[Side, Side] | None:
    """Return before and after of a picture with addresses of the application; None where it does not tell them apart."""
    try:
        told = _panels(home / path, (home / path).stat().st_mtime_ns)
    except OSError:
        return None
    return sides_of(told, _address(f"/pictures/{Path(path).name}"))


@lru_cache(maxsize=4096)
def _panels(file: Path, modified_ns: int) -> Panels | None:
    """Return the panels of a picture; a map asks for those of hundreds each time."""
    del modified_ns
    return Panels.read(file)


def _address(src: str) -> Callable[[Panel], str]:
    return lambda panel: f"{src}?panel={panel.layer}"


def sides_of(told: Panels | None, part: Callable[[Panel], str | None]) -> tuple[Side, Side] | None:
    """Return before and after; None where a picture has not both."""
    before, after = (_side(told, layer, part) for layer in ("before", "after"))
    return (before, after) if before and after else None


def composed(
    told: Panels | None, src: str, size: tuple[int, int] | None, part: Callable[[Panel], str | None]
) -> Picture:
    """Return a picture whose panels have sources of their own; whole where they have none, or there is no such panel."""
    sides = sides_of(told, part)
    if told is None or sides is None:
        return Picture(src, size)
    evidence = (_side(told, layer, part) for layer in EVIDENCE)
    return Picture(src, size, sides, tuple(one for one in evidence if one is not None), told.width_m)


def _side(told: Panels | None, layer: str, part: Callable[[Panel], str | None]) -> Side | None:
    panel = told.of(layer) if told else None
    if panel is None or (src := part(panel)) is None:
        return None
    left, top, right, bottom = panel.box
    return Side(layer, src, (right - left, bottom - top), panel.day or "", panel.platform)


def _size(picture: Path) -> tuple[int, int] | None:
    """Return width and height, so that what stands below does not jump when the picture comes."""
    try:
        with Image.open(picture) as opened:  # its head alone is read
            return opened.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
