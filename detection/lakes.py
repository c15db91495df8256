"""Lakes in files: scenes -> every lake on every date, its area, how fast it fills, and whether ice holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage as ndi
import shapely
from rasterio.features import geometry_mask

from detection.arrays import Acquisition, BoolArray
from detection.blocks import tiles
from detection.icefiles import IceResult, Progress, collected, ice_plan, written
from detection.lakefeatures import Found, features, names
from detection.methods.illumination import sunlit
from detection.methods.lakes import (
    EIGHT,
    Lake,
    LakeRules,
    Sighting,
    Water,
    dammed_by_ice,
    follow,
    possible_water,
    water_on,
)
from detection.output import check_outputs
from detection.sources import Scene, open_dates
from detection.windows import Plan, Reader, to_grid
from hazard_db.errors import DetectionError
from hazard_db.glacier_file import Glacier, read_glaciers

Slices = tuple[slice, slice]
METHOD = "ndwi"
NEEDED = frozenset({"green", "nir"})
USED = ("blue", "green", "nir", "swir1")
BLOCK_PX, FRAME_PX = 1024, 24
LASTING_ICE = 0.6
"""Share of the dates on which ice, unlike snow, is white."""


def run_lake(
    scenes: Sequence[Path],
    out: Path,
    *,
    dem: Path | None = None,
    outlines: Path | None = None,
    crs: str | None = None,
    bands: Sequence[str] | None = None,
    dates: Sequence[str] | None = None,
    rules: LakeRules | None = None,
    progress: Progress | None = None,
) -> IceResult:
    """Return the lakes of files after writing them to `out`.

    Parameters
    ----------
    scenes
        One raster per date, or the band files of each.
    dem
        Elevation in metres, any grid and CRS: keeps shadow and slopes out, and tells which ice is a dam.
    outlines, crs
        Glaciers, where debris hides ice from the imagery; see `glacier_file.read_glaciers`.
    bands, dates
        What the files do not tell themselves, see `sources.open_dates`.

    Raises
    ------
    InputError
        A file cannot be used.
    DetectionError
        The files do not fit each other, or the result cannot be written.
    """
    check_outputs([out], [*scenes, *(one for one in (dem, outlines) if one is not None)])
    glaciers = [] if outlines is None else read_glaciers(outlines, None, crs)
    return written(
        lambda: detect_lakes(ice_plan(open_dates(scenes, bands, dates), dem), glaciers, rules, progress), out
    )


def detect_lakes(
    plan: Plan, glaciers: Sequence[Glacier] = (), rules: LakeRules | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Return a feature collection of lakes, one feature per lake and date that shows it.

    Raises
    ------
    RasterError
        A file is damaged.
    DetectionError
        No date has green and near infrared.
    """
    rules = rules or LakeRules()
    tell = progress or (lambda text, share: None)
    scenes = _with_bands(plan.scenes)
    plan = replace(plan, before=scenes)
    ever = _ever_water(plan, rules, tell)
    tell("following lakes", 0.7)
    found = list(_found(ever, plan, glaciers, rules))
    told = [
        feature
        for one, name in zip(found, names(found, plan.grid), strict=True)
        for feature in features(one, name, plan)
    ]
    tell("done", 1.0)
    stats = {"lakes": len(found), "dates": len(scenes)}
    return collected(told, plan, rules, method=METHOD, notes=_notes(plan), stats=stats)


def _with_bands(scenes: tuple[Scene, ...]) -> tuple[Scene, ...]:
    """Return the dates that water can be told on, with only the bands that it takes."""
    fit = tuple(
        replace(scene, layers=tuple(layer for layer in scene.layers if layer.name in USED))
        for scene in scenes
        if set(scene.bands) >= NEEDED
    )
    if not fit:
        raise DetectionError("no date has both green and nir, by which water is told; name the bands with --bands")
    return fit


def _ever_water(plan: Plan, rules: LakeRules, tell: Progress) -> BoolArray:
    """Return where any date may show water by colour alone, (rows, cols) of the grid.

    Date by date from north to south, one half of the grid a thread: so nothing is unpacked twice.
    """
    ever = np.zeros(plan.grid.shape, dtype=bool)
    blocks = [tile.inner for tile in tiles(plan.grid.shape, BLOCK_PX)]
    middle = (len(blocks) + 1) // 2

    def half(part: Sequence[Slices]) -> None:
        for number, scene in enumerate(plan.scenes):
            tell(f"looking for water in {scene.label}", 0.7 * number / len(plan.scenes))
            with Reader(plan) as reader:
                for window in part:
                    water = possible_water(reader.acquisition(scene, window), rules)
                    if water is not None:
                        ever[window] |= water

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(half, (blocks[:middle], blocks[middle:])))
    return ever


def _found(ever: BoolArray, plan: Plan, glaciers: Sequence[Glacier], rules: LakeRules) -> Iterator[Found]:
    """Yield the lakes, each looked at closely in its own window."""
    pixel_m = plan.grid.pixel_m()
    pixel_area = pixel_m[0] * pixel_m[1]
    labels, _ = ndi.label(ever, EIGHT)
    shapes = [one.outline for one in glaciers]
    with Reader(plan) as reader:
        for number, part in enumerate(ndi.find_objects(labels), start=1):
            if (labels[part] == number).sum() * pixel_area < 0.5 * rules.min_area_m2:
                continue
            rows, cols = (
                slice(max(span.start - FRAME_PX, 0), min(span.stop + FRAME_PX, size))
                for span, size in zip(part, ever.shape, strict=True)
            )
            own = labels[rows, cols] == number
            yield from _close((rows, cols), own, reader, shapes, rules)


def _close(
    window: Slices, own: BoolArray, reader: Reader, glaciers: Sequence[Any], rules: LakeRules
) -> Iterator[Found]:
    """Yield the lakes of one place."""
    plan = reader.plan
    pixel_m = plan.grid.pixel_m((window[0].start + window[0].stop) / 2)
    relief = None if plan.dem is None else reader.terrain(window)
    dates: list[Water] = []
    for scene in plan.scenes:
        one: Acquisition = reader.acquisition(scene, window)
        lit = None
        if relief is not None:
            lit = sunlit(relief.elevation_m, pixel_m, one.sun_elevation_deg, one.sun_azimuth_deg)
        dates.append(water_on(one, lit, None if relief is None else relief.slope_deg, rules))
    ice = _ice(window, dates, plan, glaciers)
    for lake in follow(dates, pixel_m[0] * pixel_m[1], rules):
        if not (lake.extent & own[lake.window]).any():
            continue
        mask = np.zeros(own.shape, dtype=bool)
        mask[lake.window] = _largest(lake).mask
        dammed, share = dammed_by_ice(mask, ice, None if relief is None else relief.elevation_m, pixel_m)
        corner = (window[0].start + lake.window[0].start, window[1].start + lake.window[1].start)
        yield Found(lake, corner, dammed, share)


def _largest(lake: Lake) -> Sighting:
    return max((one for one in lake.sightings if one.state == "water"), key=lambda one: int(one.mask.sum()))


def _ice(window: Slices, dates: Sequence[Water], plan: Plan, glaciers: Sequence[Any]) -> BoolArray | None:
    """Return where there is lasting ice, by colour and by outline; None where neither can tell."""
    told = [one for one, scene in zip(dates, plan.scenes, strict=True) if "swir1" in scene.bands]
    ice = None
    if told:
        seen = np.sum([one.seen for one in told], axis=0)
        ice = np.sum([one.white & one.seen for one in told], axis=0) > LASTING_ICE * np.maximum(seen, 1)
    if glaciers:
        mover = to_grid(plan.grid)
        shape = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        transform = plan.grid.transform @ type(plan.grid.transform).translation(window[1].start, window[0].start)
        moved = shapely.transform(np.array(glaciers), lambda xy: np.column_stack(mover.transform(*xy.T)))
        mapped = np.asarray(geometry_mask(list(moved), shape, transform, invert=True), dtype=np.bool_)
        ice = mapped if ice is None else ice | mapped
    return None if ice is None else np.asarray(ice, dtype=np.bool_)


def _notes(plan: Plan) -> list[str]:
    """Return what a reader must know to weigh the result."""
    notes = []
    if plan.dem is None:
        notes.append("no elevation model: shadow may pass for water, and which ice is a dam is not told")
    if len(plan.scenes) == 1:
        notes.append("one date: what passes cannot be told from what stays; confidence is lower")
    blind = [scene.label for scene in plan.scenes if "swir1" not in scene.bands]
    if blind:
        notes.append(f"no short-wave infrared in {', '.join(blind)}: ice is told from water by brightness alone")
    bare = [scene.label for scene in plan.scenes if scene.quality is None]
    if bare:
        notes.append(f"no scl or qa_pixel in {', '.join(bare)}: clouds and their shadows are not masked there")
    return notes
