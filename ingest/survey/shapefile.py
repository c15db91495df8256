"""Zipped Shapefiles, with their texts in whatever encoding a .cpg names or the bytes betray."""

from __future__ import annotations

import codecs
import tempfile
from pathlib import Path, PurePosixPath

from hazard_db.errors import InputError
from ingest import zips
from ingest.encodings import SAMPLE, guess
from ingest.survey.geopackage import records
from ingest.survey.source import Sample, Source
from ingest.vectors import read_layer

PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
CODE_PAGES = {"936": "gbk", "950": "big5", "1252": "cp1252", "1256": "cp1256", "65001": "utf-8", "ansi936": "gbk"}


def claims(sample: Sample) -> bool:
    """Return whether the archive holds a Shapefile."""
    return any(_suffix(name) == ".shp" for name in sample.members)


def read(path: Path) -> Source:
    """Return the features of the one Shapefile in the archive.

    Raises
    ------
    InputError
        There are several, parts are missing, or it is damaged.
    """
    folder = tempfile.TemporaryDirectory(prefix="kkh-")
    try:
        return _opened(path, folder)
    except BaseException:
        folder.cleanup()
        raise


def _opened(path: Path, folder: tempfile.TemporaryDirectory[str]) -> Source:
    stem = _stem(path, [name for name in zips.members(path) if _suffix(name) in PARTS])
    parts = zips.extract(path, lambda name: _plain(name, stem), Path(folder.name))
    present = {part.suffix for part in parts}
    if ".dbf" not in present or ".shx" not in present:
        raise InputError(f"{path.name}: the Shapefile lacks its .dbf or .shx; zip .shp, .shx, .dbf and .prj together")
    encoding, notes = _encoding(path.name, Path(folder.name))
    layer = read_layer(Path(folder.name) / "survey.shp", path.name, encoding=encoding)
    return Source(records([layer]), layer.crs, layer.columns, notes, layer.count, folder=folder)


def _stem(path: Path, names: list[str]) -> str:
    """Return the name without extension of the one .shp among names."""
    stems = sorted(name[:-4] for name in names if _suffix(name) == ".shp" and not name.startswith("__MACOSX/"))
    if len(stems) != 1:
        raise InputError(f"{path.name}: holds {len(stems)} Shapefiles; zip them one by one")
    return stems[0]


def _plain(name: str, stem: str) -> str | None:
    return f"survey{_suffix(name)}" if name[:-4].lower() == stem.lower() and _suffix(name) in PARTS else None


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _encoding(label: str, folder: Path) -> tuple[str | None, tuple[str, ...]]:
    """Return the encoding of the texts: what .cpg names, else what the bytes look like; and a note on it."""
    declared = folder / "survey.cpg"
    told = declared.read_bytes()[:100].decode("ascii", "replace").strip().lower() if declared.exists() else ""
    declared.unlink(missing_ok=True)  # GDAL would have its own opinion
    name = CODE_PAGES.get(told.removeprefix("cp").removeprefix("oem ").strip(), told)
    try:
        if name:
            return codecs.lookup(name).name, ()
    except LookupError:
        return None, (f"the encoding {told!r} of the .cpg is unknown",)
    with (folder / "survey.dbf").open("rb") as stream:
        header = stream.read(32)
        stream.seek(int.from_bytes(header[8:10], "little"))
        sample = stream.read(SAMPLE)
    if sample.isascii():
        return None, ()
    found = guess(sample) or "cp1252"
    return found, (f"the Shapefile does not tell its encoding; read as {found}",)
