"""How rasters are opened for those who look: as GeoTIFFs and nothing else, with nothing looked at around them."""

from __future__ import annotations

import attr
import rasterio
from rio_tiler.io import Reader as RasterReader

GDAL = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no looking around beside the file
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif,.tiff",
    "GDAL_HTTP_TIMEOUT": "20",
    "GDAL_HTTP_MAX_RETRY": "2",
}


@attr.s
class GeoTIFF(RasterReader):
    """Reads a file as a GeoTIFF, whatever it says it is: others may name further files and hosts."""

    def __attrs_post_init__(self) -> None:
        self.dataset = self.dataset or self._ctx_stack.enter_context(rasterio.open(self.input, driver="GTiff"))
        super().__attrs_post_init__()  # type: ignore[no-untyped-call]
