"""Landsat 4-9 Collection 2 Level-2: folders, tars, or the files themselves.

Numbers become surface reflectance by the multiplier and addend that the product's own metadata
gives in its Level-2 group; the Level-1 group of the same file uses the same keys for top-of-atmosphere
reflectance. Defaults are those of [@USGS_LSDS1619], section 5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hazard_db import moments
from hazard_db.errors import RasterError
from ingest.imagery.bundle import Bundle
from ingest.imagery.source import BANDS, Layer, Options, SceneSource

COLLECTION = "landsat-c2-l2"
MULTIPLIER, ADDEND = 2.75e-5, -0.2
FILL = 0.0
NUMBERS: dict[str, tuple[int, ...]] = {
    "LT04": (1, 2, 3, 4, 5, 7),
    "LT05": (1, 2, 3, 4, 5, 7),
    "LE07": (1, 2, 3, 4, 5, 7),
    "LC08": (2, 3, 4, 5, 6, 7),
    "LC09": (2, 3, 4, 5, 6, 7),
    "LO08": (2, 3, 4, 5, 6, 7),
    "LO09": (2, 3, 4, 5, 6, 7),
}
"""Sensor and satellite -> band number of blue, green, red, nir, swir1, swir2."""
SR_GROUP = "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"

_PRODUCT = re.compile(
    r"(?P<id>(?P<sensor>L[COTEM]0\d)_(?P<level>L2S[PR])_(?P<path>\d{3})(?P<row>\d{3})_(?P<day>\d{8})_(?P<made>\d{8})"
    r"_(?P<collection>\d{2})_(?P<tier>\w{2}))(?=[_.]|$)"
)
_BANDFILE = re.compile(r"_(?:SR_B(?P<number>\d)|(?P<quality>QA_PIXEL))\.TIF$", re.IGNORECASE)
_MTL = re.compile(r"_MTL\.(json|xml|txt)$", re.IGNORECASE)
_LINE = re.compile(r'^\s*(\w+)\s*=\s*"?(.*?)"?\s*$')

Groups = Mapping[str, Mapping[str, str]]


def product_of(name: str) -> str | None:
    """Return the product identifier that a file's name begins with, Level-1 ones too; None where there is none."""
    match = re.match(r"L[COTEM]0\d_L[12]\w{2}_\d{6}_\d{8}(?:_\d{8}_\d{2}_\w{2})?", name)
    return None if match is None else match[0]


def claims(bundle: Bundle) -> bool:
    """Return whether these are files of a Level-2 product."""
    names = [name.rpartition("/")[2] for name in bundle.members]
    return any(_PRODUCT.match(name) and (_BANDFILE.search(name) or _MTL.search(name)) for name in names)


def read(bundle: Bundle, options: Options) -> SceneSource:
    """Return what the metadata (MTL) and the names tell of the scene.

    Raises
    ------
    RasterError
        Bands are missing, or the metadata is damaged or of another collection.
    """
    match = _only_product(bundle)
    files = _files(bundle, match["id"])
    notations = ("_mtl.json", "_mtl.xml", "_mtl.txt")
    metadata = next((name for kind in notations for name in files.values() if name.lower().endswith(kind)), None)
    groups = _parse(bundle, metadata) if metadata else {}
    _check(groups, match, bundle.label)
    numbers = NUMBERS.get(match["sensor"])
    if numbers is None:
        raise RasterError(f"{bundle.label}: Landsat sensor {match['sensor']} has no Level-2 bands that are used here")
    bands = tuple(_layer(bundle, files, name, number, groups) for name, number in zip(BANDS, numbers, strict=True))
    quality = files.get("QA_PIXEL")
    if quality is None:
        raise RasterError(
            f"{bundle.label}: QA_PIXEL is missing; without it cloud cannot be told from ground, add the file"
        )
    moment, precise = _acquired(groups, match, bundle.label)
    if options.date is not None and options.date.date() != moment.date():
        raise RasterError(f"{bundle.label}: --dates says {options.date:%Y-%m-%d}, the product {moment:%Y-%m-%d}")
    attributes = groups.get("IMAGE_ATTRIBUTES", {})
    members = tuple(sorted({*(layer.member for layer in bands), quality, *([metadata] if metadata else [])}))
    return SceneSource(
        name=match["id"], collection=COLLECTION, sensor=f"landsat-{int(match['sensor'][2:])}", acquired_at=moment,
        acquired_precision="second" if precise else "day", bands=bands,
        quality=Layer("qa_pixel", quality, bundle.gdal(quality), nodata=1.0), members=members,
        acquisition=f"{match['sensor']} {match['path']}{match['row']} {match['day']}", sun=_sun(attributes, bundle.label),
        cloud_cover=_number(attributes, "CLOUD_COVER", bundle.label, low=0, high=100), grid_tile=match["path"] + match["row"],
        baseline=_baseline(groups), generated_at=match["made"],
        notes=() if metadata else ("no MTL metadata: published Collection 2 scale, sun computed",),
    )  # fmt: skip


def _only_product(bundle: Bundle) -> re.Match[str]:
    found = {m["id"]: m for name in bundle.members if (m := _PRODUCT.match(name.rpartition("/")[2]))}
    if len(found) > 1:
        raise RasterError(f"{bundle.label}: holds files of {len(found)} Landsat products; give one folder a product")
    return next(iter(found.values()))


def _files(bundle: Bundle, product: str) -> dict[str, str]:
    """Return band number or QA_PIXEL or metadata name -> member."""
    files = {}
    for member in bundle.members:
        name = member.rpartition("/")[2]
        if not name.startswith(product):
            continue
        if match := _BANDFILE.search(name):
            files[match["number"] or "QA_PIXEL"] = member
        elif _MTL.search(name):
            files[name] = member
    return files


def _layer(bundle: Bundle, files: Mapping[str, str], name: str, number: int, groups: Groups) -> Layer:
    member = files.get(str(number))
    if member is None:
        raise RasterError(
            f"{bundle.label}: band SR_B{number} ({name}) is missing; the product is incomplete, fetch it again"
        )
    multiplier, addend = MULTIPLIER, ADDEND
    if groups:
        values = groups.get(SR_GROUP, {})
        multiplier = _required(values, f"REFLECTANCE_MULT_BAND_{number}", bundle.label)
        addend = _required(values, f"REFLECTANCE_ADD_BAND_{number}", bundle.label)
        if not 0 < multiplier < 0.01 or not -1 < addend < 1:
            raise RasterError(
                f"{bundle.label}: reflectance = number * {multiplier} + {addend} cannot be for band {number}"
            )
    return Layer(name, member, bundle.gdal(member), 1, multiplier, addend, FILL)


def _required(values: Mapping[str, str], key: str, label: str) -> float:
    number = _number(values, key, label)
    if number is None:
        raise RasterError(f"{label}: its metadata (MTL) has no {key} in {SR_GROUP}; fetch the product again")
    return number


def _check(groups: Groups, match: re.Match[str], label: str) -> None:
    if match["collection"] != "02":
        raise RasterError(f"{label}: Landsat Collection {match['collection']} is not Collection 2; get that one")
    contents = groups.get("PRODUCT_CONTENTS", {})
    product = contents.get("LANDSAT_PRODUCT_ID", match["id"])
    if product != match["id"]:
        raise RasterError(f"{label}: its metadata (MTL) is that of {product}; put the files of one product together")


def _acquired(groups: Groups, match: re.Match[str], label: str) -> moments.Moment:
    attributes = groups.get("IMAGE_ATTRIBUTES", {})
    day, clock = attributes.get("DATE_ACQUIRED"), attributes.get("SCENE_CENTER_TIME", "").rstrip("Z")
    if day and clock:
        whole, _, fraction = clock.partition(".")
        return moments.parse(f"{day}T{whole}.{(fraction + '000000')[:6]}+00:00", label)
    return moments.parse(match["day"], label)


def _sun(attributes: Mapping[str, str], label: str) -> tuple[float, float] | None:
    elevation = _number(attributes, "SUN_ELEVATION", label, low=-90, high=90)
    azimuth = _number(attributes, "SUN_AZIMUTH", label, low=-360, high=360)
    return None if elevation is None or azimuth is None else (elevation, azimuth % 360.0)


def _number(
    values: Mapping[str, str], key: str, label: str, *, low: float = float("-inf"), high: float = float("inf")
) -> float | None:
    """Return a value as a number; None where it is absent or flagged unknown (outside low-high)."""
    text = values.get(key)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError as error:
        raise RasterError(f"{label}: its metadata (MTL) has {key} = '{text}', which is no number") from error
    return number if low <= number <= high else None


def _baseline(groups: Groups) -> str | None:
    return groups.get("LEVEL2_PROCESSING_RECORD", {}).get("PROCESSING_SOFTWARE_VERSION")


def _parse(bundle: Bundle, member: str) -> Groups:
    """Return the metadata as group -> key -> value, from any of its three notations."""
    content = bundle.text(member)
    try:
        if member.lower().endswith(".json"):
            return _from_json(json.loads(content))
        if member.lower().endswith(".xml"):
            return _from_xml(fromstring(content))
        return _from_text(content.decode("utf-8"))
    except (ValueError, ParseError, DefusedXmlException) as error:
        raise RasterError(f"{bundle.label}: {member} is damaged ({error}); fetch the product again") from error


def _from_json(document: Any) -> Groups:
    root = document.get("LANDSAT_METADATA_FILE") if isinstance(document, dict) else None
    if not isinstance(root, dict):
        raise ValueError("no LANDSAT_METADATA_FILE in it")
    return {
        group: {key: str(value) for key, value in values.items()}
        for group, values in root.items()
        if isinstance(values, dict)
    }


def _from_xml(root: Element) -> Groups:
    return {group.tag: {item.tag: (item.text or "").strip() for item in group} for group in root}


def _from_text(text: str) -> Groups:
    groups: dict[str, dict[str, str]] = {}
    inside: list[str] = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        key, value = match.groups()
        if key == "GROUP":
            inside.append(value)
        elif key == "END_GROUP" and inside:
            inside.pop()
        elif inside:
            groups.setdefault(inside[-1], {})[key] = value
    if not groups:
        raise ValueError("it has no groups")
    return groups
