"""Finished blocks on disk, so that a run that was interrupted goes on where it stood."""

from __future__ import annotations

import json
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detection.arrays import Candidate, Slices
from detection.blocks import Tile
from detection.features import Sighting
from detection.looks import Look
from detection.output import replacing

DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)


class Parts:
    """The blocks of one run in a folder of their own; those of runs on other inputs are swept away.

    Plain arrays and JSON: what lies about in a folder for days must not be code.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder / key[:32]
        for other in folder.glob("*"):
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)

    def has(self, tile: Tile) -> bool:
        """Return whether a block is finished."""
        return self._path(tile).is_file()

    def load(self, tile: Tile) -> Look | None:
        """Return a finished block; None where what is there is damaged."""
        with suppress(*DAMAGE), self._path(tile).open("rb") as file, np.load(file) as stored:
            return _unpacked(tile, stored)
        return None

    def save(self, look: Look) -> None:
        """Keep a finished block."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arrays: Any = _packed(look)
        with replacing(self._path(look.tile)) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)

    def _path(self, tile: Tile) -> Path:
        return self.folder / f"{tile.inner[0].start}-{tile.inner[1].start}.npz"


def _packed(look: Look) -> dict[str, npt.NDArray[Any]]:
    facts = {
        "scores": list(look.scores),
        "cut": [[part.start for part in box] + [part.stop for part in box] for box in look.cut],
        "whole": [
            {name: value for name, value in vars(one.found).items() if name not in {"rows", "cols"}}
            | {"first": one.first.isoformat(), "last": one.last.isoformat()}
            for one in look.whole
        ],
    }
    arrays: dict[str, npt.NDArray[Any]] = {"unseen": look.unseen, "facts": np.array(json.dumps(facts))}
    arrays |= {f"score {name}": layer for name, layer in look.scores.items()}
    for number, one in enumerate(look.whole):
        own = (one.rows, one.cols, one.found.rows, one.found.cols)
        arrays |= {f"{name} {number}": values for name, values in zip(("r", "c", "fr", "fc"), own, strict=True)}
    return arrays


def _unpacked(tile: Tile, stored: Mapping[str, npt.NDArray[Any]]) -> Look:
    facts = json.loads(str(stored["facts"]))
    whole = []
    for number, told in enumerate(facts["whole"]):
        first, last = (datetime.fromisoformat(told.pop(name)) for name in ("first", "last"))
        found = Candidate(rows=stored[f"fr {number}"], cols=stored[f"fc {number}"], **told)
        whole.append(Sighting(stored[f"r {number}"], stored[f"c {number}"], found, first, last))
    cut: list[Slices] = [(slice(top, bottom), slice(left, right)) for top, left, bottom, right in facts["cut"]]
    return Look(tile, stored["unseen"], {name: stored[f"score {name}"] for name in facts["scores"]}, whole, cut)
