"""Which band is which: descriptions, band numbers by sensor, file names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from detection.arrays import BANDS, RADAR_BANDS
from hazard_db.errors import RasterError

QUALITY = ("scl", "qa_pixel")
SKIP = "-"

SENTINEL2 = {"2": "blue", "3": "green", "4": "red", "8": "nir", "8A": "nir", "11": "swir1", "12": "swir2"}
LANDSAT_OLI = {"2": "blue", "3": "green", "4": "red", "5": "nir", "6": "swir1", "7": "swir2"}
LANDSAT_TM = {"1": "blue", "2": "green", "3": "red", "4": "nir", "5": "swir1", "7": "swir2"}
ALIASES = {
    "swir16": "swir1", "swir22": "swir2", "nir08": "nir", "qa": "qa_pixel", "pixel_qa": "qa_pixel",
    "r": "red", "g": "green", "b": "blue",
}  # fmt: skip

_NUMBER = re.compile(r"^(SR_)?B(0?)(\d{1,2}A?)$", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?:^|[._\- ])((?:SR_)?B\d{1,2}A?|blue|green|red|nir08|nir|swir1|swir2|swir16|swir22|scl|qa_pixel|vh|vv)(?:[._]\d{2}m)?$",
    re.IGNORECASE,
)
_LANDSAT_PLATFORM = re.compile(r"L[COTEM]0?([4-9])(?:_|$)|LANDSAT[-_ ]?([4-9])", re.IGNORECASE)
_OLI_FROM = 8
_SENTINEL2_ONLY = frozenset({"8A", "12"})
_OTHER_ON_LANDSAT = frozenset({"1", "5", "6", "7"})


def split_name(stem: str) -> tuple[str, str] | None:
    """Return a one-band file's name without its band, and the band; None where the name names none."""
    match = _TOKEN.search(stem)
    return None if match is None else (stem[: match.start()].rstrip("._- "), match[1])


def landsat_number(*texts: str) -> int | None:
    """Return which Landsat (4-9) file names or tags speak of; None where none."""
    for text in texts:
        if match := _LANDSAT_PLATFORM.search(text):
            return int(match[1] or match[2])
    return None


def name_bands(raw: Sequence[str], label: str, landsat: int | None = None) -> list[str]:
    """Return the name out of BANDS, RADAR_BANDS or QUALITY for each described band, empty for those not used.

    Band numbers are Sentinel-2's unless the file is Landsat's; numbers that could be either are refused.

    Raises
    ------
    RasterError
        A band could be two different ones, or is there twice.
    """
    texts = [text.strip() for text in raw]
    matches = [_NUMBER.match(text) for text in texts]
    surface = any(match and match[1] for match in matches)  # "SR_B2" is Landsat's way of writing
    unpadded = {match[3].upper() for match in matches if match and not match[2]}
    table = SENTINEL2
    if landsat is not None:
        table = LANDSAT_OLI if landsat >= _OLI_FROM else LANDSAT_TM
    elif surface and not unpadded & {"1"}:
        table = LANDSAT_OLI
    elif surface or (unpadded & _OTHER_ON_LANDSAT and not unpadded & _SENTINEL2_ONLY):
        raise RasterError(
            f"{label}: bands {', '.join(f'B{number}' for number in sorted(unpadded))} mean different things on Sentinel-2 and "
            f"Landsat; name them with --bands, for example --bands {','.join(BANDS)}"
        )
    numbers = [match[3].upper() if match else "" for match in matches]
    names = [table.get(number, "") if number else _plain(text) for text, number in zip(texts, numbers, strict=True)]
    if "8" in numbers and table is SENTINEL2:  # the narrow near infrared only stands in for the missing wide one
        names = ["" if number == "8A" else name for name, number in zip(names, numbers, strict=True)]
    return _once(names, label)


def name_given(given: Sequence[str], label: str) -> list[str]:
    """Return the bands that the user named, empty where `-` leaves one out.

    Raises
    ------
    RasterError
        A name is not one, or is given twice.
    """
    names = []
    for wanted in (text.strip() for text in given):
        match = _NUMBER.match(wanted)
        name = SENTINEL2.get(match[3].upper(), "") if match else _plain(wanted)
        if not name and wanted != SKIP:
            raise RasterError(
                f"--bands: '{wanted}' is not a band; use {', '.join((*BANDS, *QUALITY, *RADAR_BANDS))}, B02... or -"
            )
        names.append(name)
    return _once(names, label)


def _plain(text: str) -> str:
    lower = text.lower()
    if lower in (*BANDS, *RADAR_BANDS, *QUALITY):
        return lower
    return ALIASES.get(lower, "")


def _once(names: list[str], label: str) -> list[str]:
    double = sorted({name for name in names if name and names.count(name) > 1})
    if double:
        raise RasterError(
            f"{label}: band {double[0]} is there twice; say which is which with --bands (- leaves one out)"
        )
    return names
