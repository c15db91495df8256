"""Sentinel-2 Level-2A: .SAFE folders and zips, of every processing baseline.

Numbers become surface reflectance by (DN + BOA_ADD_OFFSET) / BOA_QUANTIFICATION_VALUE
[@ESA_S2PSD], both taken from the product's metadata, the offset by band. Products before baseline
04.00 have no offset; from 04.00 on a product without one is incomplete, and refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hazard_db import moments
from hazard_db.errors import RasterError
from ingest.imagery import jp2
from ingest.imagery.bundle import Bundle
from ingest.imagery.source import BANDS, Layer, Options, SceneSource

COLLECTION = "sentinel-2-l2a"
METADATA_NAMES = ("MTD_MSIL2A.xml",)
BANDFILES = {
    "blue": "B02_10m",
    "green": "B03_10m",
    "red": "B04_10m",
    "nir": "B08_10m",
    "swir1": "B11_20m",
    "swir2": "B12_20m",
}
PHYSICAL = {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8", "swir1": "B11", "swir2": "B12"}
BAND_IDS = {"B2": "1", "B3": "2", "B4": "3", "B8": "7", "B11": "11", "B12": "12"}
"""Band identifiers where the metadata does not list them."""
SCL = "SCL_20m"
FILL = 0.0
OFFSET_SINCE = (4, 0)
LOCAL_PROCESSING = (99, 99)
"""Baseline that Sen2Cor writes when users run it; there the offset is stated or is none."""
ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA256": "sha256", "SHA3-256": "sha3_256"}


@dataclass(frozen=True)
class _Radiometry:
    """How the numbers of a product become reflectance."""

    quantification: float
    offsets: Mapping[str, float]
    """Our band name -> added to the numbers before dividing."""


def claims(bundle: Bundle) -> bool:
    """Return whether the files have the metadata of a Level-2A product, or its name and no metadata."""
    if "MSIL2A" in bundle.root.name and bundle.root.suffix.upper() == ".SAFE":
        return True
    return any(name.rpartition("/")[2] in METADATA_NAMES for name in bundle.members)


def read(bundle: Bundle, options: Options) -> SceneSource:
    """Return what the product and tile metadata tell of the scene.

    Raises
    ------
    RasterError
        Metadata or bands are missing, damaged or contradict one another.
    """
    metadata, root = _product(bundle)
    base = metadata.rpartition("/")[0]
    baseline = _text(root, bundle.label, "PROCESSING_BASELINE")
    radiometry = _radiometry(root, _version(baseline, bundle.label), bundle.label)
    images = _images(bundle, base)
    bands = tuple(_layer(bundle, images, name, radiometry) for name in BANDS)
    scl = _image(bundle, images, SCL)
    tile_metadata, tile = _tile(bundle, bands[0].member)
    moment, _ = moments.parse(
        _first(tile, "SENSING_TIME") or _text(root, bundle.label, "PRODUCT_START_TIME"), bundle.label
    )
    if options.date is not None and options.date.date() != moment.date():
        raise RasterError(f"{bundle.label}: --dates says {options.date:%Y-%m-%d}, the product {moment:%Y-%m-%d}")
    uri = _first(root, "PRODUCT_URI", "PRODUCT_URI_2A") or bundle.root.name
    name = re.sub(r"\.(SAFE|zip)$", "", uri.rpartition("/")[2], flags=re.IGNORECASE).removesuffix(".SAFE")
    spacecraft = _first(root, "SPACECRAFT_NAME") or "Sentinel-2"
    grid_tile = _grid_tile(bands[0].member, name)
    start = _first(root, "DATATAKE_SENSING_START", "PRODUCT_START_TIME") or moment.isoformat()
    members = tuple(sorted({*(layer.member for layer in bands), scl, metadata, tile_metadata}))
    return SceneSource(
        name=name, collection=COLLECTION, sensor=spacecraft.lower(), acquired_at=moment, acquired_precision="second",
        bands=bands, quality=Layer("scl", scl, bundle.gdal(scl), nodata=0.0), members=members,
        acquisition=f"{spacecraft} {start[:19]} {grid_tile}", sun=_sun(tile, bundle.label),
        cloud_cover=_cloud(root), grid_tile=grid_tile, baseline=baseline,
        generated_at=_first(root, "GENERATION_TIME"), expected=_expected(bundle, base, members),
    )  # fmt: skip


def verify(bundle: Bundle, source: SceneSource) -> None:
    """Return quietly where every JPEG 2000 file of the product is complete.

    Raises
    ------
    RasterError
        One breaks off; it would be decoded to plausible nonsense.
    """
    for member in source.members:
        if member.lower().endswith(".jp2"):
            with bundle.open(member) as file:
                wrong = jp2.defect(file)
            if wrong:
                raise RasterError(
                    f"{bundle.label}: {member.rpartition('/')[2]} is incomplete ({wrong}); fetch it again"
                )


def _product(bundle: Bundle) -> tuple[str, Element]:
    found = [name for name in bundle.members if name.rpartition("/")[2] in METADATA_NAMES]
    if not found:
        raise RasterError(f"{bundle.label}: {METADATA_NAMES[0]} is missing; the product is incomplete, fetch it again")
    if len(found) > 1:
        raise RasterError(f"{bundle.label}: holds {len(found)} Sentinel-2 products; give one a file")
    return found[0], _xml(bundle, found[0])


def _xml(bundle: Bundle, member: str) -> Element:
    try:
        root: Element = fromstring(bundle.text(member))
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise RasterError(f"{bundle.label}: {member} is damaged ({error}); fetch the product again") from error
    return root


def _all(root: Element, *names: str) -> list[Element]:
    """Return all elements with one of the names, whatever their namespace."""
    return [item for item in root.iter() if isinstance(item.tag, str) and item.tag.rpartition("}")[2] in names]


def _first(root: Element, *names: str) -> str | None:
    """Return the text of the first such element; None where there is none or it is empty."""
    return next((item.text.strip() for item in _all(root, *names) if item.text and item.text.strip()), None)


def _text(root: Element, label: str, *names: str) -> str:
    value = _first(root, *names)
    if value is None:
        raise RasterError(f"{label}: its metadata has no {names[0]}; fetch the product again")
    return value


def _float(text: str, what: str, label: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise RasterError(f"{label}: its metadata has {what} = '{text}', which is no number") from error


def _version(baseline: str, label: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", baseline)
    if match is None:
        raise RasterError(f"{label}: processing baseline '{baseline}' is not understood, so neither are its numbers")
    return int(match[1]), int(match[2])


def _radiometry(root: Element, baseline: tuple[int, int], label: str) -> _Radiometry:
    """Return quantification and offsets; a product that should state its offset and does not is refused."""
    text = _text(root, label, "BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE")
    quantification = _float(text, "BOA_QUANTIFICATION_VALUE", label)
    if quantification <= 0:
        raise RasterError(f"{label}: BOA_QUANTIFICATION_VALUE is {quantification}; fetch the product again")
    stated = {
        item.get("band_id", ""): _float(item.text or "", "BOA_ADD_OFFSET", label)
        for item in _all(root, "BOA_ADD_OFFSET")
    }
    if not stated and OFFSET_SINCE <= baseline != LOCAL_PROCESSING:
        raise RasterError(
            f"{label}: of processing baseline {baseline[0]:02}.{baseline[1]:02}, but its metadata has no BOA_ADD_OFFSET; "
            "its reflectance cannot be known, fetch the product again"
        )
    ids = {item.get("physicalBand", ""): item.get("bandId", "") for item in _all(root, "Spectral_Information")}
    offsets = {}
    for name, physical in PHYSICAL.items():
        band_id = ids.get(physical) or BAND_IDS[physical]
        if stated and band_id not in stated:
            raise RasterError(
                f"{label}: its metadata has no BOA_ADD_OFFSET for band {physical}; fetch the product again"
            )
        offsets[name] = stated.get(band_id, 0.0)
    return _Radiometry(quantification, offsets)


def _images(bundle: Bundle, base: str) -> list[str]:
    """Return the image files of the product; several tiles in one product are refused."""
    prefix = f"{base}/GRANULE/" if base else "GRANULE/"
    names = [n for n in bundle.members if n.startswith(prefix) and "/IMG_DATA/" in n and n.lower().endswith(".jp2")]
    granules = {name[len(prefix) :].partition("/")[0] for name in names}
    if len(granules) > 1:
        raise RasterError(f"{bundle.label}: holds {len(granules)} tiles; split it into one product a tile")
    return names


def _image(bundle: Bundle, images: Sequence[str], ending: str) -> str:
    found = [name for name in images if name.endswith(f"_{ending}.jp2")]
    if len(found) != 1:
        raise RasterError(f"{bundle.label}: {ending} is missing; the product is incomplete, fetch it again")
    return found[0]


def _layer(bundle: Bundle, images: Sequence[str], name: str, radiometry: _Radiometry) -> Layer:
    member = _image(bundle, images, BANDFILES[name])
    scale = 1.0 / radiometry.quantification
    return Layer(name, member, bundle.gdal(member), 1, scale, radiometry.offsets[name] * scale, FILL)


def _tile(bundle: Bundle, band: str) -> tuple[str, Element]:
    member = band.partition("/IMG_DATA/")[0] + "/MTD_TL.xml"
    if member not in bundle.members:
        raise RasterError(f"{bundle.label}: MTD_TL.xml is missing; the product is incomplete, fetch it again")
    return member, _xml(bundle, member)


def _grid_tile(band: str, name: str) -> str:
    match = re.search(r"_?T(\d{2}[A-Z]{3})_", band.rpartition("/")[2]) or re.search(r"_T(\d{2}[A-Z]{3})_", name)
    return match[1] if match else ""


def _sun(tile: Element, label: str) -> tuple[float, float] | None:
    mean = next(iter(_all(tile, "Mean_Sun_Angle")), None)
    if mean is None:
        return None
    zenith, azimuth = _first(mean, "ZENITH_ANGLE"), _first(mean, "AZIMUTH_ANGLE")
    if zenith is None or azimuth is None:
        return None
    return 90.0 - _float(zenith, "ZENITH_ANGLE", label), _float(azimuth, "AZIMUTH_ANGLE", label) % 360.0


def _cloud(root: Element) -> float | None:
    text = _first(root, "Cloud_Coverage_Assessment", "CLOUDY_PIXEL_OVER_LAND_PERCENTAGE")
    try:
        return None if text is None else float(text)
    except ValueError:  # of no consequence for the numbers
        return None


def _expected(bundle: Bundle, base: str, members: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the checksums that the product's own manifest gives for the files that are used."""
    manifest = f"{base}/manifest.safe" if base else "manifest.safe"
    if manifest not in bundle.members:
        return {}
    wanted = set(members)
    expected = {}
    for stream in _all(_xml(bundle, manifest), "byteStream"):
        place = next(iter(_all(stream, "fileLocation")), None)
        checksum = next(iter(_all(stream, "checksum")), None)
        told = "" if checksum is None else (checksum.text or "").strip().lower()
        if place is None or checksum is None or not told:
            continue
        href = place.get("href", "").removeprefix("./")
        member = f"{base}/{href}" if base else href
        algorithm = ALGORITHMS.get(checksum.get("checksumName", "").upper())
        if member in wanted and algorithm:
            expected[member] = (algorithm, told)
    return expected
