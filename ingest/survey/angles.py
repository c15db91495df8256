"""Latitude, longitude and metres as people write them."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from ingest.survey.texts import shown

PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NUMBER = r"\d+(?:\.\d+)?|\.\d+"
DEGREES = re.compile(
    rf"(?P<d>{NUMBER})\s*(?:°|:|\s|$)\s*(?:(?P<m>{NUMBER})\s*(?:'|:|\s|$)\s*(?:(?P<s>{NUMBER})\s*\"?)?)?\s*"
)
LETTERED = re.compile(
    r"(\d)\s*d(?:eg)?\.?\s*(?=\d|$|[nsew]\b)(?:([\d.]+)\s*m(?:in)?\.?\s*(?:([\d.]+)\s*s(?:ec)?\b\.?)?)?", re.I
)
SIDES = {"N": 1, "S": -1, "E": 1, "W": -1}
AXES = {"N": "latitude", "S": "latitude", "E": "longitude", "W": "longitude"}
WORDS = {
    "北纬": "N", "南纬": "S", "东经": "E", "西经": "W", "北": "N", "南": "S", "东": "E", "西": "W",
    "شمال": "N", "جنوب": "S", "مشرق": "E", "مغرب": "W", "north": "N", "south": "S", "east": "E", "west": "W",
}  # fmt: skip
SIGNS = str.maketrans(
    {"º": "°", "˚": "°", "度": "°", "′": "'", "’": "'", "‘": "'", "´": "'", "`": "'", "分": "'", "″": '"', "”": '"', "“": '"',
     "秒": '"', "−": "-", "–": "-", "،": ",", "٫": ".", "\u00a0": " ", "\u200e": "", "\u200f": "", "\ufeff": ""}
)  # fmt: skip
HOW = "write it as 36.3201 or 36°19'12.5\"N"


def angle(value: Any, axis: str) -> float:
    """Return decimal degrees.

    Parameters
    ----------
    value
        A number, or text: decimal, or degrees, minutes and seconds, with or without N, S, E, W.
    axis
        `latitude` or `longitude`.

    Raises
    ------
    ValueError
        It is none, or of the other axis; the message says so.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(float(value), value)
    plain = PLAIN.fullmatch(str(value).strip())  # nearly all are, and cleaning takes ten times as long
    text = plain[0] if plain else _clean(str(value))
    return _finite(float(text), value) if plain or PLAIN.fullmatch(text) else _degrees(value, text, axis)


def metres(value: Any, what: str) -> float:
    """Return a number of metres, written with or without separators of thousands and unit.

    Raises
    ------
    ValueError
        It is no number; the message says so.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _finite(float(value), value)
    if PLAIN.fullmatch(str(value).strip()):
        return _finite(float(value), value)
    text = re.sub(r"\s*(m|metres?|meters?|米|میٹر|e|n)\.?$", "", _clean(str(value)), flags=re.I)
    if re.fullmatch(r"[+-]?\d{1,3}([ ,]\d{3})+(\.\d+)?", text):
        text = re.sub(r"[ ,]", "", text)
    text = text.replace(",", ".")
    if not PLAIN.fullmatch(text):
        raise ValueError(f"{shown(value)} is no {what} in metres; write a plain number")
    return _finite(float(text), value)


def pair(value: Any) -> tuple[float, float]:
    """Return (longitude, latitude) of one text that holds both; latitude first, unless letters say otherwise.

    Raises
    ------
    ValueError
        It does not; the message says so.
    """
    text = _clean(str(value))
    parts = [part for part in re.split(r"\s*[;/]\s*" if ";" in text else r"\s*[,/]\s*", text) if part]
    if len(parts) != 2:
        parts = _by_letters(text) or _by_words(text)
    if len(parts) != 2:
        raise ValueError(f"{shown(value)} is no position; write latitude, longitude, or use two columns")
    if re.search(r"[EW]", parts[0]) or re.search(r"[NS]", parts[1]):
        parts.reverse()
    return angle(parts[1], "longitude"), angle(parts[0], "latitude")


def _by_letters(text: str) -> list[str]:
    """Return the two halves of a text by where N, S, E, W stand: both before or both after the numbers."""
    for pattern in (
        r"([NSEW][^NSEW]*\d[^NSEW]*)([NSEW][^NSEW]*)",
        r"([^NSEW]*\d[^NSEW]*[NSEW])([^NSEW]*\d[^NSEW]*[NSEW])",
    ):
        if (match := re.fullmatch(pattern, text)) is not None:
            return [part.strip() for part in match.groups()]
    return []


def _by_words(text: str) -> list[str]:
    """Return the two halves by the number of words; four decimals are a form's position with altitude and accuracy."""
    words = text.split()
    if len(words) == 4 and all("." in word for word in words[:2]):
        words = words[:2]
    return [] if len(words) % 2 else [" ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])]


def _degrees(value: Any, text: str, axis: str) -> float:
    letters = re.findall(r"[NSEW]", text)
    body = re.sub(r"^[NSEW]\s*|\s*[NSEW]$", "", text).strip()
    negative = body.startswith("-")
    match = DEGREES.fullmatch(body.lstrip("+-").strip())
    if match is None or len(letters) > 1 or (negative and letters):
        raise ValueError(f"{shown(value)} is no {axis}; {HOW}")
    if letters and AXES[letters[0]] != axis:
        raise ValueError(
            f"{shown(value)} is marked {letters[0]} but stands where the {axis} should; swap the columns with --map"
        )
    degrees, minutes, seconds = (float(match[name] or 0) for name in "dms")
    parted = (match["m"] is not None and degrees % 1) or (match["s"] is not None and minutes % 1)
    if minutes >= 60 or seconds >= 60 or parted:
        raise ValueError(f"{shown(value)} has no proper minutes or seconds; {HOW}")
    sign = -1 if negative else SIDES[letters[0]] if letters else 1
    return sign * (degrees + minutes / 60 + seconds / 3600)


def _clean(text: str) -> str:
    """Return a text with one spelling of digits, signs and directions."""
    text = unicodedata.normalize("NFKC", text.translate(SIGNS)).translate(SIGNS).replace("''", '"')
    text = "".join(str(unicodedata.digit(char)) if char.isdigit() and not char.isascii() else char for char in text)
    text = LETTERED.sub(lambda match: f"{match[1]}° {match[2] or 0}' {match[3] or 0}\" ", text)
    for word, letter in WORDS.items():
        text = re.sub(rf"\b{word}\b" if word.isascii() else word, letter, text, flags=re.I)
    text = re.sub(r"(?<![a-z])([nsew])(?![a-z])", lambda match: match[1].upper(), text.strip(), flags=re.I)
    return (
        re.sub(r"(?<=\d),(?=\d+\D*$)", ".", text)
        if "." not in text and text.count(",") == 1 and " " not in text
        else text
    )


def _finite(number: float, value: Any) -> float:
    if not math.isfinite(number):
        raise ValueError(f"{shown(value)} is not a finite number; give the position or remove the record")
    return number
