"""Lakes in files: scenes -> every lake on every date, its area, how fast it fills, and whether ice holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage as ndi
import shapely
from rasterio.features import geometry_mask

from detection.arrays import EIGHT, Acquisition, BoolArray, Slices, Terrain
from detection.blocks import tiles
from detection.icefiles import IceResult, collected, ice_plan, written
from detection.lakefeatures import Found, features, names
from detection.methods.illumination import REACH_PX, sunlit
from detection.methods.lakeradar import RadarLakeRules, blind, dark_water_on, possible_dark
from detection.methods.lakes import (
    Lake,
    Sighting,
    Water,
    dammed_by_ice,
    follow,
    possible_water,
    water_on,
)
from detection.output import check_outputs
from detection.regions import grow, within
from detection.sources import Scene, open_dates
from detection.windows import Plan, Reader, to_grid
from hazard_db.errors import DetectionError
from hazard_db.glacier_file import Glacier, read_glaciers
from hazard_db.progress import Progress, silent

OPTICAL, RADAR = "ndwi", "sar_water"
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
    rules: RadarLakeRules | None = None,
    progress: Progress | None = None,
) -> IceResult:
    """Return the lakes of files after writing them to `out`.

    Parameters
    ----------
    scenes
        One raster per date, or the band files of each: reflectance, radar (vv, vh), or both kinds of dates.
    dem
        Elevation in metres, any grid and CRS: keeps shadow and slopes out, and tells which ice is a dam. Radar needs it
        where no date of reflectance shows the lake.
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
    plan: Plan, glaciers: Sequence[Glacier] = (), rules: RadarLakeRules | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Return a feature collection of lakes, one feature per lake and date that shows it.

    Raises
    ------
    RasterError
        A file is damaged.
    DetectionError
        No date has green and near infrared, or radar that can do without.
    """
    rules = rules or RadarLakeRules()
    tell = progress or silent
    scenes = _with_bands(plan.scenes, plan.dem is not None)
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
    kinds = {scene.look is not None: RADAR if scene.look is not None else OPTICAL for scene in scenes}
    method = "+".join(kinds[kind] for kind in sorted(kinds))
    return collected(told, plan, rules, method=method, notes=_notes(plan), stats=stats)


def _with_bands(scenes: tuple[Scene, ...], relief: bool) -> tuple[Scene, ...]:
    """Return the dates that water can be told on, with only the bands that it takes."""
    fit = tuple(
        scene
        if scene.look is not None
        else replace(scene, layers=tuple(layer for layer in scene.layers if layer.name in USED))
        for scene in scenes
        if scene.look is not None or set(scene.bands) >= NEEDED
    )
    if fit and not relief and all(scene.look is not None for scene in fit):
        raise DetectionError("radar alone cannot tell water from its own shadow; give the elevation model with --dem")
    if not fit:
        raise DetectionError("no date has both green and nir, by which water is told; name the bands with --bands")
    return fit


def _ever_water(plan: Plan, rules: RadarLakeRules, tell: Progress) -> BoolArray:
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
                    if scene.look is not None and plan.dem is None:
                        continue  # only where reflectance shows water
                    one = reader.acquisition(scene, window)
                    if scene.look is None:
                        water = possible_water(one, rules)
                    else:
                        water = possible_dark(one, reader.terrain(window).slope_deg, rules)
                    if water is not None:
                        ever[window] |= water

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(half, (blocks[:middle], blocks[middle:])))
    return ever


def _found(ever: BoolArray, plan: Plan, glaciers: Sequence[Glacier], rules: RadarLakeRules) -> Iterator[Found]:
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
    window: Slices, own: BoolArray, reader: Reader, glaciers: Sequence[Any], rules: RadarLakeRules
) -> Iterator[Found]:
    """Yield the lakes of one place."""
    plan = reader.plan
    pixel_m = plan.grid.pixel_m((window[0].start + window[0].stop) / 2)
    relief = None if plan.dem is None else reader.terrain(window)
    dates = list(_waters(window, own, reader, relief, rules))
    ice = _ice(window, dates, plan, glaciers)
    for one in follow(dates, pixel_m[0] * pixel_m[1], rules):
        lake = _vouched(one, plan.scenes)
        if lake is None or not (lake.extent & own[lake.window]).any():
            continue
        mask = np.zeros(own.shape, dtype=bool)
        mask[lake.window] = _largest(lake).mask
        dammed, share = dammed_by_ice(mask, ice, None if relief is None else relief.elevation_m, pixel_m)
        corner = (window[0].start + lake.window[0].start, window[1].start + lake.window[1].start)
        yield Found(lake, corner, dammed, share)


def _waters(
    window: Slices, own: BoolArray, reader: Reader, relief: Terrain | None, rules: RadarLakeRules
) -> Iterator[Water]:
    """Yield what every date shows of a place, oldest first."""
    grid = reader.plan.grid
    pixel_m = grid.pixel_m((window[0].start + window[0].stop) / 2)
    slope_deg = None if relief is None else relief.slope_deg
    wide = grow(window, grid.shape, REACH_PX)  # what stands before the radar, or lies over the place
    around = None if relief is None or not reader.plan.has_radar else reader.terrain(wide)
    known = np.zeros(own.shape, dtype=np.bool_)
    for scene in reader.plan.scenes:
        one: Acquisition = reader.acquisition(scene, window)
        if scene.look is None:
            lit = None
            if relief is not None:
                lit = sunlit(relief.elevation_m, pixel_m, one.sun_elevation_deg, one.sun_azimuth_deg)
            water = water_on(one, lit, slope_deg, rules)
        else:
            hidden = None if around is None else blind(around, one, pixel_m)[within(window, wide)]
            water = dark_water_on(one, own, known, rules, hidden=hidden, slope_deg=slope_deg)
        known |= water.water & own
        yield water


def _vouched(lake: Lake, scenes: Sequence[Scene]) -> Lake | None:
    """Return a lake less what a single date of radar says; None where nothing else says that there is one.

    Dark ground is a lake where reflectance shows it too, or a second date of one orbit, and no date of reflectance
    shows the place dry meanwhile. Dry by radar takes a second date that shows it.
    """
    if all(scene.look is None for scene in scenes):
        return lake
    wet = [one.number for one in lake.sightings if one.state == "water"]
    dry = [one.number for one in lake.sightings if one.state == "dry"]
    if all(scenes[number].look is not None for number in wet):
        orbits = Counter(scenes[number].look.orbit for number in wet)  # type: ignore[union-attr]
        if max(orbits.values()) < 2 or any(scenes[n].look is None and wet[0] < n < wet[-1] for n in dry):
            return None
    told = tuple(
        replace(one, state="unseen") if one.number in dry and not _dry_again(one.number, lake, scenes) else one
        for one in lake.sightings
    )
    return replace(lake, sightings=told)


def _dry_again(number: int, lake: Lake, scenes: Sequence[Scene]) -> bool:
    """Return whether reflectance says that a place is dry, or the next or last date that tells anything says so too."""
    if scenes[number].look is None:
        return True
    told = [one for one in lake.sightings if one.state in {"water", "dry"}]
    at = next(index for index, one in enumerate(told) if one.number == number)
    return any(one.state == "dry" for one in (*told[max(at - 1, 0) : at], *told[at + 1 : at + 2]))


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
    if plan.dem is None and plan.has_radar:
        notes.append("no elevation model: radar follows only lakes that reflectance shows")
    if len(plan.scenes) == 1:
        notes.append("one date: what passes cannot be told from what stays; confidence is lower")
    blind = [scene.label for scene in plan.scenes if scene.look is None and "swir1" not in scene.bands]
    if blind:
        notes.append(f"no short-wave infrared in {', '.join(blind)}: ice is told from water by brightness alone")
    bare = [scene.label for scene in plan.scenes if scene.look is None and scene.quality is None]
    if bare:
        notes.append(f"no scl or qa_pixel in {', '.join(bare)}: clouds and their shadows are not masked there")
    return notes
