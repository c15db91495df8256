"""What may differ from one simulated world to the next: ground, air, optics and slides."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from detection.arrays import FloatArray
from detection.simulate import spectra
from detection.simulate.sensor import HAZE

Range = tuple[float, float]


def _surfaces() -> FloatArray:
    return np.array(list(spectra.SURFACES.values()), dtype=np.float32)


@dataclass(frozen=True)
class World:
    """The constants of the simulator; each scene draws within the ranges."""

    surfaces: FloatArray = field(default_factory=_surfaces)
    """(surfaces, bands), reflectance in the order of SURFACES and BANDS."""
    cloud: FloatArray = field(default_factory=lambda: np.array(spectra.CLOUD, dtype=np.float32))
    """(bands,)."""
    haze: FloatArray = field(default_factory=lambda: HAZE)
    """(bands,), reflectance of the thickest veil."""
    psf_px: float = 0.55
    jitter_px: float = 0.25
    noise: float = 0.01
    """Share of the signal."""
    gain: float = 0.04
    """Standard deviation of the logarithm, by date and band."""
    cloud_cover: Range = (0.0, 0.18)
    dryness: Range = (0.0, 0.45)
    """Of shrubs, towards bare soil, by date."""
    snowline_m: float = 100.0
    """Standard deviation from date to date."""
    mixing: Range = (0.35, 0.95)
    """Share of the ground that shows the scar."""
    length_to_width: Range = (2.5, 6.0)

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> World:
        """Return a world drawn at random: what is fitted on many of them leans on no constant of any."""
        ground = _surfaces()
        ground = ground * np.exp(rng.normal(0, 0.2, (len(ground), 1)) + rng.normal(0, 0.07, ground.shape))
        return cls(
            surfaces=np.clip(ground, 0.01, 0.6).astype(np.float32),
            cloud=np.array(spectra.CLOUD, dtype=np.float32) * np.float32(rng.uniform(0.75, 1.3)),
            haze=HAZE * np.float32(np.exp(rng.uniform(-0.7, 0.9))),
            psf_px=float(rng.uniform(0.35, 0.9)),
            jitter_px=float(rng.uniform(0.05, 0.4)),
            noise=float(np.exp(rng.uniform(np.log(0.005), np.log(0.03)))),
            gain=float(rng.uniform(0.01, 0.08)),
            cloud_cover=(0.0, float(rng.uniform(0.05, 0.35))),
            dryness=(0.0, float(rng.uniform(0.1, 0.8))),
            snowline_m=float(rng.uniform(20, 200)),
            mixing=(float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.8, 1.0))),
            length_to_width=(float(rng.uniform(1.3, 2.5)), float(rng.uniform(3.0, 7.0))),
        )
