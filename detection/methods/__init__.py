"""Ways to find landslides in pictures; a new one is a sibling file and one line here."""

from __future__ import annotations

from typing import Any

from detection.methods.irmad import IrMad
from detection.methods.matched_filter import MatchedFilter
from detection.methods.pair import Pair
from detection.methods.rdndvi import RdNdvi
from detection.methods.sar_amplitude import SarAmplitude

DETECTORS: dict[str, type[Any]] = {
    "matched_filter": MatchedFilter,
    "pair": Pair,
    "rdndvi": RdNdvi,
    "irmad": IrMad,
    "sar_amplitude": SarAmplitude,
}
