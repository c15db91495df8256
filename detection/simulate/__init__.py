"""Scenes whose truth is exact: the proof that detectors are right."""

from detection.simulate.landslide import LandslideScene, Nuisances, simulate_landslide

__all__ = ["LandslideScene", "Nuisances", "simulate_landslide"]
