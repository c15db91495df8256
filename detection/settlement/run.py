"""Settlement in a displacement product -> areas that move, and the velocity of every point."""

from __future__ import annotations

import csv
import tempfile
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from detection.output import Collection, check_outputs, create_raster, publish_raster, replacing, write_json
from detection.polygons import area_m2, area_uncertainty_m2, geojson, outline
from detection.settlement.analysis import Found, analyse
from detection.settlement.areas import Area, areas
from detection.settlement.bank import bank
from detection.settlement.classes import NAMES, classify
from detection.settlement.combining import add_east_up, rates_of
from detection.settlement.design import Seasonal, design, seasonal_for
from detection.settlement.fitting import SPARE
from detection.settlement.jumps import WAVELENGTH_MM
from detection.settlement.scene import Scene, load
from detection.settlement.seeking import SPENT, Limits, for_few
from detection.settlement.terrain import add_slopes
from hazard_db.errors import DetectionError
from hazard_db.progress import Progress, silent
from hazard_db.series import Displacement, Raster, Scatterers

KIND = "settlement"
METHOD = "multi-width t and sup-F"
LIMITS = Limits(
    widths_px=(1.0, 2.0, 3.5),
    velocity_sigma=5.0,
    change_sigma=7.0,
    min_velocity_mm_yr=3.0,
    min_step_mm=6.0,
    keep=0.3,
    fewest=5,
)
FEWEST_DATES = 2 + SPARE
_CLASSES_AT_ONCE = 100_000


@dataclass(frozen=True)
class Options:
    """How a product is looked at."""

    filtering: bool | None = None
    """Take the air off; None = where it shows in a raster. Tables of points come from makers who took it off before: what is
    left there alike over kilometres is the ground."""
    repair: bool = True
    """Take whole cycles off series that jump by them."""
    dem: Path | None = None
    """Elevation raster: rates down the slope, and what the satellite can see."""
    other: Displacement | None = None
    """A product of another look: with it, east and up."""


@dataclass(frozen=True)
class Outcome:
    """What was found in a product."""

    source: Displacement
    scene: Scene
    found: Found
    areas: list[Area]
    features: list[dict[str, Any]]
    """One an area, GeoJSON, EPSG:4326."""
    about: dict[str, Any]
    """What a reader must know to weigh them: method, source, parameters, notes, stats."""


def run_settlement(
    source: Displacement,
    out: Path,
    *,
    points: Path | None = None,
    options: Options | None = None,
    inputs: tuple[Path, ...] = (),
    progress: Progress | None = None,
) -> Collection:
    """Return the areas that move, after writing them to `out` (GeoJSON) and the velocity of every point to `points`.

    Parameters
    ----------
    points
        GeoTIFF (.tif) for rasters, CSV for points.
    options
        By default all as it comes.
    inputs
        Files that a result must not overwrite.

    Raises
    ------
    DetectionError
        The series are too short, or a result cannot be written.
    InputError
        The file is damaged.
    """
    tell = progress or silent
    check_outputs([out, points], inputs)
    _check(source, points)
    with tempfile.TemporaryDirectory(prefix="settlement-") as folder:
        outcome = look_for_areas(source, Path(folder), options or Options(), tell)
        if points is not None:
            tell("writing points", 0.9)
            _write_points(source, outcome.scene, outcome.found, points, Path(folder))
    collection = {"type": "FeatureCollection", "features": outcome.features, **outcome.about}
    write_json(collection, out)
    tell("done", 1.0)
    return Collection(collection)


def look_for_areas(source: Displacement, folder: Path, options: Options, tell: Progress) -> Outcome:
    """Return the areas of a product that move.

    Parameters
    ----------
    folder
        Where a large series may lie: the outcome is good for as long as it is there.

    Raises
    ------
    DetectionError
        The series are too short, or nothing was measured.
    InputError
        A file is damaged.
    """
    _check(source, None)
    tell("reading", 0.0)
    filtering = options.filtering
    if filtering is None and isinstance(source.place, Scatterers):
        filtering = False
    scene = load(source, folder)
    times, seasonal = source.times_yr, seasonal_for(source.times_yr)
    cycle = (source.wavelength_mm or WAVELENGTH_MM) / 2 if options.repair else None
    found = analyse(
        scene.field, times, seasonal=seasonal, limits=LIMITS, filtering=filtering, cycle_mm=cycle,
        height_m=scene.height_m, tell=tell,
    )  # fmt: skip
    told = areas(scene.field, found.regions, found.fit.velocity, times, seasonal)
    features = [feature(one, source, scene) for one in told]
    about = _about(source, scene, found, seasonal)
    if options.dem is not None and source.look is not None and source.component == "line of sight":
        add_slopes(features, options.dem, source.look)
    if options.other is not None:
        rates = [rates_of(found.fit, one) for one in told]
        about["notes"] += add_east_up(features, rates, source, options.other, folder)
    return Outcome(source, scene, found, told, features, about)


def _check(source: Displacement, points: Path | None) -> None:
    """Refuse what cannot be analysed before anything is read."""
    if len(source.dates) < FEWEST_DATES:
        raise DetectionError(
            f"{source.name}: has {len(source.dates)} dates; a velocity with its error needs {FEWEST_DATES}"
        )
    if points is None:
        return
    raster = points.suffix.lower() in (".tif", ".tiff")
    if raster != isinstance(source.place, Raster):
        wanted = ".tif" if isinstance(source.place, Raster) else ".csv"
        raise DetectionError(f"{points}: velocities of {source.name} are written as {wanted}; name the file so")


def feature(one: Area, source: Displacement, scene: Scene) -> dict[str, Any]:
    """Return an area as a GeoJSON feature, EPSG:4326."""
    region, motion = one.region, one.motion
    shape = outline(region.rows, region.cols, scene.grid)
    onset = None if motion.onset_yr is None else source.dates[0] + timedelta(days=_days(source, motion.onset_yr))
    trend = one.trend
    return {
        "type": "Feature",
        "geometry": geojson(shape),
        "properties": {
            "kind": KIND,
            "confidence": confidence(one),
            "first_date": source.dates[0].isoformat(),
            "last_date": source.dates[-1].isoformat(),
            "area_m2": round(area_m2(shape), 1),
            "area_uncertainty_m2": round(area_uncertainty_m2(shape, scene.grid.pixel_m(float(region.rows.mean()))), 1),
            "class": motion.kind,
            "velocity_mm_yr": round(motion.velocity, 3),
            "velocity_std_mm_yr": round(motion.velocity_std, 3),
            "peak_velocity_mm_yr": round(one.peak_velocity, 3),
            "onset_date": None if onset is None else onset.isoformat(),
            "step_mm": _rounded(motion.step_mm),
            "velocity_before_mm_yr": _rounded(motion.velocity_before),
            "acceleration_mm_yr2": _rounded(motion.acceleration),
            "n_points": len(one.points),
            "quality": one.quality,
            "trend_change_mm_yr": None if trend is None else round(trend.delta_mm_yr, 3),
            "trend_alert": trend is not None and trend.alert,
        },
    }


def confidence(one: Area) -> float:
    """Return how likely an area moves, from how far it exceeds the limits; calibrated on simulated scenes."""
    return round(float(1 - 0.5 * np.exp(-3.0 * (one.region.peak - 0.9))), 3)


def _days(source: Displacement, at_yr: float) -> int:
    """Return days since the first date of a time in years."""
    days = [(one - source.dates[0]).days for one in source.dates]
    return round(float(np.interp(at_yr, source.times_yr, days)))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _about(source: Displacement, scene: Scene, found: Found, seasonal: Seasonal) -> dict[str, Any]:
    """Return what a reader must know to weigh the result."""
    measured = np.isfinite(found.fit.velocity)
    notes = list(source.notes)
    if found.filtered:
        notes.append(
            "the air was taken off (a plane a date and what is alike over 2.5 km on quiet ground): velocities are against "
            "the quiet ground around, not against the reference of the file"
        )
    if found.blank:
        notes.append(f"{found.blank} points are zero on all dates while others are noisy: taken as masked")
    least = for_few(LIMITS.velocity_sigma, len(source.dates) - design(source.times_yr, seasonal).shape[1] - SPENT)
    if least > 2 * LIMITS.velocity_sigma:
        notes.append(
            f"{len(source.dates)} dates only: what counts as motion is {least:.0f} standard errors instead of 5"
        )
    if seasonal == "none":
        notes.append("the series is too short to tell seasons from a trend: no seasonal terms")
    look = source.look
    return {
        "method": METHOD,
        "version": version("kkh-hazard-watch"),
        "source": {
            "file": source.name, "format": source.format, "dates": len(source.dates), "unit_in_file": source.unit,
            "crs_in_file": source.crs, "component": source.component, "sign": "negative = away from the satellite",
            "reference": source.reference, "wavelength_mm": source.wavelength_mm,
            "look": None if look is None else {key: round(value, 5) for key, value in asdict(look).items()},
            "facts": source.facts,
        },
        "parameters": {
            "seasonal": seasonal, "filtered": found.filtered, "repaired_series": found.repaired, "limits": asdict(LIMITS),
            "cell_m": [round(side, 2) for side in scene.field.cell_m],
        },
        "notes": notes,
        "stats": {
            "areas": len(found.regions), "points": int(scene.field.count), "measured_points": int(measured.sum()),
            "median_velocity_mm_yr": round(float(np.median(found.fit.velocity[measured])), 4) if measured.any() else None,
            "median_velocity_std_mm_yr": round(float(np.median(found.fit.velocity_std[measured])), 4) if measured.any() else None,
        },
    }  # fmt: skip


def _write_points(source: Displacement, scene: Scene, found: Found, path: Path, folder: Path) -> None:
    if isinstance(source.place, Scatterers):
        _write_table(source.place, _classes(source, scene, found), found, path)
        return
    names = ("velocity_mm_yr", "velocity_std_mm_yr")
    temporary = folder / "velocity.tif"
    with create_raster(temporary, scene.grid, "float64", float("nan"), names) as raster:
        for band, values in enumerate((found.fit.velocity, found.fit.velocity_std), start=1):
            raster.write(values.reshape(scene.grid.shape), band)
            raster.set_band_unit(band, "mm/yr")
    with rasterio.Env():
        publish_raster(temporary, path, overviews="AVERAGE")


def _classes(source: Displacement, scene: Scene, found: Found) -> list[str]:
    """Return the class of each point."""
    times = source.times_yr
    G = design(times, seasonal_for(times))
    changes = bank(times, G)
    told: list[str] = []
    for at in range(0, scene.field.count, _CLASSES_AT_ONCE):
        part = slice(at, at + _CLASSES_AT_ONCE)
        fitted = type(found.fit)(*(value[..., part] for value in vars(found.fit).values()))
        kinds = classify(G, times, scene.field.y[:, part], fitted, changes)
        told += [NAMES[kind] if kind >= 0 else "" for kind in kinds]
    return told


def _write_table(place: Scatterers, classes: list[str], found: Found, path: Path) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "lon", "lat", "velocity_mm_yr", "velocity_std_mm_yr", "class"])
        rows = zip(place.ids, place.lon, place.lat, found.fit.velocity, found.fit.velocity_std, classes, strict=True)
        for name, lon, lat, velocity, std, kind in rows:
            numbers = [f"{value:.9g}" if np.isfinite(value) else "" for value in (velocity, std)]
            writer.writerow([name, f"{lon:.7f}", f"{lat:.7f}", *numbers, kind])
