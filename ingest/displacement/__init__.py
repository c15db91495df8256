"""Displacement products: one file a format, found out from the content."""
