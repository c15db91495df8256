"""Names of facts as people read them: in their language where we know it, with the unit that the name ends in."""

from __future__ import annotations

from api.texts import texts, translate

UNITS = {
    "mm_yr": "mm/yr", "m3_s": "m³/s", "km2": "km²", "m2": "m²", "m3": "m³", "km": "km", "mm": "mm", "deg": "°", "cny": "CNY",
    "usd": "USD", "pct": "%", "m": "m",
}  # fmt: skip
"""End of a name -> unit; longer ends first."""


def named(name: str, lang: str) -> str:
    """Return `area_km2` as `Area (km²)` in a language; what is not known keeps its words."""
    stem, unit = next(
        ((name.removesuffix(f"_{end}"), unit) for end, unit in UNITS.items() if name.endswith(f"_{end}")), (name, None)
    )
    known = texts().get(f"fact.{stem}")
    label = known[lang] if known else stem.replace("_", " ")
    return label if unit is None else translate(lang)("fact", name=label, unit=unit)
