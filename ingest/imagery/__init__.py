"""Satellite scenes into the catalogue: one file a product, each listed in `registry.PRODUCTS`."""
