"""pyogrio, as it is imported here: without the drivers that follow what stands in a file to other files, programs or hosts."""

from __future__ import annotations

import os

SKIPPED = (
    "OGR_VRT", "GDALG", "HTTP", "WFS", "OAPIF", "OGCAPI", "CSW", "GeoRSS", "EEDA", "Elasticsearch", "Carto", "AmigoCloud", "PLSCENES",
    "NGW", "ADBC", "GPSBabel",
)  # fmt: skip
"""A file may call itself .gpkg and be a list of addresses: GDAL goes by content."""

_given = os.environ.get("GDAL_SKIP")
os.environ["GDAL_SKIP"] = ",".join(SKIPPED)  # read once, when its drivers are registered
try:
    import pyogrio
    import pyogrio.errors
    import pyogrio.raw
finally:  # GDAL inside rasterio is another one, with other drivers
    del os.environ["GDAL_SKIP"]
    if _given is not None:
        os.environ["GDAL_SKIP"] = _given

BROKEN = (
    pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError, pyogrio.errors.FieldError,
    LookupError, UnicodeDecodeError, RuntimeError, OSError, ValueError,
)  # fmt: skip
"""What it raises on a file that it cannot read."""

__all__ = ["BROKEN", "SKIPPED", "pyogrio"]
