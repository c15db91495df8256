"""A scene's rasters and the row that describes them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from shapely.geometry import box

from hazard_db import sun
from hazard_db.progress import Progress
from hazard_db.scenes import SceneRecord
from ingest.imagery import cog
from ingest.imagery.crop import Crop, to_wgs84
from ingest.imagery.encoding import encoding_of
from ingest.imagery.raster import Grid
from ingest.imagery.source import SceneSource

NIGHT_DEG = 5.0
"""A computed sun lower than this means that the hour is not the hour of the picture."""


def write_scene(
    source: SceneSource, part: Crop, folder: Path, *, collection: str | None, label: str, progress: Progress
) -> SceneRecord:
    """Return the scene whose rasters have been written into `folder`; it is in no catalogue yet."""
    centre = to_wgs84(box(*part.grid.bounds), part.grid).centroid
    acquired_at, position, basis = _light(source, centre.x, centre.y)
    tags = _tags(source, acquired_at, position, centre.x)
    encoding = encoding_of(source.radar)
    main = folder / f"{encoding.name}.tif"
    counts = cog.write_bands(
        source.bands, part, main, encoding, tags=tags, all_zero_is_nodata=source.all_zero_is_nodata, label=label,
        progress=progress,
    )  # fmt: skip
    if source.radar is None:
        cog.refuse_implausible(main, label)
    assets = {encoding.name: cog.asset(main, [layer.name for layer in source.bands])}
    if source.quality is not None:
        quality = folder / f"{source.quality.name}.tif"
        cog.write_quality(source.quality, part, quality, tags=tags)
        assets[source.quality.name] = cog.asset(quality, [source.quality.name])
    size = part.window.width * part.window.height
    properties = {
        "product": source.name,
        "acquisition": f"{source.acquisition} {_grid_name(part.grid)}" if not source.grid_tile else source.acquisition,
        "acquired_precision": source.acquired_precision,
        "sun_basis": basis,
        "processing_baseline": source.baseline,
        "generated_at": source.generated_at,
        "scaling": {layer.name: [layer.scale, layer.offset] for layer in source.bands},
        "cropped": part.area is not None,
        "valid_share": round(counts.valid / size, 6),
        "clipped": counts.clipped,
        "notes": list(source.notes),
        **_orbit(source, acquired_at, centre.x),
    }
    return SceneRecord(
        id=_identifier(source.name), collection=collection or source.collection, sensor=source.sensor,
        acquired_at=acquired_at, epsg=part.grid.epsg, sun_elevation_deg=position[0], sun_azimuth_deg=position[1],
        assets=assets, checksum="", footprint=cog.footprint(main, part.grid, part), grid_tile=source.grid_tile,
        cloud_cover=source.cloud_cover, properties={k: v for k, v in properties.items() if v is not None},
    )  # fmt: skip


def _light(source: SceneSource, lon: float, lat: float) -> tuple[datetime, tuple[float, float], str]:
    """Return the time, the sun's elevation and azimuth, and what they rest on."""
    at = source.acquired_at
    if source.acquired_precision == "day":
        at = sun.overpass(at, lon)
    if source.radar is not None:
        return at, sun.position(at, lon, lat), "computed; no sun lights a radar"
    if source.sun is not None:
        return at, source.sun, "product"
    if source.acquired_precision == "day":
        return at, sun.position(at, lon, lat), "computed, hour of the overpass assumed"
    position = sun.position(at, lon, lat)
    if position[0] >= NIGHT_DEG:
        return at, position, "computed"
    usual = sun.overpass(at, lon)
    return at, sun.position(usual, lon, lat), "computed for the usual hour: the sun was down at the hour that is tagged"


def _tags(source: SceneSource, acquired_at: datetime, position: tuple[float, float], lon: float) -> dict[str, str]:
    radar = source.radar
    tags = {
        "acquired": acquired_at.isoformat().replace("+00:00", "Z"),
        "TIFFTAG_DATETIME": f"{acquired_at:%Y:%m:%d %H:%M:%S}",
        "sun_elevation": f"{position[0]:.6f}",
        "sun_azimuth": f"{position[1]:.6f}",
        "product": source.name,
        "platform": source.sensor,
        "boa_offset_applied": "yes",
    }
    if radar is not None:
        del tags["boa_offset_applied"], tags["sun_elevation"], tags["sun_azimuth"]
        told = {
            "orbit": direction(source, acquired_at, lon),
            "relative_orbit": radar.relative_orbit,
            "incidence": radar.incidence_deg,
            "look_azimuth": radar.look_azimuth_deg,
        }
        tags |= {name: str(value) for name, value in told.items() if value is not None}
    if source.collection.startswith("hls-"):
        tags["bandpass"] = "oli"  # S30 too: the product is adjusted, and must not be a second time
    return tags | ({"processing_baseline": source.baseline} if source.baseline else {})


def direction(source: SceneSource, at: datetime, lon: float) -> str:
    """Return the direction of flight as told, else by the hour: Sentinel-1 comes down in the morning."""
    if source.radar is not None and source.radar.direction:
        return source.radar.direction
    if source.acquired_precision == "day":
        return "unknown"
    hour = (at.hour + at.minute / 60 + lon / 15) % 24
    return "descending" if hour < 12 else "ascending"


def _orbit(source: SceneSource, at: datetime, lon: float) -> dict[str, str]:
    """Return what tells which dates of radar can be compared."""
    if source.radar is None:
        return {}
    orbit = " ".join(filter(None, (direction(source, at, lon), source.radar.relative_orbit)))
    return {"orbit": orbit, "source_unit": source.radar.unit}


def _grid_name(grid: Grid) -> str:
    west, south, east, north = grid.bounds
    return f"EPSG:{grid.epsg} {west:.6f} {south:.6f} {east:.6f} {north:.6f} {grid.width}x{grid.height}"


def _identifier(name: str) -> str:
    """Return a name as an identifier that is also a safe folder name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:120] or "scene"
