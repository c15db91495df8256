"""The formats that are understood, found out from what is in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hazard_db.errors import UnknownFormatError
from ingest import files, xml_elements, zips
from ingest.survey import delimited, geojson, geopackage, gpx, kml, shapefile, spreadsheet
from ingest.survey.source import Sample, Source


@dataclass(frozen=True)
class Format:
    """How one format is recognised and read."""

    claims: Callable[[Sample], bool]
    read: Callable[[Path], Source]


FORMATS: dict[str, Format] = {
    "GeoPackage": Format(geopackage.claims, geopackage.read),
    "Shapefile": Format(shapefile.claims, shapefile.read),
    "XLSX": Format(spreadsheet.claims, spreadsheet.read),
    "KML": Format(kml.claims, kml.read),
    "GPX": Format(gpx.claims, gpx.read),
    "GeoJSON": Format(geojson.claims, geojson.read),
    "CSV": Format(delimited.claims, delimited.read),
}
"""First match wins; to add one, copy a sibling file and add a line here."""

ADVICE = {
    b"\xd0\xcf\x11\xe0": "is an old Excel or Word file; save it as XLSX",
    b"\x1f\x8b": "is compressed with gzip; unpack it first",
    b"7z\xbc\xaf": "is a 7-Zip archive; unpack it first",
    b"Rar!": "is a RAR archive; unpack it first",
    b"\x00\x00\x27\x0a": "is one part of a Shapefile; zip .shp, .shx, .dbf and .prj together",
    b"%PDF": "is a PDF; export the survey as CSV or GeoJSON",
    b"\xff\xd8\xff": "is a photo; photos are added to an observation",
}


def recognise(path: Path) -> str:
    """Return the name of the format of a file.

    Raises
    ------
    UnknownFormatError
        It is none of FORMATS.
    InputError
        It is a damaged or dangerous archive or XML.
    """
    sample = look(path)
    for name, known in FORMATS.items():
        if known.claims(sample):
            return name
    raise UnknownFormatError(f"{path.name}: {_advice(sample)}")


def look(path: Path) -> Sample:
    """Return what the format of a file is found out from."""
    head = files.head(path)
    members = zips.members(path) if zips.is_zip(head) else {}
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    is_xml = text.startswith((b"<", b"\xff\xfe<\x00", b"\xfe\xff\x00<"))
    return Sample(path, head, members, xml_elements.root_name(head.lstrip(), path.name) if is_xml else None)


def _advice(sample: Sample) -> str:
    for start, advice in ADVICE.items():
        if sample.head.startswith(start):
            return advice
    if sample.root is not None:
        return f"is XML of the kind {sample.root[:60]!r}; export it as GPX or KML"
    if sample.members:
        return "is a zip archive without a Shapefile, KML or workbook in it"
    if sample.suffix in {".dbf", ".shx", ".prj", ".cpg"}:
        return ADVICE[b"\x00\x00\x27\x0a"]
    return (
        f"its content is not what the name {sample.suffix or 'without an extension'} promises; understood are GeoJSON, "
        "GeoPackage, zipped Shapefile, KML, KMZ, GPX, CSV and XLSX"
    )
