"""Reflectance of one sensor as another would have seen it: bands of one name do not cover the same wavelengths.

All lines lead to the Operational Land Imager (Landsat 8 and 9), as in the harmonised product HLS [@Claverie2018].
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from detection.bands import landsat_number
from detection.rasterfiles import Layer

OLI, ETM, MSI = "oli", "etm", "msi"
_OLI_FROM = 8
_MSI = re.compile(r"(?:^|[^A-Z0-9])S(?:ENTINEL)?[-_ ]?2([A-D])(?:[^A-Z0-9]|$)", re.IGNORECASE)
_HLS = re.compile(r"^HLS[.\-_]?[LS]30\b", re.IGNORECASE)
_FAMILY = re.compile(r"(sentinel|landsat)[-_ ]?(\d)([a-d]?)$", re.IGNORECASE)
PLATFORM_TAGS = ("platform", "SPACECRAFT_NAME", "SPACECRAFT_ID", "sensor")
"""Tags that name the satellite, the surest first."""

Line = tuple[float, float]
"""Slope and offset: reflectance of OLI = slope * reflectance + offset."""

TO_OLI: Mapping[str, Mapping[str, Line]] = {
    OLI: {},
    "msi-a": {
        "blue": (0.9778, -0.0040), "green": (1.0053, -0.0009), "red": (0.9765, 0.0009),
        "swir1": (0.9987, -0.0011), "swir2": (1.0030, -0.0012),
    },
    "msi-b": {
        "blue": (0.9778, -0.0040), "green": (1.0075, -0.0008), "red": (0.9761, 0.0010),
        "swir1": (1.0000, -0.0003), "swir2": (0.9867, 0.0004),
    },
    ETM: {
        "blue": (0.9785, -0.0095), "green": (0.9542, -0.0016), "red": (0.9825, -0.0022),
        "nir": (1.0073, -0.0021), "swir1": (1.0171, -0.0030), "swir2": (0.9949, 0.0029),
    },
}  # fmt: skip
"""Bandpass -> band -> line; a band that is not told stays as it is.

MSI: bandpass adjustment of HLS [@Claverie2018], numbers of [@HLSBandpass]. HLS leaves the wide near infrared B08, which is
what `nir` is here, as it is. ETM+ (and TM, for want of its own): reduced major axis of surface reflectance, table 2 of
[@Roy2016], since both sensors err; the least squares lines of that table would draw dark ground up to 0.04.
"""
STAND_INS: Mapping[str, str] = {"msi-c": "msi-a", "msi-d": "msi-a"}
"""Bandpass without published lines -> that of a sister."""


def bandpass_of(tags: Mapping[str, str], stem: str) -> str | None:
    """Return a key of TO_OLI or of STAND_INS by a file's tags and name; None where neither tells the sensor."""
    if tags.get("bandpass") == OLI or any(_HLS.match(text) for text in (stem, tags.get("product", ""))):
        return OLI  # adjusted already, whatever satellite it comes from
    told = [tags.get(name, "") for name in ("platform", "sensor", "SPACECRAFT_ID", "SPACECRAFT_NAME", "product")]
    for text in (*told, stem):
        if match := _MSI.search(text):
            return f"{MSI}-{match[1].lower()}"
        if (number := landsat_number(text)) is not None:
            return OLI if number >= _OLI_FROM else ETM
    return None


def platform_of(tags: Mapping[str, str]) -> str | None:
    """Return the satellite as people call it, such as `Sentinel-2A` or `Landsat 8`; None where no tag tells it."""
    named = (tags.get(name, "").strip(" -") for name in PLATFORM_TAGS)
    told = next((one for one in named if one and one.lower() != "unknown"), "")
    if match := _FAMILY.match(told):
        family, number, letter = match.groups()
        return f"Landsat {number}" if family.lower() == "landsat" else f"Sentinel-{number}{letter.upper()}"
    return told or None


def differ(bandpasses: Iterable[str | None]) -> bool:
    """Return whether known ones among them are not all the same."""
    return len(set(bandpasses) - {None}) > 1


def as_oli(layers: Sequence[Layer], bandpass: str) -> tuple[Layer, ...]:
    """Return layers whose numbers mean what OLI would have seen; what is stored is not touched."""
    lines = TO_OLI[STAND_INS.get(bandpass, bandpass)]
    found = []
    for layer in layers:
        slope, offset = lines.get(layer.name, (1.0, 0.0))
        found.append(replace(layer, scale=slope * layer.scale, offset=slope * layer.offset + offset))
    return tuple(found)
