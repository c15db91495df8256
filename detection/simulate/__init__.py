"""Scenes whose truth is exact: the proof that detectors are right."""

from detection.simulate.landslide import LandslideScene, Nuisances, simulate_landslide
from detection.simulate.world import World

__all__ = ["LandslideScene", "Nuisances", "World", "simulate_landslide"]
