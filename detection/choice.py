"""Which method suits the dates and bands of a plan, and whether they make a comparison at all."""

from __future__ import annotations

from collections.abc import Sequence

from detection.arrays import Detector
from detection.fusion import Fused
from detection.methods import DETECTORS
from detection.sources import FEWEST_BANDS, Scene
from detection.windows import Plan, check_dem, check_overlap
from hazard_db.errors import DetectionError

STACK, PAIR, SAR = "matched_filter", "pair", "sar_amplitude"
STACK_BANDS = frozenset({"red", "nir"})
"""The method for stacks needs at least these; one date on each side, or only visible light, is a pair's case."""


def choose(method: str | None, plan: Plan) -> tuple[str, Detector]:
    """Return the detector asked for, else the one that suits the dates and bands.

    Raises
    ------
    DetectionError
        There is no such method.
    """
    if method is not None and method not in DETECTORS:
        raise DetectionError(f"there is no method '{method}'; use one of {', '.join(sorted(DETECTORS))}")
    radar, optical = ([one for one in plan.scenes if (one.look is not None) == kind] for kind in (True, False))
    if method == SAR and optical:
        raise DetectionError(f"{optical[0].label}: holds reflectance, and {SAR} looks at radar (vh, vv); leave it out")
    if method in (None, SAR) and not optical:
        return SAR, DETECTORS[SAR]()
    if not optical:
        raise DetectionError(f"{radar[0].label}: holds radar, which {method} cannot use; use {SAR}")
    name = method or _suiting([[one for one in side if one.look is None] for side in (plan.before, plan.after)])
    detector = _built(name, masked=all(one.quality is not None for one in optical))
    return (f"{name}+{SAR}", Fused(detector, DETECTORS[SAR]())) if radar else (name, detector)


def _built(name: str, *, masked: bool) -> Detector:
    """Return a detector of reflectance, told whether all dates have a quality band where it asks for that."""
    kind = DETECTORS[name]
    detector: Detector = kind(masked=masked) if "masked" in getattr(kind, "model_fields", ()) else kind()
    return detector


def _suiting(sides: Sequence[Sequence[Scene]]) -> str:
    """Return the method for dates of reflectance before and after."""
    common = frozenset.intersection(*(frozenset(scene.bands) for side in sides for scene in side))
    single = all(len(side) == 1 for side in sides)
    return PAIR if single or not common >= STACK_BANDS else STACK


def check(plan: Plan) -> None:
    """Refuse what cannot be compared before any pixel is read."""
    check_overlap(plan)
    if plan.dem is not None:
        check_dem(plan.dem, plan.grid)
    for radar, fewest in ((False, FEWEST_BANDS), (True, 1)):
        scenes = [scene for scene in plan.scenes if (scene.look is not None) == radar]
        if scenes:
            _check_sensor(scenes, plan, fewest)


def _check_sensor(scenes: Sequence[Scene], plan: Plan, fewest: int) -> None:
    """Refuse dates of one sensor that do not stand on both sides, or have too few bands in common."""
    if all(scene in plan.before for scene in scenes) or all(scene in plan.after for scene in scenes):
        side, other = ("before", "after") if scenes[0] in plan.before else ("after", "before")
        kind = "reflectance" if scenes[0].look is None else "radar"
        raise DetectionError(
            f"{scenes[0].label}: {kind} is given --{side} only; give some --{other} too, or leave it out"
        )
    common = set.intersection(*(set(scene.bands) for scene in scenes))
    if len(common) < fewest:
        bands = "; ".join(f"{scene.label}: {', '.join(scene.bands)}" for scene in scenes)
        raise DetectionError(f"the dates have fewer than {fewest} bands in common ({bands}); give the missing bands")
