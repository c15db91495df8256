"""Pictures inside a map that is a file: small, and never more of them than a file can bear."""

from __future__ import annotations

import base64
import logging
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

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
        if self.left <= 0:
            return None
        try:
            with Image.open(self.home / path) as image:
                image.thumbnail((WIDEST_PX, WIDEST_PX))
                small = image.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            log.warning("%s: left out of the map (%s)", path, error)
            return None
        packed = BytesIO()
        small.save(packed, format="PNG")
        self.left -= packed.tell()
        return _data(packed.getvalue())


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
