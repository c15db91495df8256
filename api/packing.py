"""Maps as files: what a map would ask for goes inside, as much of it as a file can bear."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from api import scenetiles
from api.backdrop import TILES, BackdropSettings, below, drawable
from api.charts import Asked, Kind, Source, draw, telling
from api.inlining import Inlined
from api.opening import Catalogue
from api.settings import ApiSettings
from hazard_db import connect, drawing, drawing_scenes, published, published_tiles
from hazard_db.connect import Connection
from hazard_db.errors import InputError, MapError
from hazard_db.published import Condition, Page
from hazard_db.wording import LANGUAGES
from maps import chart, terrain
from maps.chart import Below, Bounds
from maps.layers import Telling
from maps.pages import as_file
from maps.tiles import Place, shared, within

MARGIN = 0.25
"""Tiles reach this share of a map's size beyond what is seen at first."""
MAIL_BYTES = 900_000
"""Of terrain in a file for e-mail."""
PACK_BYTES = 24_000_000
"""Of all tiles in a pack."""
LOWEST_ZOOM, POINTS_ZOOM, SCENE_ZOOM = 5, 14, 15
MOST = 20_000
"""Records of a kind in a pack."""
FEWEST_SCENES = 2


@dataclass
class Pack:
    """Address -> Base64 of what is found there, up to so many bytes."""

    most_bytes: int
    held: dict[str, str] = field(default_factory=dict)
    used: int = 0

    def add(
        self, address: str, zooms: Iterable[tuple[int, Iterable[Place]]], make: Callable[[Place], bytes]
    ) -> int | None:
        """Return the highest zoom of which every tile is inside, None where not even the first has room; empty tiles need none."""
        reached = None
        for zoom, places in zooms:
            found: dict[str, str] = {}
            size = 0
            for place in places:
                body = make(place)
                size += len(body) * 4 // 3
                if self.used + size > self.most_bytes:
                    return reached
                if body:
                    z, y, x = place
                    found[address.format(z=z, y=y, x=x)] = base64.b64encode(body).decode()
            self.held |= found
            self.used += size
            reached = zoom
        return reached


def ground(pack: Pack, settings: BackdropSettings, home: Path, bounds: Bounds) -> Below:
    """Return what lies below a map that is a file, after packing the tiles of its terrain."""
    found, shown = drawable(settings), below(settings, bounds, others=False)
    if found is None or shown.ground is None:
        return shown
    around = _wider(bounds)
    zooms = ((zoom, found.tiles(around, zoom)) for zoom in range(LOWEST_ZOOM, found.closest + 1))
    reached = pack.add(shown.ground.address, zooms, lambda place: terrain.tile(found, place, home / TILES))
    return replace(shown, ground=None if reached is None else replace(shown.ground, closest=reached))


def written(
    asked: Asked, source: Source, tell: Telling, home: Path, *, base: str | None, pack: Pack, settings: BackdropSettings | None = None,
) -> str:  # fmt: skip
    """Return a map as one file that needs no network."""
    inlined = Inlined(home)
    told = replace(
        tell,
        link=lambda path: urljoin(base + "/", path.lstrip("/")) if base else None,
        picture=inlined.picture,
        swipe=inlined.swipe,
        sides=inlined.sides,
        save=None,
    )
    given = settings or BackdropSettings()
    page = draw(asked, replace(source, below=lambda bounds: ground(pack, given, home, bounds)), told)
    return as_file(page, told, base, pack.held)


def write_map(
    catalogue: Catalogue, kind: Kind, out: Path, *, lang: str = "en", km_from: float | None = None, km_to: float | None = None,
    change_id: int | None = None,
) -> Path:  # fmt: skip
    """Return `out` after writing a map as one file that needs no network; it holds all that the catalogue's keeper may see.

    Raises
    ------
    InputError
        There is no such language.
    MapError
        The file cannot be written, or what maps are drawn with is not there.
    """
    tell = replace(_telling(lang), tiles=False)
    asked = Asked(kind, km_from, km_to, change_id)
    html = written(asked, _source(catalogue), tell, catalogue.home, base=ApiSettings().base_url, pack=Pack(MAIL_BYTES))
    return _kept(html, out)


def write_pack(
    catalogue: Catalogue, out: Path, km_from: float, km_to: float, *, lang: str = "en", scenes: tuple[str, ...] = ()
) -> Path:
    """Return `out` after writing a stretch with its tiles: terrain, measured points, and pictures to compare.

    Parameters
    ----------
    scenes
        Two scenes to be laid beside each other; without them the oldest and the newest of the stretch.

    Raises
    ------
    InputError
        There is no such language.
    NotFoundError
        There is no such scene.
    MapError
        The file cannot be written, or what maps are drawn with is not there.
    """
    tell, pack, home = _telling(lang), Pack(PACK_BYTES), catalogue.home
    asked = Asked("segment", km_from, km_to, most=MOST)
    with connect.transaction(catalogue.engine) as conn:
        bounds = _stretch(conn, km_from, km_to)
        shown = _scenes(conn, pack, home, bounds, scenes)
        reached = _points(conn, pack, km_from, km_to, bounds)
    tell = replace(tell, cells=False, scenes=shown, points_closest=reached)
    html = written(asked, _source(catalogue), tell, home, base=ApiSettings().base_url, pack=pack)
    return _kept(html, out)


def _stretch(conn: Connection, km_from: float, km_to: float) -> Bounds:
    rows = drawing.segments(conn, drawing.View(km_from, km_to)).rows
    corners = [corner for row in rows for corner in row["geometry"]["coordinates"]]
    if not corners:
        raise InputError(f"the road has no kilometre between {km_from:g} and {km_to:g}")
    lons, lats = zip(*corners, strict=True)
    return min(lons), min(lats), max(lons), max(lats)


def _scenes(
    conn: Connection, pack: Pack, home: Path, bounds: Bounds, wanted: tuple[str, ...]
) -> list[Mapping[str, Any]]:
    """Return the scenes that a pack carries, after packing their tiles; none where there are not two."""
    if wanted:
        found = [drawing_scenes.one(conn, one, restricted=True) for one in wanted]
    else:
        every = [one for one in drawing_scenes.around(conn, bounds, restricted=True) if scenetiles.bands(one["assets"])]
        found = [every[-1], every[0]] if len(every) >= FEWEST_SCENES else []
    shown: list[Mapping[str, Any]] = []
    for scene in sorted(found, key=lambda one: one["acquired_at"], reverse=True):
        told, bands = scenetiles.told(scene), scenetiles.bands(scene["assets"])
        if told is None or bands is None:
            raise InputError(f"scene {scene['id']} has no bands that make a picture")
        around = shared(_wider(bounds), tuple(scene["bounds"]))
        zooms = ((zoom, _tiles(around, zoom)) for zoom in range(LOWEST_ZOOM, min(told["closest"], SCENE_ZOOM) + 1))
        checksum = scene["checksum"]
        reached = pack.add(told["tiles"], zooms, lambda place, b=bands, c=checksum: scenetiles.tile(b, home, c, place))  # type: ignore[misc]
        if reached is not None:
            shown.append({**told, "closest": reached})
    return shown


def _points(conn: Connection, pack: Pack, km_from: float, km_to: float, bounds: Bounds) -> int | None:
    """Return the highest zoom of which all measured points of the stretch are inside."""
    measured = next(one for one in published.collections(conn) if one.name == "displacement_points")
    reached: int | None = None
    for row in drawing.points(conn, drawing.View(km_from, km_to)).rows:
        around = shared(_wider(bounds), tuple(row["bounds"]))
        page = Page(
            where=(Condition('t."set_id" = %(set_id)s', {"set_id": row["id"]}),), properties=("velocity_mm_yr",)
        )
        zooms = ((zoom, _tiles(around, zoom)) for zoom in range(LOWEST_ZOOM, POINTS_ZOOM + 1))
        got = pack.add(
            chart.points_address(row["id"]), zooms,
            lambda place, p=page: published_tiles.tile(conn, measured, (place[0], place[2], place[1]), p),  # type: ignore[misc]
        )  # fmt: skip
        reached = got if reached is None or got is None else min(reached, got)
    return reached


def _tiles(bounds: Bounds | None, zoom: int) -> Iterable[Place]:
    return within(bounds, zoom) if bounds else ()


def _wider(bounds: Bounds) -> Bounds:
    west, south, east, north = bounds
    wide, high = max(MARGIN * (east - west), 0.02), max(MARGIN * (north - south), 0.02)
    return west - wide, south - high, east + wide, north + high


def _telling(lang: str) -> Telling:
    if lang not in LANGUAGES:
        raise InputError(f"language {lang!r}: use {', '.join(LANGUAGES)}")
    return telling(lang)


def _source(catalogue: Catalogue) -> Source:
    def reading() -> Any:
        return connect.transaction(catalogue.engine)

    return Source(reading, reading, inside=True)


def _kept(html: str, out: Path) -> Path:
    """Return `out` after writing it, whole or not at all."""
    part = out.with_name(f".{out.name}.part")
    try:
        part.write_text(html, encoding="utf8")
        part.replace(out)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise MapError(f"{out}: cannot be written ({error.strerror})") from error
    return out
