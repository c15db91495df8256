"""What the picture of a change is made of: told within the PNG itself, so that each of its panels can be shown by itself."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Literal, Self

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, ConfigDict, ValidationError

Layer = Literal["before", "after", "z", "slope_deg"]
EVIDENCE: tuple[Layer, ...] = ("z", "slope_deg")
"""What a change was judged by."""
KEY = "panels"
"""Of the text within the PNG; pictures of earlier versions have none, and are shown whole."""
COMPRESS_LEVEL = 6


class Panel(BaseModel):
    """A part of a picture: one date, or a layer that the change was judged by."""

    model_config = ConfigDict(frozen=True)

    layer: Layer
    box: tuple[int, int, int, int]
    """Left, top, right, bottom: pixels of the picture."""
    day: str | None = None
    platform: str | None = None
    """Satellite of a date as people call it; None where its files do not tell."""


class Panels(BaseModel):
    """The panels of a picture; all show the same ground."""

    model_config = ConfigDict(frozen=True)

    panels: tuple[Panel, ...]
    width_m: float
    """Width of the ground."""

    def of(self, layer: str) -> Panel | None:
        """Return a panel."""
        return next((one for one in self.panels if one.layer == layer), None)

    @property
    def info(self) -> PngInfo:
        """What the PNG is saved with."""
        made = PngInfo()
        made.add_itxt(KEY, self.model_dump_json(), zip=False)
        return made

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Return the panels of a picture by its head alone; None where it tells none, or cannot be read."""
        try:
            with Image.open(file) as picture:
                (width, height), told = picture.size, picture.info.get(KEY)
            found = cls.model_validate_json(told) if told else None
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, ValidationError):
            return None
        if found is None or any(not _inside(one.box, width, height) for one in found.panels):
            return None
        return found


def cut(file: Path, panel: Panel) -> bytes:
    """Return a panel as a PNG of its own, every pixel as it is in the picture."""
    out = BytesIO()
    with Image.open(file) as picture:
        picture.crop(panel.box).save(out, format="PNG", compress_level=COMPRESS_LEVEL)
    return out.getvalue()


def _inside(box: tuple[int, int, int, int], width: int, height: int) -> bool:
    left, top, right, bottom = box
    return 0 <= left < right <= width and 0 <= top < bottom <= height
