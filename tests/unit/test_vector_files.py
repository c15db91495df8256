"""Vector files that cannot be read are one line that says what to do, without GDAL's advice to those who configure it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from hazard_db.alignment_file import read_pieces
from hazard_db.errors import CorridorError, HazardError, InputError
from hazard_db.glacier_file import read_glaciers, read_outlines

BAD = {
    "a.geojson": b"{",
    "b.shp": b"\0" * 10,
    "c.gpkg": b"hello",
    "d.kml": b"<kml>",
    "e.txt": b"x",
    "f.zip": b"PK",
    "g.shp": b"",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("read", [read_glaciers, read_outlines, read_pieces])
def test_what_is_no_vector_file(tmp_path: Path, name: str, read: object) -> None:
    (tmp_path / name).write_bytes(BAD[name])
    with pytest.raises((InputError, CorridorError)) as error:
        read(tmp_path / name)  # type: ignore[operator]
    told = str(error.value)
    assert told.startswith(name)
    assert "\n" not in told
    for advice in ("driver", "config", "vsi", str(tmp_path)):
        assert advice not in told


def test_a_shapefile_without_its_index(tmp_path: Path) -> None:
    path = tmp_path / "rgi.shp"
    square = np.array([shapely.to_wkb(shapely.box(74, 36, 74.1, 36.1))], dtype=object)
    pyogrio.raw.write(
        path,
        geometry=square,
        field_data=[np.array(["x"], dtype=object)],
        fields=["rgi_id"],
        geometry_type="Polygon",
        crs="EPSG:4326",
    )
    path.with_suffix(".shx").unlink()
    with pytest.raises(HazardError, match=r"rgi\.shx is missing"):
        read_glaciers(path)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize(("crs", "fails"), [(None, True), ("EPSG:32643", False), ("nonsense", True)])
def test_crs_that_is_not_told_is_given(tmp_path: Path, crs: str | None, fails: bool) -> None:
    path = tmp_path / "o.gpkg"
    square = np.array([shapely.to_wkb(shapely.box(480_000, 4_000_000, 481_000, 4_001_000))], dtype=object)
    pyogrio.raw.write(
        path,
        geometry=square,
        field_data=[np.array(["x"], dtype=object)],
        fields=["glac_id"],
        geometry_type="Polygon",
        crs=None,
    )
    if fails:
        with pytest.raises(InputError, match="CRS"):
            read_outlines(path, crs)
        return
    (record,) = read_outlines(path, crs)
    assert record.outline.centroid.x == pytest.approx(74.78, abs=0.01)
    assert record.outline.centroid.y == pytest.approx(36.15, abs=0.01)


@pytest.mark.parametrize(
    ("columns", "schema", "day"),
    [
        ({"RGIId": "RGI50-14.1", "BgnDate": "20019999"}, "RGI 5", "2001-01-01"),
        ({"RGIId": "RGI60-14.1", "BgnDate": "20010803"}, "RGI 6", "2001-08-03"),
        ({"rgi_id": "RGI2000-v7.0-G-14-00001", "src_date": "2002-07-30T00:00:00"}, "RGI 7", "2002-07-30"),
        (
            {"glac_id": "G074599E36400N", "line_type": "glac_bound", "src_date": "1998-08-29T00:00:00"},
            "GLIMS",
            "1998-08-29",
        ),
        ({"glacier_id": 17, "year": 2010}, "other", "2010-01-01"),
    ],
)
def test_whose_columns(tmp_path: Path, columns: dict[str, object], schema: str, day: str) -> None:
    ring = [[74.6, 36.4], [74.7, 36.4], [74.7, 36.5], [74.6, 36.4]]
    feature = {"type": "Feature", "properties": columns, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    path = tmp_path / "o.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    (record,) = read_outlines(path)
    assert (record.schema, str(record.outlined_on)) == (schema, day)
