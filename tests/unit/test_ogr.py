"""Vector files that are lists of other places: GDAL here follows none of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ELSEWHERE = {
    "vrt": """<OGRVRTDataSource><OGRVRTLayer name="other"><SrcDataSource>{other}</SrcDataSource><SrcLayer>other</SrcLayer>
<GeometryType>wkbPoint</GeometryType><LayerSRS>EPSG:4326</LayerSRS>
<GeometryField encoding="PointFromColumns" x="lon" y="lat"/></OGRVRTLayer></OGRVRTDataSource>""",
    "algorithm": '{{"type": "gdal_streamed_alg", "command_line": "gdal vector read {other} ! write -f stream streamed"}}',
}
READ = """
import sys
from pathlib import Path
from hazard_db.errors import InputError
from hazard_db.ogr import SKIPPED, pyogrio
from hazard_db.vector_file import read_vectors
import ingest.vectors, detection.comparison, api.exports
assert not set(SKIPPED) & set(pyogrio.list_drivers()), pyogrio.list_drivers()
try:
    print(read_vectors(Path(sys.argv[1]))[3])
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ELSEWHERE)
@pytest.mark.parametrize("name", ["data.gpkg", "data.geojson", "data.kml"])
def test_a_file_that_names_another_one_is_not_followed(kind: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("id,lon,lat\nhidden,74.8,36.3\n")
    (tmp_path / name).write_text(ELSEWHERE[kind].format(other=tmp_path / "other.csv"))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / name)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.startswith(f"{name}: is damaged or no vector file")
