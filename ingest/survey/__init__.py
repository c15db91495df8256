"""Survey files into observations, one file a format."""
