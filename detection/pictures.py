"""Before and after, side by side: a small natural-colour picture of a change, which tells where its panels are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from PIL import Image, ImageDraw, ImageFont
from rasterio.windows import Window as RasterWindow
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from detection.arrays import Acquisition, Slices
from detection.grids import Grid, opened
from detection.output import replacing
from detection.regions import grow
from detection.sources import Scene, open_sources
from detection.windows import Plan, Reader, to_grid
from hazard_db.errors import DetectionError, RasterError
from hazard_db.panels import Layer, Panel, Panels

PANEL_PX = 480
SURROUNDINGS = 1.5
"""The picture reaches this many times the object's size beyond it on every side."""
SMALLEST_M, LARGEST_M = 600.0, 8000.0
"""Width of the ground shown."""
GAP_PX, CAPTION_PX = 8, 24
DARKEST_PERCENTILE, BRIGHTEST_PERCENTILE = 2, 98
NOT_SEEN = (128, 128, 128)
OUTLINE, PAPER, INK = (255, 208, 0), (255, 255, 255), (20, 20, 20)
COLOURS = (
    ("red", "green", "blue"),
    ("nir", "red", "green"),
    ("swir1", "nir", "red"),
    ("vv", "vh", "vv"),
    ("vv",) * 3,
    ("vh",) * 3,
)
"""Natural colours first; what else tells ground from plants where a band is missing."""
EVIDENCE: tuple[tuple[Layer, str, float], ...] = (("z", "score 0-10", 10.0), ("slope_deg", "slope 0-60°", 60.0))
"""Layer, its caption, and its value at white."""
PANELS_ACROSS = 2

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Shown:
    """A panel before it is drawn."""

    layer: Layer
    pixels: Pixels
    day: str | None = None
    platform: str | None = None
    caption: str = ""

    @property
    def text(self) -> str:
        return self.caption or " ".join(part for part in (self.day, self.platform) if part)


def before_after_png(
    before: Sequence[Path],
    after: Sequence[Path],
    geometry: Mapping[str, Any] | BaseGeometry,
    out: Path,
    *,
    bands: Sequence[str] | None = None,
    dates: Sequence[str] | None = None,
    evidence: Path | None = None,
) -> Path:
    """Return `out` after drawing a place on the clearest date before and after, with outline, dates and scale bar.

    Where the evidence of the run is given, the score and, as far as there was relief, the slope stand below.

    Parameters
    ----------
    before, after
        Rasters as for `detection.run.run_landslide`.
    geometry
        The change, EPSG:4326: GeoJSON or shapely.
    evidence
        What `run_landslide` wrote as `explain`, from the same rasters.

    Raises
    ------
    RasterError
        A raster cannot be used.
    DetectionError
        They do not show the place, or the picture cannot be written.
    """
    sources = open_sources(before, after, bands, dates)
    plan = Plan(sources.grid, sources.before, sources.after)
    place = geometry if isinstance(geometry, BaseGeometry) else shape(dict(geometry))
    mover = to_grid(plan.grid)
    moved = shapely.transform(place, lambda xy: np.column_stack(mover.transform(xy[:, 0], xy[:, 1])))
    window = _window(moved, plan.grid)
    with Reader(plan) as reader:
        # the dates next to the event show it best
        earlier, one = _clearest(reader, _shown(tuple(reversed(plan.before))), window)
        later, other = _clearest(reader, _shown(plan.after), window)
    names = next((trio for trio in COLOURS if all(set(trio) <= set(date.bands) for date in (one, other))), None)
    if names is None:
        raise DetectionError("the dates before and after have no three bands in common that make a picture")
    sides: tuple[tuple[Layer, Scene], ...] = (("before", earlier), ("after", later))
    panels = [
        _Shown(layer, pixels, f"{scene.acquired.at:%Y-%m-%d}", scene.platform)
        for (layer, scene), pixels in zip(
            sides, _stretched([_stack(date, names) for date in (one, other)]), strict=True
        )
    ]
    panels += _evidence_panels(evidence, window)
    rings = _rings(moved, plan.grid, window)
    image, told = _composed(panels, rings, plan.grid.pixel_m((window[0].start + window[0].stop) / 2))
    with replacing(out) as temporary:
        image.save(temporary, format="PNG", optimize=True, pnginfo=told.info)
    return out


def _shown(scenes: tuple[Scene, ...]) -> tuple[Scene, ...]:
    """Return the dates of reflectance, which people read at a glance; those of radar where there are no others."""
    return tuple(scene for scene in scenes if scene.look is None) or scenes


def _evidence_panels(evidence: Path | None, window: Slices) -> Iterator[_Shown]:
    """Yield the score and the slope of a window, with what the greys mean."""
    if evidence is None:
        return
    with opened(evidence, evidence.name) as raster:
        for name, text, most in EVIDENCE:
            if name in raster.descriptions:
                band = raster.read(raster.descriptions.index(name) + 1, window=RasterWindow.from_slices(*window))
                grey = np.nan_to_num(np.clip(band / most, 0, 1))[..., None] * 255
                pixels = np.where(np.isfinite(band)[..., None], grey, np.array(NOT_SEEN)).astype(np.uint8)
                yield _Shown(name, pixels, caption=text)


def _window(place: BaseGeometry, grid: Grid) -> Slices:
    """Return the pixels around a place: square on the ground, at least SMALLEST_M and at most LARGEST_M wide."""
    west, south, east, north = place.bounds
    inverse = ~grid.transform
    left, top = inverse @ (west, north)
    right, bottom = inverse @ (east, south)
    if right < 0 or bottom < 0 or left > grid.shape[1] or top > grid.shape[0]:
        raise DetectionError("the imagery does not show the place of the change")
    pixel_m = grid.pixel_m((top + bottom) / 2)
    size_m = max((bottom - top) * pixel_m[0], (right - left) * pixel_m[1]) * (1 + 2 * SURROUNDINGS)
    half_m = min(max(size_m, SMALLEST_M), LARGEST_M) / 2
    rows, cols = (
        slice(int(max(0, middle - half_m / size)), max(1, int(min(full, middle + half_m / size)) + 1))
        for middle, size, full in zip(((top + bottom) / 2, (left + right) / 2), pixel_m, grid.shape, strict=True)
    )
    return grow((rows, cols), grid.shape, 0)


def _clearest(reader: Reader, scenes: Sequence[Scene], window: Slices) -> tuple[Scene, Acquisition]:
    """Return the first date that shows nearly all of a window, else the one that shows most."""
    best: tuple[Scene, Acquisition] | None = None
    for scene in scenes:
        try:
            one = reader.acquisition(scene, window)
        except RasterError:
            if len(scenes) == 1:
                raise
            continue  # a damaged date has others beside it
        if best is None or one.usable.mean() > best[1].usable.mean():
            best = scene, one
        if best[1].usable.mean() > 0.95:
            break
    if best is None or not best[1].usable.any():
        raise DetectionError("no date shows the place of the change")
    return best


def _stack(one: Acquisition, names: Sequence[str]) -> npt.NDArray[np.float32]:
    return np.asarray(one.reflectance[[one.bands.index(name) for name in names]], dtype=np.float32)


def _stretched(pictures: Sequence[npt.NDArray[np.float32]]) -> list[Pixels]:
    """Return pictures (rows, cols, 3) of equal brightness scale, so that a difference is one of the ground."""
    low, high = [], []
    for band in range(3):
        values = np.concatenate([picture[band][np.isfinite(picture[band])] for picture in pictures])
        dark, bright = np.percentile(values, (DARKEST_PERCENTILE, BRIGHTEST_PERCENTILE))
        low.append(float(dark))
        high.append(float(max(bright, dark + 0.01)))
    done = []
    for picture in pictures:
        levels = [(band - dark) / (bright - dark) for band, dark, bright in zip(picture, low, high, strict=True)]
        shown = np.isfinite(np.sum(levels, axis=0))
        colours = np.stack([np.nan_to_num(np.clip(level, 0, 1)) ** 0.8 * 255 for level in levels], axis=-1)
        done.append(np.where(shown[..., None], colours, np.array(NOT_SEEN)).astype(np.uint8))
    return done


def _rings(place: BaseGeometry, grid: Grid, window: Slices) -> list[npt.NDArray[np.float64]]:
    """Return the outlines in pixels of the window, (n, 2) as col, row."""
    inverse = ~grid.transform
    rings = []
    for part in shapely.get_parts(place):
        for ring in shapely.get_rings(part) if part.geom_type == "Polygon" else [part]:
            xy = shapely.get_coordinates(ring)
            cols, rows = inverse.a * xy[:, 0] + inverse.c, inverse.e * xy[:, 1] + inverse.f
            rings.append(np.column_stack([cols - window[1].start, rows - window[0].start]))
    return rings


def _composed(
    panels: Sequence[_Shown],
    rings: Sequence[npt.NDArray[np.float64]],
    pixel_m: tuple[float, float],
) -> tuple[Image.Image, Panels]:
    """Return the panels two by two, drawn to the same scale both ways, and where each is."""
    rows, cols = panels[0].pixels.shape[:2]
    ground = (cols * pixel_m[1], rows * pixel_m[0])
    scale = PANEL_PX / max(ground)
    width, height = (max(1, round(side * scale)) for side in ground)
    lines = -(-len(panels) // PANELS_ACROSS)
    image = Image.new("RGB", (2 * width + GAP_PX, lines * (height + CAPTION_PX) + CAPTION_PX), PAPER)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=14)
    placed = []
    for number, panel in enumerate(panels):
        line, place = divmod(number, PANELS_ACROSS)
        left, top = place * (width + GAP_PX), line * (height + CAPTION_PX)
        big = Image.fromarray(panel.pixels).resize(
            (width, height), Image.Resampling.NEAREST if cols < width else Image.Resampling.BOX
        )
        canvas = ImageDraw.Draw(big)
        for ring in rings:
            points = ring * np.array([width / cols, height / rows])
            if len(points) > 1:
                canvas.line([(float(x), float(y)) for x, y in points], fill=OUTLINE, width=2)
        image.paste(big, (left, top + CAPTION_PX))
        box = (left, top + CAPTION_PX, left + width, top + CAPTION_PX + height)
        placed.append(Panel(layer=panel.layer, box=box, day=panel.day, platform=panel.platform))
        draw.text((left + width / 2, top + CAPTION_PX / 2), panel.text, fill=INK, font=font, anchor="mm")
    _scale_bar(draw, font, width, image.height - CAPTION_PX / 2, scale)
    return image, Panels(panels=tuple(placed), width_m=round(ground[0], 1))


def _scale_bar(draw: ImageDraw.ImageDraw, font: Any, width: int, level: float, scale: float) -> None:
    """Draw a bar of a round length below the left panels."""
    longest_m = 0.4 * width / scale
    step = 10.0 ** np.floor(np.log10(longest_m))
    length_m = max(factor * step for factor in (1, 2, 5) if factor * step <= longest_m)
    left = 6
    right = left + length_m * scale
    draw.line([(left, level), (right, level)], fill=INK, width=3)
    text = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    draw.text((right + 8, level), text, fill=INK, font=font, anchor="lm")
