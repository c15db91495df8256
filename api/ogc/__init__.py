"""OGC API Features and Tiles over schema `published`."""
