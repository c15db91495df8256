"""Which landslides are overgrown: known outlines on dates of imagery, read only where and as far as they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Protocol

import shapely
from shapely.geometry.base import BaseGeometry

from detection.area import Area
from detection.arrays import Slices
from detection.grids import Grid
from detection.methods.regrowth import (
    AROUND_PX,
    MOST_BARE,
    MOST_BEFORE,
    MOST_LATEST,
    Greenness,
    Regrowth,
    greenness,
    regrown,
    was_green,
)  # fmt: skip
from detection.regions import grow
from detection.sources import Scene, open_dates
from detection.windows import Plan, Reader
from hazard_db.errors import DetectionError


class Slide(Protocol):
    """A known landslide that may be overgrown."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def outline(self) -> BaseGeometry:
        """EPSG:4326."""
        ...

    @property
    def quiet_until(self) -> date:
        """Last day before its first movement."""
        ...

    @property
    def moved_until(self) -> date:
        """Day that shows its latest movement."""
        ...


def find_regrown(paths: Sequence[Path], slides: Iterable[Slide]) -> dict[int, Regrowth]:
    """Return the landslides that are overgrown, by id; the order of the files does not matter.

    Parameters
    ----------
    paths
        Rasters of one season of all years; those without red and near infrared are left out.

    Raises
    ------
    RasterError
        A file cannot be used.
    """
    scenes = [scene for scene in open_dates(paths) if {"red", "nir"} <= set(scene.bands)]
    if not scenes:
        return {}
    plan = Plan(min((scene.grid for scene in scenes), key=lambda grid: grid.pixel_m()), tuple(scenes), ())
    with Reader(plan) as reader:
        told = {slide.id: _look(reader, slide) for slide in slides}
    return {number: one for number, one in told.items() if one is not None}


def _look(reader: Reader, slide: Slide) -> Regrowth | None:
    """Return what a place's dates tell; the later ones are only read where there were plants before."""
    scenes = reader.plan.before
    place = _placed(slide.outline, reader.plan.grid)
    if place is None:
        return None
    window = _window(place)
    inside = place.inside(window)
    earlier = [scene for scene in scenes if _day(scene) <= slide.quiet_until]
    later = [scene for scene in scenes if _day(scene) >= slide.moved_until]

    def clear(dates: Iterable[Scene], most: int) -> list[Greenness]:
        looks: Iterator[Greenness | None] = (greenness(reader.acquisition(one, window), inside) for one in dates)
        return list(islice((look for look in looks if look is not None), most))

    before = clear(reversed(earlier), MOST_BEFORE)
    if not was_green(before):
        return None
    return regrown(before, clear(later, MOST_BARE), clear(reversed(later), MOST_LATEST))


def _placed(outline: BaseGeometry, grid: Grid) -> Area | None:
    """Return an outline on a grid that shows it whole."""
    try:
        place = Area(outline, grid)
    except DetectionError:
        return None
    return place if shapely.box(*grid.bounds).contains(place.polygon) else None


def _window(place: Area) -> Slices:
    """Return the pixels of an area and its surroundings."""
    west, south, east, north = shapely.bounds(place.polygon)
    (left, top), (right, bottom) = (~place.grid.transform @ corner for corner in ((west, north), (east, south)))
    box = slice(int(top), int(bottom) + 1), slice(int(left), int(right) + 1)
    return grow(box, place.grid.shape, AROUND_PX)


def _day(scene: Scene) -> date:
    return scene.acquired.at.date()
