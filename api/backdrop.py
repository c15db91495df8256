"""What lies below the records of a map where an installation has it: terrain of its elevation raster, rivers, places, boundaries."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import shapely
from pydantic import Field, SecretStr
from shapely.geometry import mapping, shape

from hazard_db import search
from hazard_db.errors import HazardError
from hazard_db.placenames import names_of
from hazard_db.settings import Settings
from hazard_db.wording import LANGUAGES
from maps import providers, terrain
from maps.chart import KARAKORAM, Below, Bounds, Ground
from maps.relief import ReliefPicture, make_relief

log = logging.getLogger("api")

FOLDER, TILES = "relief", "terrain"
TERRAIN = "/maps/terrain/{key}/{{z}}/{{y}}/{{x}}.webp"
MARGIN = 0.6
"""The relief reaches this share of a map's size beyond what is seen at first."""
NEAR_DEG = 2.0
CORNER_DEG = 0.002
LARGEST_BYTES = 200 * 2**20
RANKS = {"city": 0, "town": 1, "village": 2}
"""OpenStreetMap's kinds of places -> order in which they get room on a map."""


class BackdropSettings(Settings):
    """Files below the records."""

    dem: Path | None = None
    """Elevation raster of the corridor."""
    boundaries: Path | None = None
    """GeoJSON of boundaries to draw; none by default, for they are disputed here."""
    rivers: Path | None = None
    """GeoJSON of rivers and lakes."""
    places: Path | None = None
    """GeoJSON of places with `name`, and `name:zh`, `name:ur` where known; without it the towns that the road is known by."""
    dem_attribution: str = Field(default="", max_length=200)
    """Whose elevation it is, as shown in the corner of maps."""
    basemaps: str = Field(default="", max_length=200)
    """Maps of others that a reader may choose, with commas between: osm, tianditu, tianditu-imagery, own."""
    tianditu_key: SecretStr | None = None
    basemap_url: str | None = Field(default=None, max_length=500)
    """Address of one's own tiles, with {z}, {x}, {y}."""
    basemap_attribution: str = Field(default="", max_length=200)

    @property
    def providers(self) -> tuple[providers.Provider, ...]:
        """Return the maps of others; what cannot be used is an error, not a map that stays empty."""
        key = self.tianditu_key.get_secret_value() if self.tianditu_key else None
        return providers.chosen(
            self.basemaps, tianditu_key=key, own_url=self.basemap_url, own_attribution=self.basemap_attribution
        )


def below(settings: BackdropSettings, bounds: Bounds, *, others: bool = True) -> Below:
    """Return what lies below the records of a map; a map goes without what cannot be read.

    Parameters
    ----------
    bounds
        Of the map.
    others
        Also maps of others: a map that is a file asks nobody.

    Raises
    ------
    SettingsError
        A map of others is named that cannot be used.
    """
    ground = drawable(settings)
    shown = (
        Ground(TERRAIN.format(key=ground.key), ground.bounds, ground.closest, settings.dem_attribution)
        if ground
        else None
    )
    return Below(
        ground=shown, rivers=rivers(settings), places=places(settings, bounds), boundaries=boundaries(settings),
        providers=settings.providers if others else (),
    )  # fmt: skip


def drawable(settings: BackdropSettings) -> terrain.Terrain | None:
    """Return the elevation raster as tiles can be drawn of it; None without one, and where it cannot be read."""
    if settings.dem is None:
        return None
    try:
        return _look(settings.dem, settings.dem.stat().st_mtime_ns)
    except (HazardError, OSError) as error:
        log.warning("no terrain: %s", error)
        return None


@lru_cache(maxsize=2)
def _look(path: Path, changed_ns: int) -> terrain.Terrain:
    del changed_ns
    return terrain.look(path)


def relief(settings: BackdropSettings, home: Path, bounds: Bounds) -> ReliefPicture | None:
    """Return the relief around what a map shows; None without a raster, and where it cannot be drawn: a map goes without."""
    if settings.dem is None:
        return None
    west, south, east, north = bounds
    wide, high = MARGIN * (east - west), MARGIN * (north - south)
    try:
        return make_relief(settings.dem, (west - wide, south - high, east + wide, north + high), home / FOLDER)
    except HazardError as error:
        log.warning("no relief: %s", error)
        return None


def boundaries(settings: BackdropSettings) -> dict[str, Any] | None:
    """Return the boundaries near the corridor as lines; None where none are wanted, and where they cannot be read."""
    return _layer(settings.boundaries, "boundaries", _edges)


def rivers(settings: BackdropSettings) -> dict[str, Any] | None:
    """Return rivers and lakes near the corridor, each with its names in our languages; None as for boundaries."""
    return _layer(settings.rivers, "rivers", _water)


def places(settings: BackdropSettings, bounds: Bounds) -> dict[str, Any]:
    """Return places near the corridor with their names in our languages, the larger first; without a file the towns within bounds."""
    if found := _layer(settings.places, "places", _points):
        return found
    west, south, east, north = bounds
    towns = (one for one in search.towns() if west <= one[1] <= east and south <= one[2] <= north)
    features = [_spot([names_of(name)[lang] for lang in LANGUAGES], lon, lat) for name, lon, lat in towns]
    return {"type": "FeatureCollection", "features": features}


Read = Any  # (feature, shape near the corridor) -> features


def _layer(path: Path | None, what: str, read: Read) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        return _features(path, path.stat().st_mtime_ns, read)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        log.warning("no %s: %s is no GeoJSON of them (%s)", what, path.name, error)
        return None


@lru_cache(maxsize=6)
def _features(path: Path, changed_ns: int, read: Read) -> dict[str, Any]:
    """Return what a file holds near the corridor, simplified to what a map can show; read anew when the file changes."""
    del changed_ns
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"more than {LARGEST_BYTES >> 20} MB")
    west, south, east, north = KARAKORAM
    near = (west - NEAR_DEG, south - NEAR_DEG, east + NEAR_DEG, north + NEAR_DEG)
    found = (one for one in json.loads(path.read_text(encoding="utf8"))["features"] if one["geometry"])
    return {
        "type": "FeatureCollection",
        "features": sorted((told for one in found for told in read(one, near)), key=_rank),
    }


def _rank(feature: Mapping[str, Any]) -> int:
    return int(feature["properties"].get("rank", 0))


def _edges(feature: Mapping[str, Any], near: Bounds) -> Iterator[dict[str, Any]]:
    whole = shape(feature["geometry"])
    yield from _drawn(whole.boundary if whole.geom_type.endswith("Polygon") else whole, near, {})


def _water(feature: Mapping[str, Any], near: Bounds) -> Iterator[dict[str, Any]]:
    yield from _drawn(shape(feature["geometry"]), near, {"names": _names(feature)})


def _drawn(whole: shapely.Geometry, near: Bounds, told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    clipped = shapely.clip_by_rect(whole, *near).simplify(CORNER_DEG)
    line = shapely.set_precision(clipped, 1e-5) if clipped.length > 0 else clipped
    if not line.is_empty and line.length > 0:
        yield {"type": "Feature", "properties": told, "geometry": mapping(line)}


def _points(feature: Mapping[str, Any], near: Bounds) -> Iterator[dict[str, Any]]:
    place = shape(feature["geometry"]).centroid
    names, rank = _names(feature), RANKS.get(feature["properties"].get("place", ""), len(RANKS))
    if names and near[0] <= place.x <= near[2] and near[1] <= place.y <= near[3]:
        yield _spot(names, round(place.x, 5), round(place.y, 5), rank)


def _spot(names: list[str], lon: float, lat: float, rank: int = 0) -> dict[str, Any]:
    spot = {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "Feature", "properties": {"names": names, "rank": rank}, "geometry": spot}


def _names(feature: Mapping[str, Any]) -> list[str]:
    """Return the names in our languages, empty where there is none: as the file tells them, else as we know them."""
    told = feature["properties"] or {}
    name = told.get("name") or told.get("name_en") or told.get("name:en")
    if not isinstance(name, str) or not name.strip():
        return []
    known = names_of(name.strip())
    return [str(told.get(f"name:{lang}") or told.get(f"name_{lang}") or known[lang]) for lang in LANGUAGES]
