"""Where the search begins: small files of each format, what was found before, and real files where they are at hand."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image

from tests import displacement_files, survey_files
from tests.phones import filled

CORPUS = Path(__file__).with_name("corpus")
"""Folder by parser: content that once brought another error than a refusal."""
LARGEST = 300_000
"""Bytes; larger real files slow the search down and tell no more."""
REAL: Mapping[str, tuple[str, ...]] = {
    "survey": ("field/gpx_kml/**/*.gpx", "field/gpx_kml/**/*.kml"),
    "inventory": ("inventories/**/*.geojson", "inventories/**/*.zip"),
    "quakes": ("triggers/usgs_quakes/*.json", "triggers/usgs_shakemap/*.xml"),
    "bulletins": ("triggers/gdacs/*.xml",),
    "outlines": ("glaciers/**/*.geojson", "glaciers/**/*.gpkg"),
    "submission": ("field/odk_*/**/*.xml",),
    "photo": ("field/photos_exif/**/*.jpg",),
    "rain": ("triggers/gpm_imerg/*.tif",),
}
DAYS = [date(2023, 1, 5), date(2023, 1, 17), date(2023, 1, 29)]
Y = np.arange(12.0).reshape(3, 2, 2)


def _written(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed"
        write(path)
        return path.read_bytes()


def _line(kind: str, coordinates: object, **properties: object) -> bytes:
    feature = {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()


def _photo() -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[306] = "2026:05:01 14:30:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (36.0, 19.0, 12.0), 3: "E", 4: (74.0, 52.0, 12.0)})
    Image.new("RGB", (8, 8), "red").save(out, "JPEG", exif=exif)
    return out.getvalue()


MADE: Mapping[str, Callable[[], list[bytes]]] = {
    "survey": lambda: [
        _written(lambda path: survey_files.write_csv(path, survey_files.row())),
        _written(lambda path: survey_files.write_geojson(path, survey_files.feature((74.87, 36.32), id="1", kind="rockfall"))),
        b'<gpx version="1.1"><wpt lat="36.3" lon="74.8"><ele>2500</ele><time>2026-05-01T09:00:00Z</time><name>a</name></wpt></gpx>',
        b"<kml><Placemark><name>a</name><Point><coordinates>74.8,36.3,0</coordinates></Point></Placemark></kml>",
    ],
    "inventory": lambda: [b"id,latitude,longitude,date,size\n1,36.3,74.8,2010-01-04,large\n"],
    "displacement": lambda: [
        _written(lambda path: displacement_files.write_scatterers(path, Y, DAYS)),
        _written(lambda path: displacement_files.write_egms(path, Y, DAYS)),
        _written(lambda path: displacement_files.write_mintpy(path, Y, DAYS)),
    ],
    "alignment": lambda: [_line("LineString", [[74.8, 36.3, 1], [74.9, 36.4, 2]], km_from=640, km_to=655)],
    "outlines": lambda: [_line("Polygon", [[[74.8, 36.3], [74.9, 36.3], [74.9, 36.4], [74.8, 36.3]]], rgi_id="R", src_date="20090715")],
    "quakes": lambda: [_line("Point", [74.8, 36.3, 10], mag=5.1, time=1715000000000, place="Hunza", type="earthquake")],
    "bulletins": lambda: [b"<rss version='2.0'><channel><item><title>a</title><link>https://x</link></item></channel></rss>"],
    "rain": lambda: [],
    "filter_text": lambda: [b"name LIKE 'a%' AND id IN (1,2)", b"at > DATE('2020-01-01') AND NOT id = 1 + 2 * 3"],
    "filter_json": lambda: [b'{"op":"and","args":[{"op":"=","args":[{"property":"id"},1]},{"op":"isNull","args":[{"property":"name"}]}]}'],
    "submission": lambda: [filled("uuid:6d5cc81c-6b9a-4d36-9a5f-2f2f5f1b7a11", form="landslide", photo="a.jpg")],
    "photo": lambda: [_photo()],
    "item": lambda: [
        json.dumps(
            {"id": f"{name}_43SDA_1", "collection": name, "geometry": {"type": "Point", "coordinates": [74.8, 36.3]},
             "properties": {"datetime": "2023-07-15T05:46:41Z", **facts}, "assets": {key: {"href": "a.tif"} for key in keys.split()}}
        ).encode()
        for name, keys, facts in (
            ("sentinel-2-l2a", "B02 B03 B04 B08 B11 B12 SCL", {"s2:processing_baseline": "05.09", "grid:code": "MGRS-43SDA"}),
            ("landsat-c2-l2", "blue green red nir08 swir16 swir22 qa_pixel", {"landsat:wrs_path": "149"}),
            ("hls2-s30", "B02 B03 B04 B8A B11 B12 Fmask", {}),
            ("sentinel-1-rtc", "vv vh", {"sar:unit": "dB", "view:incidence_angle": 39.0}),
        )
    ],
}  # fmt: skip


def seeds(parser: str) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents to begin with."""
    for number, content in enumerate(MADE[parser]()):
        yield f"made {number}", content
    for path in sorted((CORPUS / parser).glob("*")):
        yield path.name, path.read_bytes()
    real = os.environ.get("HAZARD_TEST_DATA")
    for pattern in REAL.get(parser, ()) if real else ():
        for path in sorted(Path(str(real)).glob(pattern)):
            if path.stat().st_size <= LARGEST:
                yield path.name, path.read_bytes()
