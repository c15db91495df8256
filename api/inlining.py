"""Pictures inside a map that is a file: small, and never more of them than a file can bear."""

from __future__ import annotations

import base64
import logging
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from api.pictured import composed, sides_of
from hazard_db.panels import Panel, Panels
from maps.swipe import Picture, Side

log = logging.getLogger("api")

WIDEST_PX = 560
COLOURS = 160
MOST_BYTES = 1_200_000
"""Of all pictures of changes together; the newest come first."""


class Inlined:
    """Pictures of a catalogue as data URIs."""

    def __init__(self, home: Path) -> None:
        self.home, self.left = home, MOST_BYTES

    def picture(self, path: str) -> str | None:
        """Return a picture, None where it is missing, broken or one too many."""
        return self._packed(path, None) if self.left > 0 else None

    def sides(self, path: str) -> tuple[Side, Side] | None:
        """Return the two dates of a picture; None where it does not tell them apart, is broken or one too many."""
        return (
            sides_of(Panels.read(self.home / path), lambda panel: self._packed(path, panel)) if self.left > 0 else None
        )

    def swipe(self, path: str) -> Picture | None:
        """Return the picture that the map is about, with its panels apart; None where it is missing or broken."""
        if (told := Panels.read(self.home / path)) is None:
            whole = self._packed(path, None)
            return Picture(whole, None) if whole else None
        shown = composed(told, "", None, lambda panel: self._packed(path, panel))
        return shown if shown.sides else None

    def _packed(self, path: str, panel: Panel | None) -> str | None:
        try:
            with Image.open(self.home / path) as image:
                part = image.crop(panel.box) if panel else image
                part.thumbnail((WIDEST_PX, WIDEST_PX))
                small = part.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            log.warning("%s: left out of the map (%s)", path, error)
            return None
        packed = BytesIO()
        small.save(packed, format="PNG")
        self.left -= packed.tell()
        return f"data:image/png;base64,{base64.b64encode(packed.getvalue()).decode()}"
