"""What others call things, and what they are called here: kinds, Varnes (Hungr 2014) and Chinese classes."""

from __future__ import annotations

from dataclasses import dataclass

NASA_KINDS = {
    "mudslide": "debris_flow", "debris_flow": "debris_flow", "lahar": "debris_flow", "rock_fall": "rockfall",
    "topple": "rockfall", "snow_avalanche": "avalanche",
}  # fmt: skip
"""Category of the NASA catalogue -> kind; all others are landslides."""


@dataclass(frozen=True)
class Class:
    """A class of an inventory in our words."""

    kind: str
    varnes: str | None
    chinese: str | None


CLASSES = {
    "complex": Class("landslide", "complex", "复合型滑坡"),
    "rock fall": Class("rockfall", "rock fall", "崩塌"),
    "topple": Class("rockfall", "topple", "倾倒"),
    "debris slide": Class("landslide", "debris slide", "碎屑滑坡"),
    "slide": Class("landslide", "slide", "滑坡"),
    "rotational slide": Class("landslide", "rotational slide", "旋转型滑坡"),
    "translational slide": Class("landslide", "translational slide", "平移型滑坡"),
    "rock slide": Class("landslide", "rock slide", "岩质滑坡"),
    "rock avalanche": Class("landslide", "rock avalanche", "岩崩"),
    "spread": Class("landslide", "spread", "侧向扩展"),
    "flow": Class("debris_flow", "flow", "流动"),
    "debris flow": Class("debris_flow", "debris flow", "泥石流"),
    "mud flow": Class("debris_flow", "mud flow", "泥流"),
    "earth flow": Class("landslide", "earth flow", "土流"),
    "unstable slope": Class("landslide", "slope deformation", "不稳定斜坡"),
    "glacier movement": Class("glacier", None, "冰川运动"),
    "landslide": Class("landslide", None, "滑坡"),
}
ALIASES = {
    "rockfall": "rock fall", "fall": "rock fall", "debris flows": "debris flow", "mudslide": "mud flow", "mudflow": "mud flow",
    "earthflow": "earth flow", "complex landslide": "complex", "complex slide": "complex", "slope deformation": "unstable slope",
    "active glacier movement": "glacier movement", "glacier": "glacier movement", "debrisflow": "debris flow",
    "rockslide": "rock slide", "landslides": "landslide", "unstable slopes": "unstable slope", "rock falls": "rock fall",
    "debris slides": "debris slide", "slides": "slide",
    "崩塌": "rock fall", "滑坡": "landslide", "泥石流": "debris flow", "不稳定斜坡": "unstable slope",
}  # fmt: skip
CODES = {
    "landslide": "LS", "rockfall": "RF", "debris_flow": "DF", "avalanche": "AV", "flood": "FL", "settlement": "SE",
    "glacier": "GG", "glacial_lake": "GL", "lake": "GL",
}  # fmt: skip
"""Letters of a kind in the code of a site; all others are OT."""


def classify(told: str) -> Class | None:
    """Return what a class of an inventory is here, None where it is not known."""
    plain = " ".join(told.replace("_", " ").replace("-", " ").split()).casefold()
    return CLASSES.get(ALIASES.get(plain, plain))
