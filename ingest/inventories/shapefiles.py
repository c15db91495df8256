"""Shapefiles of several years zipped together: each is a mapping, named after its year."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hazard_db.errors import InputError
from ingest import zips
from ingest.survey import registry
from ingest.survey.places import named
from ingest.survey.shapefile import PARTS
from ingest.survey.source import Raw, Source
from ingest.vectors import Layer, read_layer


def recognises(path: Path) -> bool:
    """Return whether the file is a zip archive with one or more Shapefiles in it."""
    return any(_is_layer(name) for name in registry.look(path).members)


def read(path: Path) -> Source:
    """Return the features of all Shapefiles in the archive, by name; they must share a CRS.

    Raises
    ------
    InputError
        Parts are missing, it is damaged, or the coordinate systems differ.
    """
    folder = tempfile.TemporaryDirectory(prefix="kkh-")
    try:
        return _opened(path, folder)
    except BaseException:
        folder.cleanup()
        raise


def _opened(path: Path, folder: tempfile.TemporaryDirectory[str]) -> Source:
    stems = sorted(name[:-4] for name in zips.members(path) if _is_layer(name))
    names = [PurePosixPath(stem).name for stem in stems]
    if len(set(names)) < len(names):
        raise InputError(f"{path.name}: holds two Shapefiles of one name; rename one")
    zips.extract(path, lambda name: _plain(name, stems), Path(folder.name))
    layers = [read_layer(Path(folder.name) / f"{name}.shp", f"{path.name}: {name}.shp") for name in names]
    systems = {named(layer.crs) if layer.crs else "none" for layer in layers}
    if len(systems) > 1:
        raise InputError(f"{path.name}: its layers are in {', '.join(sorted(systems))}; export them in one")
    columns = tuple(dict.fromkeys(name for layer in layers for name in layer.columns))
    return Source(_kept(folder, layers), layers[0].crs, columns, total=sum(layer.count for layer in layers))


def _kept(folder: tempfile.TemporaryDirectory[str], layers: list[Layer]) -> Iterator[Raw]:
    """Yield the records, and keep the unpacked files until then."""
    with folder:
        for layer in layers:
            for one in layer.features:
                yield Raw(f"layer {layer.name[:100]} feature {one.number}", one.values, one.geometry, one.problem)


def _is_layer(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() == ".shp" and not name.startswith("__MACOSX/")


def _plain(name: str, stems: list[str]) -> str | None:
    stem, suffix = name[:-4], PurePosixPath(name).suffix.lower()
    return f"{PurePosixPath(stem).name}{suffix}" if stem in stems and suffix in PARTS else None
