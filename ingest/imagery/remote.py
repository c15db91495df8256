"""A scene out of an archive into the catalogue: only its bands, and of them what lies along the road."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from pydantic import Field
from pydantic.networks import IPvAnyNetwork
from pydantic_settings import SettingsConfigDict
from rasterio.errors import RasterioError

from hazard_db import corridor as road
from hazard_db.connect import Engine, transaction
from hazard_db.errors import RasterError, SourceError
from hazard_db.progress import Progress
from hazard_db.settings import Settings
from ingest.imagery import shelf, space
from ingest.imagery.crop import crop
from ingest.imagery.load import BUFFER_M, Job, SceneReport, content_key, grid_of_scene, hashed, store
from ingest.imagery.polite import Manners, Polite
from ingest.imagery.ranges import Opener
from ingest.imagery.signing import signed
from ingest.imagery.source import Layer
from ingest.imagery.stacitems import Item, scene_of, version_of

DOWNLOADS = "downloads"
SUFFIXES = (".tif", ".tiff", ".jp2")


class ArchiveSettings(Settings):
    """How archives are asked; prefix HAZARD_ARCHIVE_."""

    model_config = SettingsConfigDict(env_prefix="HAZARD_ARCHIVE_")

    allowed_networks: tuple[IPvAnyNetwork, ...] = ()
    """Private networks that may be asked, as JSON."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request, as JSON, for archives that want a key."""
    requests_per_s: Annotated[float, Field(gt=0, le=1000)] = 8.0
    whole_mb: float = 64.0
    """Files with a checksum up to this size are fetched whole and checked; of larger ones only the part along the road is read."""
    every_min: float = 60.0
    """How often an archive is asked for what is new."""
    overlap_days: int = 30
    """How far back it is asked each time: archives add and process again what is older."""
    whole_every_days: float = 30.0
    """So often it is asked for all of it: years are processed anew."""
    silent_after_h: float = 120.0
    """An archive that brings nothing new for so long is told to be silent."""

    def manners(self) -> Manners:
        """Return how to ask."""
        return Manners(self.requests_per_s, allowed_networks=self.allowed_networks, headers=self.headers)


@dataclass
class Fetcher:
    """Where and how the files of one item are read."""

    polite: Polite
    folder: Path
    """For files that are fetched whole; what broke off goes on there."""
    whole_bytes: float
    item_id: str

    def __call__(self, name: str, asset: Mapping[str, Any]) -> Layer:
        """Return the band of an asset, read where it lies, or fetched whole and checked where it has a checksum."""
        others = (asset.get("alternate") or {}).values()
        hrefs = [str(one["href"]) for one in (asset, *others) if one.get("href")]
        base = hrefs[0].partition("?")[0]
        if not base.lower().endswith(SUFFIXES):
            raise RasterError(f"{self.item_id}: {base} is neither GeoTIFF nor JPEG 2000")
        member = base.rpartition("/")[2]
        mirrors = [partial(signed, self.polite, href) for href in hrefs]
        checksum, size = asset.get("file:checksum"), asset.get("file:size")
        if checksum and float(size or 0) <= self.whole_bytes:
            path = self._whole(base, mirrors, str(checksum))
            return Layer(name, member, str(path))
        # the name's end tells GDAL the format; the path is what the opener knows the file by
        return Layer(name, member, base, opener=Opener(self.polite, base, mirrors))

    def _whole(self, base: str, mirrors: Sequence[Callable[[], str]], checksum: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = (
            self.folder / f"{hashlib.sha256(f'{base} {checksum}'.encode()).hexdigest()[:24]}{Path(base).suffix.lower()}"
        )
        problem: SourceError | None = None
        for address in mirrors if not path.exists() else ():
            try:
                self.polite.download(address(), path, multihash=checksum)
                break
            except SourceError as error:
                problem = error
        if not path.exists() and problem is not None:
            raise problem
        return path


def ingest_item(
    engine: Engine,
    item: Item,
    *,
    home: Path,
    polite: Polite,
    settings: ArchiveSettings,
    actor: str,
    progress: Progress,
) -> SceneReport:
    """Return what became of an item of an archive.

    Raises
    ------
    RasterError
        It cannot be used as it is.
    SourceError
        The archive does not answer as it should; try again later.
    SpaceError
        The disk is full.
    """
    started = perf_counter()
    space.require(home)
    label = str(item.get("id"))
    folder = home / DOWNLOADS / hashlib.sha256(f"{label} {version_of(item)}".encode()).hexdigest()[:24]
    with transaction(engine) as conn:
        job = Job(engine, home / shelf.RASTERS, road.buffer(conn, BUFFER_M), None, actor, progress)
    (home / shelf.RASTERS).mkdir(parents=True, exist_ok=True)
    progress(f"{label}: asking the archive", 0.0)
    source = scene_of(item, Fetcher(polite, folder, settings.whole_mb * 1e6, label))
    try:
        part = crop(grid_of_scene(source), job.corridor, label)
        checksum = hashed([source.acquisition, source.baseline, source.generated_at, version_of(item)])
        key = content_key(job, part, checksum, source)
        source = replace(source, notes=source.notes + _unchecked(source.bands))
        report = store(
            job, source, part, checksum=checksum, key=key, label=label, origin={"archive_item": label}, started=started
        )
    except RasterError as error:
        problem = next((one.opener.problem for one in source.bands if isinstance(one.opener, Opener)), None)
        if problem is not None:
            raise SourceError(f"{label}: {problem}") from error
        if isinstance(error.__cause__, RasterioError):  # bytes that came over the wire broken may come whole next time
            shutil.rmtree(folder, ignore_errors=True)
            raise SourceError(str(error)) from error
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return report


def _unchecked(layers: tuple[Layer, ...]) -> tuple[str, ...]:
    return ("read in part where it lies: no checksum was compared",) if any(one.opener for one in layers) else ()
