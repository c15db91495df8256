"""What a product says of its scene: the layers, how numbers become reflectance, when, under which sun."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
QUALITY = ("scl", "qa_pixel")
RADAR_BANDS = ("vv", "vh")


@dataclass(frozen=True)
class Layer:
    """One band of one file, and what its numbers mean."""

    name: str
    """Out of BANDS, QUALITY or RADAR_BANDS."""
    member: str
    """Name of the file inside the bundle."""
    href: str
    """The same as GDAL opens it."""
    band: int = 1
    """Counted from 1."""
    scale: float = 1.0
    offset: float = 0.0
    """reflectance = number * scale + offset; for quality layers 1 and 0."""
    nodata: float | None = None
    """Fill that the product defines beyond what the file itself declares."""
    opener: Callable[..., Any] | None = field(default=None, compare=False)
    """How the file is opened where it lies in an archive; None = by GDAL."""
    recode: Mapping[int, int] | None = field(default=None, compare=False)
    """Bit of a quality layer's own numbers -> bit of QA_PIXEL, where they are told otherwise."""


@dataclass(frozen=True)
class Options:
    """What the user said where the files are silent."""

    date: datetime | None = None
    """Timezone-aware; midnight where only the day is known."""
    bands: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Radar:
    """How a date of radar was taken, and what its numbers are."""

    unit: str
    """`power`, `amplitude` or `decibel`."""
    direction: str | None
    """`ascending` or `descending`; None = the hour tells."""
    relative_orbit: str | None
    incidence_deg: float | None
    look_azimuth_deg: float | None


@dataclass(frozen=True)
class SceneSource:
    """A scene as delivered, before any pixel is read."""

    name: str
    """The product's own identifier, else the file's name and date."""
    collection: str
    sensor: str
    acquired_at: datetime
    acquired_precision: str
    """`second`, or `day` where the hour is assumed."""
    bands: tuple[Layer, ...]
    quality: Layer | None
    members: tuple[str, ...]
    """Every file that the scene is made from; its checksum is taken over these."""
    acquisition: str
    """The same for every processing of one acquisition of one place."""
    sun: tuple[float, float] | None = None
    """Elevation and azimuth in degrees; None = to be computed."""
    cloud_cover: float | None = None
    grid_tile: str | None = None
    baseline: str | None = None
    generated_at: str | None = None
    expected: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """member -> (hash algorithm, hex digest) as the product's own manifest has it."""
    notes: tuple[str, ...] = ()
    radar: Radar | None = None
    """None = reflectance."""
    all_zero_is_nodata: bool = False
    """No fill value was declared: where every band is 0 there is no image."""
