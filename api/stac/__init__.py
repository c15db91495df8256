"""Scenes and result rasters as a STAC API."""
