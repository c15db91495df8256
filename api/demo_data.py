"""Files for the demonstration: a survey and satellite scenes, simulated, and named so wherever they are seen."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import Transformer

from detection.arrays import Acquisition
from detection.simulate import LandslideScene, simulate_landslide
from hazard_db import corridor
from hazard_db.connect import Connection

UTM = 32643
CENTRE_KM = 657.0
"""Near Attabad, where the road is known from more than its ends."""
PIXELS = (400, 400)
PIXEL_M = 10.0
SEED = 7
FROM_ROAD_M = 120.0
"""The largest of the simulated slides is placed this far from the road."""
NODATA = -32768
CLEAR, NOT_SEEN = 4, 0
"""Classes of the Sentinel-2 scene classification."""
COLLECTION = "simulated"
SCATTERERS, SPACING_M = 40, 40.0
"""Scatterers along each side of their square, and between two of them."""
EPOCHS, EVERY_DAYS = 60, 12
SINKING_MM_YR = -30.0
NAMESPACE = uuid.UUID("6f0f2c43-5cf4-5e0f-9d50-0a4c7c1d2b7e")
KINDS = ("rockfall", "landslide", "debris_flow")
NOTES = (
    "fresh blocks on the road",
    "cracks above the cut slope",
    "mud and gravel in the culvert",
    "retaining wall bulges",
)


@dataclass(frozen=True)
class DemoFiles:
    """What lies in the demonstration's folder."""

    survey: Path
    scenes: tuple[Path, ...]
    dem: Path
    since: date
    """Day of the first scene after the simulated landslides."""


def make_files(conn: Connection, folder: Path, now: datetime) -> DemoFiles:
    """Return the demonstration's files, made where they are absent; those that are there stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    survey = folder / "simulated_survey.csv"
    if not survey.exists():
        _write_survey(conn, survey, now)
    dem = folder / "simulated_elevation.tif"
    if not dem.exists():  # written last, so that half a set is made again
        _write_scenes(conn, folder, dem, now)
    scenes = tuple(sorted(folder.glob("simulated_scene_*.tif")))
    days = [datetime.strptime(path.stem[-8:], "%Y%m%d").replace(tzinfo=UTC).date() for path in scenes]
    return DemoFiles(survey, scenes, dem, min(day for day in days if day.year == max(days).year))


def _write_survey(conn: Connection, path: Path, now: datetime) -> None:
    rng = np.random.default_rng(SEED)
    rows = []
    for number, km in enumerate(np.linspace(648.0, 666.0, 19)):
        place = corridor.locate_km(conn, float(km))
        east, north = rng.uniform(-150, 150, 2)
        observed = now - timedelta(days=int(rng.integers(3, 300)), minutes=int(rng.integers(0, 600)))
        rows.append(
            {
                "id": uuid.uuid5(NAMESPACE, f"{number}"),
                "kind": KINDS[number % len(KINDS)],
                "observed_at": observed.isoformat(timespec="seconds"),
                "observer": "simulated observer",
                "latitude": round(place.lat + north / 111_000, 6),
                "longitude": round(place.lon + east / (111_000 * np.cos(np.radians(place.lat))), 6),
                "accuracy_m": int(rng.integers(3, 15)),
                "note": f"SIMULATED: {NOTES[number % len(NOTES)]}",
                "simulated": "true",
            }
        )
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


def write_displacement(conn: Connection, path: Path, now: datetime) -> None:
    """Write a table of simulated scatterers around the kilometre where it is absent: noise, and ground that sinks in a bowl."""
    if path.exists():
        return
    place = corridor.locate_km(conn, CENTRE_KM)
    east, north = Transformer.from_crs(4326, UTM, always_xy=True).transform(place.lon, place.lat)
    rows, cols = np.mgrid[:SCATTERERS, :SCATTERERS] - SCATTERERS // 2
    lon, lat = Transformer.from_crs(UTM, 4326, always_xy=True).transform(
        east + cols * SPACING_M, north + rows * SPACING_M
    )
    days = [(now - timedelta(days=EVERY_DAYS * back + 7)).date() for back in reversed(range(EPOCHS))]
    years = np.array([(day - days[0]).days for day in days]) / 365.25
    bowl = np.exp(-(rows**2 + cols**2) / (2 * 4.0**2))
    noise_mm = np.random.default_rng(SEED).normal(size=(EPOCHS, *bowl.shape)) * 0.8
    moved_mm = SINKING_MM_YR * years[:, None, None] * bowl + noise_mm
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ID", "Lat", "Lon", "height", "velocity", "coherence", *(f"D{day:%Y%m%d}" for day in days)])
        for at in np.ndindex(*bowl.shape):
            series = [f"{value:.3f}" for value in moved_mm[:, *at]]
            writer.writerow([f"SIMULATED{at[0]}_{at[1]}", f"{lat[at]:.7f}", f"{lon[at]:.7f}", 2400, "", 0.8, *series])
    part.replace(path)


def _write_scenes(conn: Connection, folder: Path, dem: Path, now: datetime) -> None:
    scene = simulate_landslide(SEED, shape=PIXELS, n_before=3, n_after=2, pixel_m=PIXEL_M)
    transform = placed(conn, scene)
    for acquisition, acquired in _dated(scene, now):
        write_acquisition(folder / f"simulated_scene_{acquired:%Y%m%d}.tif", acquisition, acquired, transform)
    assert scene.block.terrain is not None  # it was asked for
    part = dem.with_suffix(".part")
    _write(part, scene.block.terrain.elevation_m[None], transform, names=["elevation"], nodata=float("nan"), tags={})
    part.replace(dem)


def placed(conn: Connection, scene: LandslideScene) -> Affine:
    """Return the transform that brings the largest slide near the road."""
    place = corridor.locate_km(conn, CENTRE_KM)
    east, north = Transformer.from_crs(4326, UTM, always_xy=True).transform(place.lon, place.lat)
    largest = max(scene.slides, key=lambda slide: slide.area_m2).label
    row, col = np.argwhere(scene.labels == largest).mean(axis=0)
    west = round((east + FROM_ROAD_M - col * PIXEL_M) / PIXEL_M) * PIXEL_M
    top = round((north + row * PIXEL_M) / PIXEL_M) * PIXEL_M
    return Affine(PIXEL_M, 0, west, 0, -PIXEL_M, top)


def _dated(scene: LandslideScene, now: datetime) -> list[tuple[Acquisition, datetime]]:
    """Return the dates moved by whole years, so that the last lies in the past by some weeks at least."""
    shots = [*scene.block.before, *scene.block.after]
    last = max(shot.acquired_at for shot in shots)
    years = now.year - last.year
    if last.replace(year=last.year + years) > now - timedelta(days=7):
        years -= 1
    return [(shot, shot.acquired_at.replace(year=shot.acquired_at.year + years)) for shot in shots]


def write_acquisition(path: Path, shot: Acquisition, acquired: datetime, transform: Affine) -> None:
    """Write a simulated date as a scene's file, which says of itself that it is simulated."""
    reflectance = np.where(np.isfinite(shot.reflectance), np.rint(np.nan_to_num(shot.reflectance) * 10_000), NODATA)
    classes = np.where(shot.usable, CLEAR, NOT_SEEN)
    tags = {
        "acquired": acquired.isoformat(),
        "sun_elevation": str(shot.sun_elevation_deg),
        "sun_azimuth": str(shot.sun_azimuth_deg),
        "TIFFTAG_IMAGEDESCRIPTION": "SIMULATED scene for demonstration; no satellite took it",
    }
    values = np.concatenate([reflectance, classes[None]]).astype(np.int16)
    _write(path, values, transform, names=[*shot.bands, "scl"], nodata=NODATA, tags=tags)


def _write(
    path: Path, values: npt.NDArray[np.generic], transform: Affine, *, names: Sequence[str], nodata: float, tags: dict[str, str]
) -> None:  # fmt: skip
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[1], width=values.shape[2], count=values.shape[0], dtype=values.dtype,
        crs=f"EPSG:{UTM}", transform=transform, nodata=nodata, tiled=True, compress="deflate",
    ) as raster:  # fmt: skip
        raster.write(values)
        raster.descriptions = tuple(names)
        raster.update_tags(**tags)
