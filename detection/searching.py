"""Running a detector over a grid in blocks of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import rasterio
from rasterio.windows import Window

from detection.area import Area
from detection.arrays import Block, BoolArray, Detector, FloatArray, NotEnoughDataError, Score, Slices
from detection.blocks import Tile, crop_block, crop_score, tiles
from detection.evidence import ground_of
from detection.features import Sighting, sightings
from detection.grids import ENVIRONMENT
from detection.hiding import NO_DATA, Codes, why_unseen
from detection.looks import Look
from detection.output import NONE, NOT_OBSERVED, create_raster
from detection.parts import Parts
from detection.readers import Readers
from detection.regions import MARGIN_PX, completed, grow, sort_out, unique, within
from detection.scheduling import Crew, in_turn, return_gaps, return_large_arrays
from detection.scheduling import crew as crew_of
from detection.windows import Plan, inset
from hazard_db.errors import DetectionError
from hazard_db.progress import Progress

_OWN = "_readers"

FIT_TILE_PX, FIT_TILES = 512, 16
"""The statistics of the scene come from so many tiles at fixed places: the result does not depend on the blocks."""
FIT_USABLE = 0.02
"""Share of a tile that must be seen before and after for it to count."""
FIT_SHARE = 0.2
"""Of the work."""
GAPS_EVERY = 8
"""Blocks between two times that gaps in memory are given back: each time costs what it takes to fill them again."""


@dataclass
class Seen:
    """What all blocks together showed."""

    observed_px: int = 0
    area_px: int = 0
    pieces: int = 0
    fit_tiles: int = 0

    @property
    def share(self) -> float:
        """Share of the area that was seen before and after."""
        return self.observed_px / self.area_px if self.area_px else 0.0


class Search:
    """A detector at work on a plan; each thread reads through its own open files."""

    def __init__(self, plan: Plan, detector: Detector, area: Area, block_px: int, *, evidence: bool = False) -> None:
        self.plan, self.detector, self.area = plan, detector, area
        self.block_px, self.evidence = block_px, evidence
        self.seen = Seen()
        self.model: Any = None
        self._before = [scene.acquired.at for scene in plan.before]
        self._after = [scene.acquired.at for scene in plan.after]
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._readers.__exit__(kind, error, trace)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process or machine needs: everything but open files."""
        return {name: value for name, value in vars(self).items() if name != _OWN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._open()

    def _open(self) -> None:
        return_large_arrays()
        self._readers = Readers(self.plan)

    def fit(self, tell: Progress) -> None:
        """Take the statistics of the whole scene.

        Raises
        ------
        DetectionError
            There is nothing, or too little, that is seen before and after.
        """
        try:
            self.model = self.detector.fit(self._sample(tell))
        except NotEnoughDataError as error:
            if not self.seen.fit_tiles:
                raise DetectionError(_nothing(self.plan)) from error
            raise DetectionError(f"too little to compare: {error}") from error
        if not self.seen.fit_tiles:
            raise DetectionError(_nothing(self.plan))
        return_gaps()

    def everywhere(
        self, folder: Path, tell: Progress, crew: Crew | None = None, parts: Parts | None = None
    ) -> list[Sighting]:
        """Return the objects of the whole grid; what was observed is written to `folder`/mask.tif, what hid the rest to unseen.tif.

        Blocks that are in `parts` already are taken from there, the others kept there.
        """
        work = [tile for tile in tiles(self.plan.grid.shape, self.block_px) if self.area.touches(tile.inner)]
        whole: list[Sighting] = []
        cut: list[Slices] = []
        with ExitStack() as stack:
            mask = stack.enter_context(
                create_raster(folder / "mask.tif", self.plan.grid, "uint8", NOT_OBSERVED, ["change"])
            )
            unseen = stack.enter_context(
                create_raster(folder / "unseen.tif", self.plan.grid, "uint8", NOT_OBSERVED, ["unseen"])
            )
            crew = crew or stack.enter_context(crew_of())
            evidence: Any = None
            for number, look in enumerate(self._looks(crew, work, parts)):
                tell("looking for changes", FIT_SHARE + (1 - FIT_SHARE) * number / len(work))
                if number % GAPS_EVERY == 0:
                    return_gaps()
                place = Window.from_slices(*look.tile.inner)
                mask.write(np.where(look.observed, NONE, NOT_OBSERVED).astype(np.uint8), 1, window=place)
                unseen.write(look.unseen, 1, window=place)
                if look.scores:
                    if evidence is None:
                        path = folder / "evidence.tif"
                        evidence = stack.enter_context(
                            create_raster(path, self.plan.grid, "float32", np.nan, list(look.scores))
                        )
                    evidence.write(np.stack(list(look.scores.values())), window=place)
                self.seen.observed_px += int(look.observed.sum())
                whole += look.whole
                cut += look.cut
            for objects in completed(cut, self.plan.grid.shape, self.objects):
                self.seen.pieces += 1
                whole += objects
        self.seen.area_px = self._area_px(work)
        return unique(whole, self.plan.grid.shape[1])

    def _looks(self, crew: Crew, work: list[Tile], parts: Parts | None) -> Iterator[Look]:
        """Yield what every block shows, in order."""
        kept = [parts is not None and parts.has(tile) for tile in work]
        missing = [tile for tile, has in zip(work, kept, strict=True) if not has]
        with closing(in_turn(crew.executor, self.look, missing, crew.workers + 1)) as fresh:
            for tile, has in zip(work, kept, strict=True):
                if parts is None or not has:
                    look = next(fresh)
                    if parts is not None:
                        parts.save(look)
                else:
                    look = parts.load(tile) or self.look(tile)
                yield look

    def look(self, tile: Tile) -> Look:
        """Return what a block shows."""
        looked_at = grow(tile.inner, self.plan.grid.shape, MARGIN_PX)
        with rasterio.Env(**ENVIRONMENT):
            score, ground, unseen, objects = self._objects(looked_at)
        whole, cut = sort_out(objects, looked_at, tile.inner, self.plan.grid.shape)
        inside = within(tile.inner, looked_at)
        inner = crop_score(score, inside)
        unseen = np.where(self.area.inside(tile.inner), unseen[inside], NO_DATA).astype(np.uint8)
        scores: dict[str, FloatArray] = {}
        if self.evidence:
            shown = {name: layer[inside] for name, layer in ground.items()}
            scores = {name: layer.copy() for name, layer in ({"z": inner.z} | shown | inner.layers).items()}
        return Look(tile, unseen, scores, whole, cut)

    def objects(self, window: Slices) -> list[Sighting]:
        """Return the objects of a window."""
        with rasterio.Env(**ENVIRONMENT):
            return self._objects(window)[3]

    def _objects(self, window: Slices) -> tuple[Score, dict[str, FloatArray], Codes, list[Sighting]]:
        """Return the score of a window, what it looks like where evidence is wanted, what hides it, and its objects."""
        wide = grow(window, self.plan.grid.shape, self.detector.halo_px)
        block = self._readers.mine().block(wide)
        inside = within(window, wide)
        ground = ground_of(crop_block(block, inside)) if self.evidence else {}
        try:
            score = crop_score(self.detector.score(replace(block, spare=True), self.model), inside)
            block = crop_block(block, inside)
            candidates = self.detector.candidates(score, block)
        except NotEnoughDataError as error:
            raise DetectionError(f"too little to compare: {error}") from error
        corner = (window[0].start, window[1].start)
        found = sightings(candidates, score, corner, self._before, self._after, terrain=block.terrain)
        return score, ground, why_unseen(block, score.observed), [one for one in found if self._in_area(one)]

    def _in_area(self, one: Sighting) -> bool:
        if self.area.polygon is None:
            return True
        rows, cols = (
            slice(int(one.rows.min()), int(one.rows.max()) + 1),
            slice(int(one.cols.min()), int(one.cols.max()) + 1),
        )
        return bool(self.area.inside((rows, cols))[one.rows - rows.start, one.cols - cols.start].any())

    def _sample(self, tell: Progress) -> Iterator[Block]:
        """Yield blocks spread over the area, in an order without pattern, the same one every time."""
        every = [tile.inner for tile in tiles(self.plan.grid.shape, FIT_TILE_PX) if self.area.touches(tile.inner)]
        order = [inset(every[index]) for index in np.random.default_rng(0).permutation(len(every))]
        with crew_of() as crew, closing(in_turn(crew.executor, self._read, order, 2)) as blocks:
            for block in blocks:
                if _both_seen(block).mean() < FIT_USABLE:
                    continue
                self.seen.fit_tiles += 1
                tell("learning what is usual", FIT_SHARE * self.seen.fit_tiles / min(FIT_TILES, len(every)))
                yield block
                if self.seen.fit_tiles >= FIT_TILES:
                    break

    def _read(self, window: Slices) -> Block:
        with rasterio.Env(**ENVIRONMENT):
            return self._readers.mine().block(window)

    def _area_px(self, work: Iterable[Tile]) -> int:
        if self.area.polygon is None:
            return self.plan.grid.shape[0] * self.plan.grid.shape[1]
        return sum(int(self.area.inside(tile.inner).sum()) for tile in work)


def _both_seen(block: Block) -> BoolArray:
    """Return where a date before and one after see the ground, (rows, cols)."""
    earlier, later = (np.logical_or.reduce([one.usable for one in dates]) for dates in (block.before, block.after))
    return np.asarray(earlier & later, dtype=np.bool_)


def _nothing(plan: Plan) -> str:
    dates = ", ".join(f"{scene.label} ({scene.acquired.at:%Y-%m-%d})" for scene in plan.scenes)
    return (
        f"there is hardly a pixel that is clear both before and after: {dates}; "
        "give more dates, or check that the rasters cover the same ground"
    )
