"""Sentinel-1 backscatter corrected for terrain (RTC): bands vv and vh, in power, amplitude or decibels.

Understood are the files of the Planetary Computer (`iw-vv.rtc.tiff` below a folder named after the product), of
HyP3 (`..._RTC30_G_gpuned_..._VV.tif`, zipped or not) and any GeoTIFF whose bands are described or named vv, vh.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from hazard_db import moments, radar
from hazard_db.errors import RasterError
from ingest.imagery.bundle import Bundle
from ingest.imagery.raster import opened
from ingest.imagery.source import RADAR_BANDS, Layer, Options, Radar, SceneSource

COLLECTION = "sentinel-1-rtc"
ORBITS = 175
"""Relative orbits of one cycle."""
FIRST_ORBIT = {"a": 73, "b": 27, "c": 172}
"""Satellite -> absolute orbit that began its count of relative ones."""
SAMPLE_PX = 1024
UNITS = {"p": "power", "a": "amplitude", "d": "decibel"}

_BAND = re.compile(r"(?:^|[._\- ])(vv|vh)(?:[._\- ]rtc)?$", re.IGNORECASE)
_PRODUCT = re.compile(
    r"(?P<id>S1(?P<satellite>[A-D])_(?:IW|EW|SM)_(?:GRD[FHM]_1S[SD][HV]_)?(?P<start>\d{8}T\d{6})(?:_\d{8}T\d{6}_(?P<orbit>\d{6}))?[A-Za-z0-9_]*)"
)
_HYP3 = re.compile(r"_RTC\d\d_[GE]_[gse]([pad])", re.IGNORECASE)


def split_name(stem: str) -> tuple[str, str] | None:
    """Return a one-band file's name without its polarisation, and that; None where the name tells none."""
    match = _BAND.search(stem)
    return None if match is None else (stem[: match.start()].rstrip("._- "), match[1].lower())


def claims(bundle: Bundle) -> bool:
    """Return whether names or band descriptions of the images tell of polarisations."""
    images = _images(bundle)
    if any(split_name(_stem(name)) for name in images):
        return True
    return not bundle.archive and len(images) == 1 and bool(_described(bundle, images[0]))


def read(bundle: Bundle, options: Options) -> SceneSource:
    """Return what tags, names and a sample of the numbers tell of the scene.

    Raises
    ------
    RasterError
        Bands, date or the unit are not told, or the numbers cannot be backscatter.
    """
    files = [_file(bundle, name, options) for name in _images(bundle)]
    files = [file for file in files if file.layers]
    layers = {layer.name: layer for file in files for layer in file.layers}
    if not layers or sum(len(file.layers) for file in files) != len(layers):
        what = "no band is" if not layers else "a band is there twice, or none is"
        raise RasterError(f"{bundle.label}: {what} named vv or vh; name them with --bands vv,vh (- leaves one out)")
    tags = {key.lower(): value.strip() for file in reversed(files) for key, value in file.tags.items()}
    match = _product(bundle, files)
    moment, precise = _acquired(files, match, tags, options, bundle.label)
    satellite = match["satellite"].lower() if match else ""
    name = match["id"].rstrip("_") if match else _name(files, moment.strftime("%Y%m%d"))
    bands = tuple(layers[band] for band in RADAR_BANDS if band in layers)
    missing = [band for band in RADAR_BANDS if band not in layers]
    return SceneSource(
        name=re.sub(r"_V[VH]$", "", name), collection=COLLECTION,
        sensor=f"sentinel-1{satellite}" if satellite else tags.get("platform", "sentinel-1"),
        acquired_at=moment, acquired_precision="second" if precise else "day", bands=bands, quality=None,
        members=tuple(file.member for file in files),
        acquisition=f"s1{satellite} {moment:%Y%m%dT%H%M%S}" if precise else f"s1 {name} {moment:%Y%m%d}",
        generated_at=tags.get("generated_at"), notes=tuple(f"without {band}" for band in missing),
        radar=_taken(bundle, files, match, tags),
    )  # fmt: skip


@dataclass(frozen=True)
class _File:
    member: str
    layers: tuple[Layer, ...]
    tags: Mapping[str, str]
    linear: bool
    """No number is below zero: power or amplitude."""


def _images(bundle: Bundle) -> list[str]:
    return [name for name in bundle.members if name.lower().endswith((".tif", ".tiff"))]


def _stem(member: str) -> str:
    return PurePath(member).stem


def _described(bundle: Bundle, member: str) -> list[str]:
    """Return the polarisations that band descriptions name; none where the file cannot be opened."""
    try:
        with opened(bundle.gdal(member), member) as dataset:
            return [text.lower() for text in dataset.descriptions if (text or "").lower() in RADAR_BANDS]
    except RasterError:
        return []  # whoever reads it as something else says what is wrong


def _file(bundle: Bundle, member: str, options: Options) -> _File:
    label = member.rpartition("/")[2]
    with opened(bundle.gdal(member), label) as dataset:
        names = _names(dataset, _stem(member), options)
        layers, linear = [], set()
        for number, name in enumerate(names, 1):
            if name not in RADAR_BANDS:
                continue
            scale, offset = dataset.scales[number - 1], dataset.offsets[number - 1]
            kind = np.dtype(dataset.dtypes[number - 1]).kind
            if kind == "c" or (kind != "f" and (scale, offset) == (1.0, 0.0)):
                raise RasterError(
                    f"{label}: {dataset.dtypes[number - 1]} without a scale is not calibrated backscatter; get the "
                    "product corrected for terrain (RTC), in power or dB"
                )
            linear.add(_is_linear(dataset, number, name, label))
            layers.append(Layer(name, member, bundle.gdal(member), number, scale, offset))
        if len(linear) > 1:
            raise RasterError(f"{label}: holds one band in dB and another in power; give another file")
        return _File(member, tuple(layers), dataset.tags(), linear == {True})


def _names(dataset: Any, stem: str, options: Options) -> list[str]:
    if options.bands is not None and len(options.bands) == dataset.count:
        return [name.strip().lower() for name in options.bands]
    split = split_name(stem)
    if split is not None and dataset.count == 1:
        return [split[1]]
    return [(text or "").lower() for text in dataset.descriptions]


def _is_linear(dataset: Any, number: int, name: str, label: str) -> bool:
    """Return whether numbers are power or amplitude, not dB.

    Raises
    ------
    RasterError
        They are none of these.
    """
    step = max(1.0, max(dataset.width, dataset.height) / SAMPLE_PX)
    shape = (max(1, round(dataset.height / step)), max(1, round(dataset.width / step)))
    values = dataset.read(number, out_shape=shape, masked=True).compressed().astype(np.float64)
    values = values[np.isfinite(values) & (values != 0)] * dataset.scales[number - 1] + dataset.offsets[number - 1]
    if not values.size:
        raise RasterError(f"{label}: {name} holds no data at all; there is nothing to keep")
    return radar.is_linear(values, name, label)


def _product(bundle: Bundle, files: Sequence[_File]) -> re.Match[str] | None:
    """Return the product's name out of those of the files and the folders around them."""
    names = [_stem(file.member) for file in files]
    folders = [part for file in files for part in reversed(PurePath(file.member).parts[:-1])]
    around = [bundle.root.name, bundle.root.parent.name]
    return next((match for name in (*names, *folders, *around) if (match := _PRODUCT.match(name))), None)


def _acquired(
    files: Sequence[_File], match: re.Match[str] | None, tags: Mapping[str, str], options: Options, label: str
) -> moments.Moment:
    found: moments.Moment | None = None
    if match is not None:
        found = moments.parse(match["start"], label)
    elif value := tags.get("acquired") or tags.get("tifftag_datetime"):
        found = moments.parse(value, label)
    else:
        found = moments.in_name(_stem(files[0].member), label)
    if found is None:
        if options.date is None:
            raise RasterError(f"{label}: neither tags nor names tell the date; give it with --dates YYYY-MM-DD")
        return moments.told(options.date)
    if options.date is not None and options.date.date() != found.at.date():
        raise RasterError(f"{label}: --dates says {options.date:%Y-%m-%d}, the file itself {found.at:%Y-%m-%d}")
    return found


def _taken(bundle: Bundle, files: Sequence[_File], match: re.Match[str] | None, tags: Mapping[str, str]) -> Radar:
    if len({file.linear for file in files}) > 1:
        raise RasterError(f"{bundle.label}: one band is in dB, the other in power; give both the same way")
    stem = _stem(files[0].member)
    hyp3 = _HYP3.search(stem)
    unit = "power" if files[0].linear else "decibel"
    if hyp3 is not None and files[0].linear:
        unit = UNITS[hyp3[1].lower()]
    told = tags.get("unit", "").lower()
    if told.startswith("amp") and files[0].linear:
        unit = "amplitude"
    direction = radar.flight(tags, stem)
    relative = tags.get("relative_orbit")
    if relative is None and match is not None and match["orbit"] and match["satellite"].lower() in FIRST_ORBIT:
        relative = str((int(match["orbit"]) - FIRST_ORBIT[match["satellite"].lower()]) % ORBITS + 1)
    return Radar(
        unit=unit,
        direction={"a": "ascending", "d": "descending"}.get(direction[:1].lower(), "") or None,
        relative_orbit=relative,
        incidence_deg=radar.angle(tags, "incidence", bundle.label),
        look_azimuth_deg=radar.angle(tags, "look_azimuth", bundle.label),
    )


def _name(files: Sequence[_File], day: str) -> str:
    stem = _stem(files[0].member)
    split = split_name(stem)
    base = (split[0] if split else stem) or stem
    return base if day in base else f"{base}_{day}"
