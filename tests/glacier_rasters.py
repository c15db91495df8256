"""Simulated glaciers and lakes as the files that the commands read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pyproj import Transformer

from detection.arrays import Acquisition, Terrain
from detection.simulate.glacier import GlacierScene
from tests.detection_rasters import PLACE, UTM, write_acquisition, write_tif

TO_LONLAT = Transformer.from_crs(UTM, 4326, always_xy=True)


def lonlat(places_px: np.ndarray) -> list[list[float]]:
    """Return (row, col) places as longitudes and latitudes."""
    x, y = PLACE @ (places_px[:, 1], places_px[:, 0])
    return [[float(a), float(b)] for a, b in zip(*TO_LONLAT.transform(x, y), strict=True)]


def write_dates(folder: Path, dates: tuple[Acquisition, ...], terrain: Terrain) -> tuple[list[Path], Path]:
    """Write dates and the elevation model."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [write_acquisition(folder / f"date{number}.tif", one) for number, one in enumerate(dates)]
    dem = write_tif(folder / "dem.tif", {"elevation": terrain.elevation_m}, dtype="float32", nodata=float("nan"))
    return files, dem


def write_vectors(folder: Path, scene: GlacierScene, column: str = "rgi_id") -> tuple[Path, Path]:
    """Write the outline and the centreline of a simulated glacier."""
    shapes = {
        "outlines": {"type": "Polygon", "coordinates": [lonlat(scene.outline_px)]},
        "centrelines": {"type": "LineString", "coordinates": lonlat(scene.centreline_px)},
    }
    for name, shape in shapes.items():
        feature = {"type": "Feature", "properties": {column: "RGI60-14.00001"}, "geometry": shape}
        (folder / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return folder / "outlines.geojson", folder / "centrelines.geojson"
