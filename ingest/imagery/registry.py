"""The products that are understood, and which files make one scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hazard_db.errors import RasterError, UnknownFormatError
from ingest.imagery import bundle as bundles
from ingest.imagery import geotiff, landsat, level1, sentinel1, sentinel2
from ingest.imagery.bundle import Bundle
from ingest.imagery.source import RADAR_BANDS, Options, SceneSource


@dataclass(frozen=True)
class Product:
    """How one kind of product is recognised and read."""

    claims: Callable[[Bundle], bool]
    """Whether the files are such a product, from their metadata and names."""
    read: Callable[[Bundle, Options], SceneSource]
    """What it says of its scene; no pixel is read."""


PRODUCTS: dict[str, Product] = {
    "sentinel-2-l2a": Product(sentinel2.claims, sentinel2.read),
    "landsat-c2-l2": Product(landsat.claims, landsat.read),
    "level-1": Product(level1.claims, level1.read),
    "sentinel-1-rtc": Product(sentinel1.claims, sentinel1.read),
    "geotiff": Product(geotiff.claims, geotiff.read),
}
"""First match wins; to add one, copy a sibling file and add a line here."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
IMAGES = (".tif", ".tiff", ".jp2")
PARTIAL = (".part", ".partial", ".crdownload", ".tmp", ".download", ".incomplete")
DEPTH = 4
"""How many folders deep scenes are looked for."""


def recognise(bundle: Bundle, options: Options | None = None) -> str:
    """Return the name of the product that the files are; bands that the user names tell radar from reflectance.

    Raises
    ------
    UnknownFormatError
        None of PRODUCTS.
    """
    given = {name.strip().lower() for name in (options.bands or ())} if options else set()
    if given & set(RADAR_BANDS):
        return "sentinel-1-rtc"
    for name, product in PRODUCTS.items():
        if product.claims(bundle):
            return name
    raise UnknownFormatError(
        f"{bundle.label}: not recognised as imagery; understood are Sentinel-2 L2A (.SAFE folder or zip), Landsat "
        "Collection 2 Level-2 (folder or tar), Sentinel-1 RTC and GeoTIFF"
    )


def discover(paths: Iterable[Path]) -> list[Bundle]:
    """Return the scenes among files and folders: a product is one bundle, one-band files of one date too.

    Raises
    ------
    RasterError
        A path does not exist, an archive is damaged, or a folder holds no imagery.
    """
    found: list[Bundle] = []
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise RasterError(f"{path}: no such file or folder")
        inside = _safe_root(path)
        if inside is not None:
            found.append(bundles.folder(inside))
        elif path.is_dir():
            within = scan(path)
            if not within:
                raise RasterError(f"{path}: no imagery in this folder (*.SAFE, *.zip, *.tar, *.tif)")
            found.extend(within)
        elif path.name.lower().endswith(ARCHIVES):
            found.append(bundles.packed(path))
        else:
            files.append(path)
    return _unique(found + grouped(files))


def scan(folder: Path, depth: int = DEPTH) -> list[Bundle]:
    """Return the scenes in a folder and the folders below it; hidden and half-written files are left alone.

    Raises
    ------
    RasterError
        The folder cannot be listed.
    """
    if (inside := _safe_root(folder)) is not None:
        return [bundles.folder(inside)]
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise RasterError(f"{folder}: cannot be listed ({error.strerror})") from error
    found: list[Bundle] = []
    files: list[Path] = []
    for entry in entries:
        lower = entry.name.lower()
        if lower.startswith(".") or lower.endswith(("~", *PARTIAL)):
            continue
        if entry.is_dir():
            found.extend(scan(entry, depth - 1) if depth else [])
        elif lower.endswith(ARCHIVES):
            found.append(Bundle(entry, (), "zip" if lower.endswith(".zip") else "tar"))
        elif lower.endswith(IMAGES):
            files.append(entry)
    return found + grouped(files)


def grouped(files: Sequence[Path]) -> list[Bundle]:
    """Return loose files as scenes: Landsat files by product, one-band files by folder and common name."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for file in files:
        product = landsat.product_of(file.name)
        split = geotiff.split_name(file.stem) or sentinel1.split_name(file.stem)
        if product is not None:
            key = (file.parent, product)
        elif split is not None:
            key = (file.parent, f"{split[0]}|one band a file")
        else:
            key = (file.parent, f"{file.name}|stack")
        groups.setdefault(key, []).append(file)
    found = []
    for (parent, name), members in groups.items():
        # The metadata file of a Landsat product lies beside its bands.
        beside = [] if "|" in name else [path for path in parent.glob(f"{name}_MTL.*") if path not in members]
        found.append(bundles.loose([*members, *beside]))
    return found


def _safe_root(path: Path) -> Path | None:
    """Return the product folder that a path is, or is the metadata file of; half a product counts too."""
    if path.is_dir() and (
        path.suffix.upper() == ".SAFE" or any((path / n).is_file() for n in sentinel2.METADATA_NAMES)
    ):
        return path
    if path.name in sentinel2.METADATA_NAMES:
        return path.parent
    return None


def _unique(found: Sequence[Bundle]) -> list[Bundle]:
    """Return the bundles without those named twice, in order."""
    seen: dict[tuple[Path, tuple[str, ...]], Bundle] = {}
    for one in found:
        seen.setdefault((one.root.resolve(), one.members), one)
    return list(seen.values())
