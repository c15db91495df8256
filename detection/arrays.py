"""The arrays that detectors exchange. Mask convention, everywhere: True = usable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Slices = tuple[slice, slice]
"""Rows and columns of a window."""
EIGHT = np.ones((3, 3), dtype=np.bool_)
"""A pixel and its eight neighbours, which count as connected."""

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
RADAR_BANDS = ("vh", "vv")


class NotEnoughDataError(ValueError):
    """There is too little to see in the given dates for the method to say anything."""


@dataclass(frozen=True)
class Acquisition:
    """One date of imagery on the output grid."""

    acquired_at: datetime
    """Timezone-aware."""
    bands: tuple[str, ...]
    """Names out of BANDS, or out of RADAR_BANDS, in the order of the first axis."""
    reflectance: FloatArray
    """(bands, rows, cols), surface reflectance 0-1, of radar the backscatter in dB; NaN where not usable."""
    usable: BoolArray
    """(rows, cols), True = clear, inside the scene, not cloud, shadow of cloud, snow or nodata."""
    sun_elevation_deg: float
    sun_azimuth_deg: float
    """Clockwise from north."""
    orbit: str = ""
    """Radar: what dates of one viewing geometry have in common, such as `ascending`."""
    incidence_deg: float | None = None
    """Radar: angle of the look from the vertical at level ground; None = not told."""
    look_azimuth_deg: float | None = None
    """Radar: direction in which the satellite looks, clockwise from north."""
    sunlit: BoolArray | None = None
    """(rows, cols), True where no relief stands before the sun; None = to be found from the relief of the block."""
    hidden: npt.NDArray[np.uint8] | None = None
    """(rows, cols), what hides the ground by the codes of `detection.hiding`, 0 where usable; None = not told."""

    @property
    def is_radar(self) -> bool:
        """Whether the bands are those of a radar."""
        return self.bands[0] in RADAR_BANDS


@dataclass(frozen=True)
class Terrain:
    """Relief on the output grid."""

    elevation_m: FloatArray
    """(rows, cols), NaN = unknown."""
    slope_deg: FloatArray
    aspect_deg: FloatArray
    """Direction the slope faces (downslope), clockwise from north."""


@dataclass(frozen=True)
class Block:
    """A window of the output grid with everything that was observed of it; dates in any order, bands may differ."""

    before: tuple[Acquisition, ...]
    after: tuple[Acquisition, ...]
    terrain: Terrain | None
    pixel_m: tuple[float, float]
    """Ground size of a pixel, (northing, easting), metres."""
    spare: bool = False
    """Nobody needs the reflectance any more once the block is scored: it may be overwritten."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols) of the block."""
        rows, cols = self.before[0].usable.shape
        return rows, cols


@dataclass(frozen=True)
class Score:
    """What a detector says of each pixel of a block."""

    z: FloatArray
    """(rows, cols), standardised change score, NaN where not observed."""
    observed: BoolArray
    """(rows, cols), True where a before and an after date saw the pixel."""
    first_after: npt.NDArray[np.int16]
    """(rows, cols), index into `after` of the earliest date that shows the change, -1 = none."""
    last_quiet: npt.NDArray[np.int16]
    """(rows, cols), index into `before + after` of the last date before it that shows none, -1 = none."""
    layers: dict[str, FloatArray] = field(default_factory=dict)
    """Further evidence per pixel, (rows, cols) each, that `candidates` reads; travels with z (see blocks.crop_score)."""


@dataclass(frozen=True)
class Candidate:
    """One object of connected changed pixels, in pixel coordinates of the array it was found in."""

    label: int
    rows: npt.NDArray[np.int32]
    cols: npt.NDArray[np.int32]
    confidence: float
    """Probability 0-1 that it is a real landslide change."""
    magnitude: float
    """Mean standardised score."""
    mean_slope_deg: float | None
    observed_share: float
    """Share of the object's surroundings that could be seen, 0-1."""
    features: dict[str, float]
    evidence: str = "optical"
    """What it was seen in: `optical`, `sar` or `both`."""


class Detector(Protocol):
    """What every entry of DETECTORS is: validated parameters, and three calls in this order."""

    @property
    def halo_px(self) -> int:
        """Pixels that `score` wants to see around the ones it is asked for."""
        ...

    def model_dump(self) -> dict[str, Any]:
        """Return the parameters, to be stored with the run."""
        ...

    def fit(self, blocks: Iterable[Block]) -> Any:
        """Return the statistics of the whole scene out of one pass over its blocks; raises NotEnoughDataError."""
        ...

    def score(self, block: Block, model: Any) -> Score:
        """Return the change score of each pixel of a block (with its halo, to be cropped by the caller)."""
        ...

    def candidates(self, score: Score, block: Block) -> list[Candidate]:
        """Return the objects of an array of any size whose score has been put together from blocks."""
        ...
