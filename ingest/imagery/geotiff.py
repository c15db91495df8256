"""GeoTIFF stacks whose band descriptions name the bands, and one-band files of one date taken together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.enums import ColorInterp

from hazard_db import moments
from hazard_db.errors import RasterError
from ingest.imagery.bundle import Bundle
from ingest.imagery.raster import grid_of, opened
from ingest.imagery.source import BANDS, QUALITY, Layer, Options, SceneSource

COLLECTION = "geotiff"
SENTINEL2 = {"2": "blue", "3": "green", "4": "red", "8": "nir", "8A": "nir", "11": "swir1", "12": "swir2"}
ALIASES = {"swir16": "swir1", "swir22": "swir2", "nir08": "nir", "qa": "qa_pixel", "pixel_qa": "qa_pixel"}
LANDSAT_ONLY = frozenset({"1", "5", "6", "7", "9", "10"})
"""Unpadded numbers that mean other bands, or nothing of use, on Sentinel-2."""
SENTINEL2_ONLY = frozenset({"8A", "12"})
SKIP = "-"
SIDECARS = (".aux.xml", ".msk")

_BAND_NUMBER = re.compile(r"^B(0?)(\d{1,2}A?)$", re.IGNORECASE)
_NAME_TOKEN = re.compile(
    r"(?:^|[._\- ])(B\d{1,2}A?|blue|green|red|nir|nir08|swir1|swir2|swir16|swir22|scl|qa_pixel)(?:[._]\d{2}m)?$",
    re.IGNORECASE,
)
INTEGER_SCALE = 1e-4
"""Unscaled integers are reflectance x 10000."""


def split_name(stem: str) -> tuple[str, str] | None:
    """Return a one-band file's name without its band, and the band; None where the name names none."""
    match = _NAME_TOKEN.search(stem)
    return None if match is None else (stem[: match.start()].rstrip("._- "), match[1])


def claims(bundle: Bundle) -> bool:
    """Return whether these are GeoTIFF or JPEG 2000 files outside any archive."""
    return not bundle.archive and bool(_images(bundle))


def read(bundle: Bundle, options: Options) -> SceneSource:
    """Return what tags, descriptions and names tell of the stack.

    Raises
    ------
    RasterError
        Bands, date or the meaning of the numbers are not told; the line says how to tell them.
    """
    images = _images(bundle)
    files = [_Inspected(bundle, name) for name in images]
    names = _band_names(files, options, bundle.label)
    layers = {}
    for (file, number), name in zip(((f, n) for f in files for n in range(1, f.count + 1)), names, strict=True):
        if name:
            layers[name] = file.layer(number, name)
    bands = tuple(layers[name] for name in BANDS if name in layers)
    if len(bands) < 2:
        raise RasterError(
            f"{bundle.label}: {'only band ' + bands[0].name if bands else 'no band'} is named; a scene needs at least two "
            f"of {', '.join(BANDS)}: give the band files together, or name the bands with --bands"
        )
    quality = [layers[name] for name in QUALITY if name in layers]
    if len(quality) > 1:
        raise RasterError(f"{bundle.label}: has both scl and qa_pixel; keep one of them (--bands with - for the other)")
    moment, precise = _acquired(files, options, bundle.label)
    sidecars = tuple(
        image + suffix for image in images for suffix in SIDECARS if (bundle.root / (image + suffix)).is_file()
    )
    name = _name(images, moment)
    tags = files[0].tags
    return SceneSource(
        name=name, collection=COLLECTION, sensor=tags.get("platform") or tags.get("sensor") or "unknown",
        acquired_at=moment, acquired_precision="second" if precise else "day", bands=bands,
        quality=quality[0] if quality else None, members=(*images, *sidecars), acquisition=f"geotiff {name} {moment:%Y%m%d}",
        sun=_sun(tags, bundle.label), baseline=tags.get("processing_baseline"), notes=_notes(files, bands),
        all_zero_is_nodata=not any(file.masked for file in files),
    )  # fmt: skip


class _Inspected:
    """One file, looked at once."""

    def __init__(self, bundle: Bundle, member: str) -> None:
        self.member, self.href, self.label = member, bundle.gdal(member), member.rpartition("/")[2]
        self.stem = Path(self.label).stem
        with opened(self.href, self.label) as dataset:
            grid_of(dataset, self.label)
            self.count = dataset.count
            self.descriptions = tuple(text or "" for text in dataset.descriptions)
            self.alpha = tuple(kind == ColorInterp.alpha for kind in dataset.colorinterp)
            self.dtypes: tuple[str, ...] = dataset.dtypes
            self.scaling = tuple(zip(dataset.scales, dataset.offsets, strict=True))
            self.tags: dict[str, str] = dataset.tags()
            self.masked = dataset.nodata is not None or any(self.alpha) or _has_mask(dataset)
            self.driver = dataset.driver

    def layer(self, number: int, name: str) -> Layer:
        """Return a band as a layer, with the scale that its numbers have."""
        if name in QUALITY:  # class numbers, also where a float stack holds them
            return Layer(name, self.member, self.href, number)
        scale, offset = self._scaling(number)
        return Layer(name, self.member, self.href, number, scale, offset)

    def _scaling(self, number: int) -> tuple[float, float]:
        """Return scale and offset of a band: its tags, else what the data type means."""
        scale, offset = self.scaling[number - 1]
        dtype = np.dtype(self.dtypes[number - 1])
        if dtype.kind == "c":
            raise RasterError(f"{self.label}: complex numbers are not reflectance")
        if (scale, offset) != (1.0, 0.0):
            if not np.isfinite([scale, offset]).all() or scale <= 0:
                raise RasterError(
                    f"{self.label}: its scale {scale} and offset {offset} are not usable; correct the tags"
                )
            return scale, offset
        if dtype.kind == "f":
            return 1.0, 0.0
        if dtype.itemsize == 1:
            raise RasterError(
                f"{self.label}: 8-bit numbers are a picture, not reflectance; give the product it was made from, "
                "or set the scale tag if it is truly reflectance"
            )
        self._refuse_undecided_offset()
        return INTEGER_SCALE, 0.0

    def _refuse_undecided_offset(self) -> None:
        """Refuse numbers of which nobody can say whether Sentinel-2's offset is in them."""
        tags = {name.lower(): value for name, value in self.tags.items()}
        # A colon in a tag's name comes back from TIFF as `earthsearch` = `boa_offset_applied=...`.
        applied = tags.get("boa_offset_applied", tags.get("earthsearch", "").rpartition("=")[2]).lower()
        if applied in {"true", "yes", "1"}:
            return
        if self.driver == "JP2OpenJPEG":
            raise RasterError(
                f"{self.label}: a bare JPEG 2000 band does not say which offset its numbers carry; "
                "give the whole .SAFE folder or zip it comes from"
            )
        offsets = [value for name, value in tags.items() if name.startswith(("boa_add_offset", "radio_add_offset"))]
        if applied in {"false", "no", "0"} or any(value.strip() not in {"0", "0.0"} for value in offsets):
            raise RasterError(
                f"{self.label}: its tags name a Sentinel-2 offset, but scale and offset of the bands do not hold it; "
                "set them (`gdal_edit.py -scale 0.0001 -offset -0.1`), or tag boa_offset_applied=yes if it is done"
            )


def _images(bundle: Bundle) -> list[str]:
    return [name for name in bundle.members if name.lower().endswith((".tif", ".tiff", ".jp2"))]


def _has_mask(dataset: Any) -> bool:
    return any(flag.name == "per_dataset" for flags in dataset.mask_flag_enums for flag in flags)


def _band_names(files: Sequence[_Inspected], options: Options, label: str) -> list[str]:
    """Return a name out of BANDS and QUALITY for every band of every file, empty for those not used."""
    if options.bands is not None:
        names = _given_names(options.bands, sum(file.count for file in files), label)
    else:
        raw = [name for file in files for name in _own_names(file)]
        names = _canonical(raw, label)
    double = sorted({name for name in names if name and names.count(name) > 1})
    if double:
        raise RasterError(
            f"{label}: band {double[0]} is there twice; say which is which with --bands (- leaves one out)"
        )
    return names


def _given_names(given: Sequence[str], count: int, label: str) -> list[str]:
    if len(given) != count:
        raise RasterError(f"{label}: has {count} bands, --bands names {len(given)}; name each (- leaves one out)")
    names = ["" if name.strip() == SKIP else _one_name(name.strip()) for name in given]
    unknown = [wanted for wanted, name in zip(given, names, strict=True) if not name and wanted.strip() != SKIP]
    if unknown:
        raise RasterError(f"--bands: '{unknown[0]}' is not a band; use {', '.join((*BANDS, *QUALITY))}, B02... or -")
    return names


def _own_names(file: _Inspected) -> list[str]:
    if file.count - sum(file.alpha) == 1 and not any(_one_name(text) for text in file.descriptions):
        split = split_name(file.stem)
        return [split[1] if split and not alpha else "" for alpha in file.alpha]
    return list(file.descriptions)


def _canonical(raw: Sequence[str], label: str) -> list[str]:
    """Return band names as ours; numbers are Sentinel-2's, and refused where they may be Landsat's."""
    matches = [_BAND_NUMBER.match(text.strip()) for text in raw]
    plain = {match[2].upper() for match in matches if match and not match[1]}
    if plain & LANDSAT_ONLY and not plain & SENTINEL2_ONLY:
        raise RasterError(
            f"{label}: bands named {', '.join(sorted(plain))} may be Landsat's or Sentinel-2's, which count differently; "
            f"name them with --bands (for example --bands {','.join(BANDS)})"
        )
    names = [_one_name(text.strip()) for text in raw]
    numbers = [match[2].upper() if match else "" for match in matches]
    if "8" in numbers:  # the narrow near infrared only stands in for the missing wide one
        names = ["" if number == "8A" else name for name, number in zip(names, numbers, strict=True)]
    return names


def _one_name(text: str) -> str:
    """Return our name of a band, empty where it is none that is used."""
    lower = text.lower()
    if lower in BANDS or lower in QUALITY:
        return lower
    if match := _BAND_NUMBER.match(text):
        return SENTINEL2.get(match[2].upper(), "")
    return ALIASES.get(lower, "")


def _acquired(files: Sequence[_Inspected], options: Options, label: str) -> moments.Moment:
    """Return when: tag `acquired`, tag TIFFTAG_DATETIME, file name, option; contradictions are refused."""
    found = {moment for file in files if (moment := moments.of_file(file.tags, file.stem, file.label))}
    days = {moment.at.date() for moment in found}
    if len(days) > 1:
        raise RasterError(f"{label}: its files are of different days ({', '.join(map(str, sorted(days)))})")
    given = options.date
    if not found:
        if given is None:
            raise RasterError(f"{label}: neither tags nor file name tell the date; give it with --dates YYYY-MM-DD")
        return moments.told(given)
    moment = max(found, key=lambda one: (one.precise, one.at))
    if given is not None and given.date() != moment.at.date():
        raise RasterError(
            f"{label}: --dates says {given:%Y-%m-%d}, the file itself {moment.at:%Y-%m-%d}; correct the one that is wrong"
        )
    return moment


def _sun(tags: dict[str, str], label: str) -> tuple[float, float] | None:
    values = tags.get("sun_elevation"), tags.get("sun_azimuth")
    if values[0] is None or values[1] is None:
        return None
    try:
        elevation, azimuth = float(values[0]), float(values[1])
    except ValueError as error:
        raise RasterError(f"{label}: tags sun_elevation and sun_azimuth must be degrees, not {values}") from error
    if not (-90 <= elevation <= 90 and -360 <= azimuth <= 360):
        raise RasterError(f"{label}: a sun at elevation {elevation}, azimuth {azimuth} degrees cannot be")
    return elevation, azimuth % 360.0


def _name(images: Sequence[str], moment: datetime) -> str:
    stem = Path(images[0]).stem
    if len(images) > 1 and (split := split_name(stem)):
        stem = split[0] or stem
    return stem if f"{moment:%Y%m%d}" in stem else f"{stem}_{moment:%Y%m%d}"


def _notes(files: Sequence[_Inspected], bands: Sequence[Layer]) -> tuple[str, ...]:
    missing = [name for name in BANDS if name not in {layer.name for layer in bands}]
    notes = [f"without {', '.join(missing)}"] if missing else []
    if not any(file.masked for file in files):
        notes.append("declares no nodata value: pixels where every band is 0 are taken as outside the picture")
    return tuple(notes)
