"""Imagery and series -> changes: pure methods on arrays, thin edges that read and write files."""
