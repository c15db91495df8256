"""A place before and after: two pictures with a bar that is moved across them; side by side on paper and without scripts."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup

from hazard_db.wording import Words

BAR_SHARE = 0.4
"""Of the picture's width, that a scale bar takes at most."""


@dataclass(frozen=True)
class Side:
    """One panel of a picture as a page shows it."""

    layer: str
    """before, after, z or slope_deg."""
    src: str
    size: tuple[int, int]
    day: str = ""
    platform: str | None = None


@dataclass(frozen=True)
class Picture:
    """The picture of a change as a page shows it."""

    src: str
    size: tuple[int, int] | None
    """None where it cannot be told beforehand."""
    sides: tuple[Side, Side] | None = None
    """Before and after; None where the picture does not tell its panels."""
    evidence: tuple[Side, ...] = ()
    width_m: float = 0.0
    """Width of the ground."""


def draw(picture: Picture, words: Words) -> Markup:
    """Return the picture as part of a page; what is said of it stands below it."""
    if picture.sides is None:
        alt = words("popup.picture")
        return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(
            _image(picture.src, alt, picture.size), alt
        )
    before, after = picture.sides
    told = words("swipe.told", a=before.day, b=after.day)
    return Markup(
        '<figure class="swipe" data-swipe><div class="swipe-sides">{}{}'
        '<span class="swipe-line" aria-hidden="true" hidden></span></div>'
        '<label class="swipe-bar" hidden><span>{}</span><input type="range" aria-valuetext="50 %"></label>'
        '{}<figcaption>{}</figcaption></figure>{}'
    ).format(
        _side(before, words), _side(after, words), words("compare.bar"), _scale(picture.width_m), told,
        _evidence(picture.evidence, words),
    )  # fmt: skip


def _image(src: str, alt: str, size: tuple[int, int] | None) -> Markup:
    sized = Markup(' width="{}" height="{}"').format(*size) if size else ""
    return Markup('<img class="picture" src="{}" alt="{}"{}>').format(src, alt, sized)


def _side(side: Side, words: Words) -> Markup:
    """Return a date with what is known of it below it."""
    platform = side.platform or words("swipe.no_platform")
    alt = words(f"swipe.{side.layer}.alt", day=side.day, platform=platform)
    return Markup('<div class="swipe-side {}">{}<p><b>{}</b> <bdi>{}</bdi><br><bdi>{}</bdi></p></div>').format(
        side.layer, _image(side.src, alt, side.size), words(f"swipe.{side.layer}"), side.day, platform
    )


def _evidence(panels: tuple[Side, ...], words: Words) -> Markup:
    """Return the layers that the change was judged by, folded away."""
    if not panels:
        return Markup("")
    shown = Markup("").join(
        Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(
            _image(one.src, words(f"swipe.{one.layer}"), one.size), words(f"swipe.{one.layer}")
        )
        for one in panels
    )
    return Markup('<details class="swipe-more"><summary>{}</summary><div>{}</div></details>').format(
        words("swipe.evidence"), shown
    )


def _scale(width_m: float) -> Markup:
    """Return a bar of a round length, drawn to the scale of the pictures when one lies over the other."""
    longest_m = BAR_SHARE * width_m
    step = 10.0 ** floor(log10(longest_m))
    length_m = max(factor * step for factor in (0.5, 1, 2, 5) if factor * step <= longest_m)
    text = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    return Markup(
        '<div class="swipe-scale" dir="ltr"><span style="width:{}%" aria-hidden="true"></span><bdi>{}</bdi></div>'
    ).format(f"{100 * length_m / width_m:.2f}", text)
