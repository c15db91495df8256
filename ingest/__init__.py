"""Outside formats into the catalogue."""
