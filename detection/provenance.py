"""How a comparison came about: what went in, what a reader must know, and what makes a block of it the same as one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from detection.arrays import Detector
from detection.bandpass import OLI
from detection.coregister import Shift
from detection.rasterfiles import sha256
from detection.sources import Scene
from detection.windows import Plan


def inputs_of(plan: Plan, shifts: Mapping[str, Shift]) -> list[dict[str, Any]]:
    """Return what went in, file by file."""
    listed = []
    for role, scenes in (("before", plan.before), ("after", plan.after)):
        for scene in scenes:
            facts = _facts(scene, shifts.get(scene.key))
            listed += [{"file": Path(href).name, "role": role, "sha256": sha256(href), **facts} for href in scene.files]
    if plan.dem is not None:
        listed.append({"file": plan.dem.name, "role": "dem", "sha256": sha256(str(plan.dem))})
    return listed


def _facts(scene: Scene, shift: Shift | None) -> dict[str, Any]:
    at = scene.acquired.at
    facts: dict[str, Any] = {
        "acquired": at.isoformat().replace("+00:00", "Z") if scene.acquired.precise else at.date().isoformat(),
        "bands": list(scene.bands),
        "quality": None if scene.quality is None else scene.quality.name,
    }
    if scene.look is not None:
        return facts | {"orbit": scene.look.orbit, "unit": "power" if scene.look.linear else "dB"}
    facts |= {
        "bandpass": scene.bandpass,
        "adjusted_to": OLI if scene.adjusted else None,
        "sun_elevation_deg": round(scene.sun.elevation_deg, 2),
        "sun_azimuth_deg": round(scene.sun.azimuth_deg, 2),
        "sun_basis": scene.sun.basis,
    }
    if shift is not None:
        facts["shift_px"] = [round(shift.rows, 3), round(shift.cols, 3)] if shift.tiles else None
        facts["shift_applied"] = shift.applied != (0.0, 0.0)
    return facts


def notes_of(plan: Plan) -> list[str]:
    """Return what a reader must know to weigh the result."""
    notes = [note for scene in plan.scenes for note in scene.notes]
    if plan.dem is None:
        notes.append("no elevation model: slopes are unknown and confidence is lower")
    if len(plan.after) == 1:
        notes.append(
            "one date after: what is seen once only cannot be told from a passing cloud or shadow; confidence is lower"
        )
    if len(plan.before) == 1:
        notes.append(
            "one date before: nothing tells how much the ground changes from date to date; confidence is lower"
        )
    bare = [scene.label for scene in plan.scenes if scene.quality is None and scene.look is None]
    if bare:
        notes.append(f"no scl or qa_pixel in {', '.join(bare)}: clouds and their shadows are not masked there")
    notes += [
        f"{scene.label}: warped from {scene.grid.crs.to_string()} to {plan.grid.crs.to_string()}"
        for scene in plan.scenes
        if scene.grid.crs != plan.grid.crs
    ]
    hours = [scene.label for scene in plan.scenes if scene.sun.basis.startswith("computed for")]
    if hours:
        notes.append(f"sun of {', '.join(hours)} computed for 10:30 local solar time, as only the day is known")
    return notes


def version_of(detector: Detector) -> str:
    """Return the version of a method: its own, else that of the code."""
    return str(getattr(detector, "version", None) or version("kkh-hazard-watch"))


def key_of(inputs: list[dict[str, Any]], name: str, detector: Detector, *rest: Any) -> str:
    """Return a checksum of what makes a block's result: files, bands, dates, method with its parameters and version, area, block size."""
    told = [inputs, name, version_of(detector), detector.model_dump(), [str(one) for one in rest]]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
