"""Opening rasters defensively, and reading layers of any resolution on one grid, window by window."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from hazard_db.errors import RasterError
from ingest.imagery.source import QUALITY, Layer

DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".jp2": "JP2OpenJPEG"}
CACHE_BYTES = 96 << 20
"""Of decoded blocks; GDAL takes megabytes here, but rasterio hands the number on as bytes."""

# OpenJPEG's worker threads swallow the errors of a damaged file; in one thread they are raised.
ENVIRONMENT: dict[str, Any] = {"GDAL_CACHEMAX": CACHE_BYTES, "GDAL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Grid:
    """Where the pixels lie."""

    crs: Any
    epsg: int
    transform: Affine
    width: int
    height: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in the grid's own CRS."""
        west, north = self.transform @ (0, 0)
        east, south = self.transform @ (self.width, self.height)
        return west, south, east, north


@contextmanager
def opened(href: str, label: str, opener: Callable[..., Any] | None = None) -> Iterator[Any]:
    """Yield an open dataset of one of DRIVERS.

    Raises
    ------
    RasterError
        GDAL cannot open or read it.
    """
    suffix = "." + href.rpartition(".")[2].lower()
    if suffix not in DRIVERS:
        raise RasterError(f"{label}: rasters are read as GeoTIFF or JPEG 2000 only (*.tif, *.jp2)")
    with warnings.catch_warnings(), rasterio.Env(**ENVIRONMENT):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            with rasterio.open(href, driver=DRIVERS[suffix], opener=opener) as dataset:
                yield dataset
        except RasterioError as error:
            raise unreadable(label, error) from error


def unreadable(label: str, error: BaseException) -> RasterError:
    """Return the one line for a file that GDAL gives up on."""
    cause = error.__cause__ or error
    reason = (str(cause).splitlines() or ["no reason given"])[0]
    return RasterError(f"{label}: cannot be read, it is damaged or incomplete ({reason}); fetch it again")


def grid_of(dataset: Any, label: str) -> Grid:
    """Return the grid of a dataset.

    Raises
    ------
    RasterError
        It is not placed on the ground by a CRS with an EPSG code and a north-up transform.
    """
    fix = "warp it with `gdalwarp -t_srs EPSG:32643`"
    if dataset.crs is None or dataset.transform == Affine.identity():
        if dataset.gcps[0]:
            raise RasterError(f"{label}: placed by ground control points only; {fix}")
        if dataset.crs is None:
            raise RasterError(f"{label}: has no CRS; set the right one with `gdal_edit.py -a_srs EPSG:n`")
        raise RasterError(f"{label}: has a CRS but no position; georeference it first")
    transform = dataset.transform
    if transform.b or transform.d:
        raise RasterError(f"{label}: is rotated; {fix}")
    if transform.a <= 0 or transform.e >= 0:
        raise RasterError(f"{label}: is not north-up; {fix}")
    epsg = dataset.crs.to_epsg()
    if epsg is None:
        raise RasterError(f"{label}: its CRS has no EPSG code; {fix}")
    return Grid(dataset.crs, epsg, transform, dataset.width, dataset.height)


Numbers = tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]
"""A window as stored, and where it is valid (True = usable)."""


class FileReader:
    """Reads layers of one file on the scene's grid, resampled where its own differs.

    One file is opened once: bands that are stored interleaved are decoded together.
    """

    def __init__(self, layers: Sequence[Layer], grid: Grid, stack: ExitStack) -> None:
        first = layers[0]
        self.layers = tuple(layers)
        self.label = first.member.rpartition("/")[2]
        source = stack.enter_context(opened(first.href, self.label, first.opener))
        own = grid_of(source, self.label)
        if max(layer.band for layer in layers) > source.count:
            raise RasterError(f"{self.label}: has {source.count} bands, not {max(layer.band for layer in layers)}")
        if own.epsg != grid.epsg:
            raise RasterError(
                f"{self.label}: its CRS is EPSG:{own.epsg}, that of the scene's other bands EPSG:{grid.epsg}; "
                "give the bands of one scene in one CRS"
            )
        self.nodata = first.nodata if first.nodata is not None else source.nodatavals[first.band - 1]
        self._dataset = source if _same(own, grid) else self._warped(source, grid, stack)
        # A fill value is compared below, which spares reading the bands twice.
        flags = set(self._dataset.mask_flag_enums[first.band - 1])
        self._masked = not {MaskFlags.all_valid, MaskFlags.nodata} & flags

    def read(self, window: Window) -> list[Numbers]:
        """Return a window of each layer."""
        bands = [layer.band for layer in self.layers]
        try:
            with rasterio.Env(**ENVIRONMENT):  # settings belong to a thread
                numbers = self._dataset.read(bands, window=window)
                masks = self._dataset.read_masks(bands, window=window) if self._masked else None
        except RasterioError as error:
            raise unreadable(self.label, error) from error
        valid = np.ones(numbers.shape, dtype=bool) if masks is None else masks > 0
        if self.nodata is not None and not np.isnan(self.nodata):
            valid &= numbers != self.nodata
        if np.issubdtype(numbers.dtype, np.floating):
            valid &= np.isfinite(numbers)
        return list(zip(numbers, valid, strict=True))

    def _warped(self, source: Any, grid: Grid, stack: ExitStack) -> Any:
        quality = self.layers[0].name in QUALITY
        fill: dict[str, Any] = (
            {"add_alpha": True} if self.nodata is None else {"src_nodata": self.nodata, "nodata": self.nodata}
        )
        return stack.enter_context(
            WarpedVRT(
                source, crs=grid.crs, transform=grid.transform, width=grid.width, height=grid.height,
                resampling=Resampling.nearest if quality else Resampling.bilinear, **fill,
            )
        )  # fmt: skip


def readers(layers: Sequence[Layer], grid: Grid, stack: ExitStack) -> list[FileReader]:
    """Return a reader for each file, in the order in which the layers first name it."""
    files: dict[tuple[str, float | None], list[Layer]] = {}
    for layer in layers:
        files.setdefault((layer.href, layer.nodata), []).append(layer)
    return [FileReader(group, grid, stack) for group in files.values()]


def _same(own: Grid, grid: Grid) -> bool:
    return (own.width, own.height) == (grid.width, grid.height) and own.transform.almost_equals(
        grid.transform, precision=grid.transform.a * 1e-4
    )
