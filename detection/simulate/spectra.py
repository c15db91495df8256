"""Surface reflectance of the simulated mountains, per band of BANDS.

Rounded values of our own choice in the range of common spectral libraries; only their contrasts matter. The scar
spectra of TRAIN_SCARS and those drawn by `varied_scars` may serve to choose thresholds and coefficients; CHECK_SCARS show
whether a choice holds for spectra that nothing was fitted on, and may decide between methods; TEST_SCARS never.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from detection.arrays import FloatArray

Spectra = Literal["train", "test"]
ScarSpectra = Literal["train", "test", "varied", "check"]
Spectrum = tuple[float, float, float, float, float, float]

SURFACES: dict[str, Spectrum] = {
    "dark rock": (0.085, 0.100, 0.115, 0.150, 0.190, 0.175),
    "light rock": (0.170, 0.200, 0.225, 0.265, 0.300, 0.270),
    "scree": (0.125, 0.150, 0.175, 0.215, 0.265, 0.245),
    "soil": (0.080, 0.110, 0.145, 0.210, 0.310, 0.265),
    "shrub": (0.050, 0.075, 0.075, 0.250, 0.210, 0.130),
    "forest": (0.022, 0.040, 0.028, 0.270, 0.130, 0.058),
}
SNOW: Spectrum = (0.86, 0.85, 0.83, 0.74, 0.13, 0.09)
WATER: Spectrum = (0.110, 0.140, 0.120, 0.055, 0.018, 0.012)
CROP: Spectrum = (0.035, 0.070, 0.045, 0.420, 0.220, 0.110)
FALLOW: Spectrum = (0.095, 0.130, 0.170, 0.240, 0.330, 0.290)
CLOUD: Spectrum = (0.52, 0.52, 0.53, 0.56, 0.44, 0.35)

TRAIN_SCARS: dict[str, Spectrum] = {
    "pale granite": (0.27, 0.31, 0.34, 0.39, 0.42, 0.38),
    "grey debris": (0.20, 0.225, 0.245, 0.275, 0.315, 0.295),
    "brown soil": (0.095, 0.135, 0.185, 0.260, 0.370, 0.320),
    "wet debris": (0.070, 0.083, 0.095, 0.115, 0.105, 0.080),
    "red earth": (0.070, 0.105, 0.190, 0.270, 0.390, 0.330),
}
TEST_SCARS: dict[str, Spectrum] = {
    "white gneiss": (0.31, 0.335, 0.355, 0.38, 0.395, 0.365),
    "dark slate": (0.060, 0.068, 0.074, 0.088, 0.110, 0.105),
    "ochre till": (0.120, 0.165, 0.225, 0.290, 0.345, 0.290),
    "damp loam": (0.050, 0.072, 0.098, 0.145, 0.175, 0.130),
    "blue-grey shale": (0.165, 0.180, 0.185, 0.200, 0.225, 0.195),
    "dry moraine": (0.185, 0.215, 0.245, 0.290, 0.350, 0.325),
}
CHECK_SCARS: dict[str, Spectrum] = {
    "chalk": (0.285, 0.325, 0.350, 0.395, 0.400, 0.325),
    "graphite schist": (0.066, 0.072, 0.080, 0.098, 0.128, 0.122),
    "rusty shale": (0.085, 0.120, 0.200, 0.250, 0.300, 0.255),
    "damp clay": (0.072, 0.098, 0.125, 0.170, 0.180, 0.135),
    "serpentinite": (0.120, 0.145, 0.148, 0.170, 0.215, 0.175),
    "sandy fan": (0.165, 0.205, 0.250, 0.300, 0.370, 0.335),
}


def varied_scars(rng: np.random.Generator, number: int = 6) -> dict[str, Spectrum]:
    """Return scar spectra drawn anew: dark to bright, grey to red, dry to wet, as bare rock and soil range."""
    drawn: dict[str, Spectrum] = {}
    for index in range(number):
        nir = float(np.exp(rng.uniform(np.log(0.08), np.log(0.42))))
        red = nir / float(rng.uniform(1.05, 1.5))
        blue = red / float(rng.uniform(1.1, 2.6))
        green = blue + (red - blue) * float(rng.uniform(0.3, 0.6))
        swir1 = nir * float(rng.uniform(0.9, 1.5))
        swir2 = swir1 * float(rng.uniform(0.76, 0.97))
        drawn[f"drawn {index + 1}"] = (blue, green, red, nir, min(swir1, 0.5), min(swir2, 0.48))
    return drawn


def scars(spectra: ScarSpectra, seed: int) -> dict[str, Spectrum]:
    """Return the scar spectra of a scene."""
    if spectra == "varied":
        return varied_scars(np.random.default_rng([seed, 20]))
    return {"train": TRAIN_SCARS, "test": TEST_SCARS, "check": CHECK_SCARS}[spectra]


ICE_OF: dict[str, tuple[Spectrum, ...]] = {
    "train": ((0.46, 0.44, 0.39, 0.29, 0.030, 0.022), (0.34, 0.33, 0.30, 0.23, 0.036, 0.028)),
    "test": (
        (0.52, 0.50, 0.45, 0.34, 0.025, 0.018),
        (0.29, 0.29, 0.27, 0.21, 0.045, 0.034),
        (0.40, 0.37, 0.33, 0.25, 0.028, 0.020),
    ),
}
TILL_OF: dict[str, tuple[Spectrum, ...]] = {
    "train": ((0.13, 0.145, 0.155, 0.170, 0.180, 0.165), (0.19, 0.205, 0.215, 0.235, 0.245, 0.225)),
    "test": ((0.115, 0.125, 0.132, 0.142, 0.150, 0.138), (0.165, 0.185, 0.200, 0.220, 0.225, 0.200)),
}
"""Rock on the ice is damp and freshly broken: darker in the short-wave infrared than the weathered ground beside it."""
TURBID_OF: dict[str, tuple[Spectrum, ...]] = {
    "train": (
        (0.110, 0.140, 0.120, 0.055, 0.018, 0.012),
        (0.17, 0.22, 0.20, 0.105, 0.022, 0.014),
        (0.03, 0.04, 0.025, 0.012, 0.006, 0.004),
    ),
    "test": (
        (0.140, 0.175, 0.145, 0.070, 0.020, 0.013),
        (0.19, 0.245, 0.225, 0.125, 0.025, 0.016),
        (0.045, 0.055, 0.035, 0.016, 0.008, 0.005),
    ),
}
"""Lakes from glacier milk to clear."""
LAKE_ICE: Spectrum = (0.55, 0.54, 0.50, 0.40, 0.060, 0.045)


def column(spectrum: Spectrum) -> FloatArray:
    """Return a spectrum as (bands, 1, 1)."""
    return np.array(spectrum, dtype=np.float32)[:, None, None]
