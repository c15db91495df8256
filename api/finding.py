"""One box for a kilometre, a stretch, a position or a name in any of three scripts."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from hazard_db import corridor, search
from hazard_db.connect import Connection
from hazard_db.errors import InputError, NotFoundError
from hazard_db.placenames import place_of

NUMBER = r"\d+(?:\.\d+)?"
KILOMETRE = re.compile(rf"(?:km|k|公里|کلومیٹر)?\s*({NUMBER})(?:\s*\+\s*(\d{{3}}))?\s*(?:km|公里|کلومیٹر)?", re.I)
STRETCH = re.compile(
    rf"(?:km|k|公里|کلومیٹر)?\s*({NUMBER})\s*(?:[-–—~至تا]|to)+\s*(?:km|k)?\s*({NUMBER})\s*(?:km|公里|کلومیٹر)?", re.I
)
LATLON = re.compile(rf"([-−]?{NUMBER})\s*°?\s*([NSns])?\s*[,，،;\s]\s*([-−]?{NUMBER})\s*°?\s*([EWew])?")
AROUND_KM = 2.0
"""Shown to both sides of one place."""


@dataclass(frozen=True)
class Found:
    """Where somebody meant."""

    km: float
    """The kilometre itself, or the middle of the stretch."""
    km_from: float
    km_to: float
    name: str
    """As it was understood: a name as the catalogue has it, or what was asked for."""
    offset_m: float | None = None
    """Distance from the road, of positions and names."""
    lon: float | None = None
    lat: float | None = None


def find(conn: Connection, asked: str) -> Found:
    """Return where a kilometre, stretch, position (latitude, longitude) or name is along the road.

    Raises
    ------
    NotFoundError
        Nothing is known by that name, or it is not on the road.
    InputError
        A position cannot be one.
    """
    text = _plain(asked)
    if told := STRETCH.fullmatch(text):
        first, last = sorted((float(told[1]), float(told[2])))
        if last > first:
            return Found((first + last) / 2, first, last, f"{first:g}-{last:g}")
    if told := KILOMETRE.fullmatch(text):
        km = float(told[1]) + float(told[2] or 0) / 1000
        here = corridor.locate_km(conn, km)
        return Found(km, max(km - AROUND_KM, 0), km + AROUND_KM, f"{km:g}", 0.0, here.lon, here.lat)
    if told := LATLON.fullmatch(text):
        lat, lon = (float(part.replace("−", "-")) for part in (told[1], told[3]))
        if abs(lat) > 90 or (lat > 60 and lon < 45):
            raise InputError(
                f"{asked[:60]}: that looks like longitude, latitude; write latitude first, for example 36.31, 74.65"
            )
        return _at(conn, lon, lat, f"{lat:g}, {lon:g}")
    name = place_of(text)
    place = search.find_place(conn, name)
    if place is None:
        raise NotFoundError(
            f"nothing along the road is known as {asked.strip()[:60]!r}; write a kilometre (640 or 640-660), a place such as Passu, "
            "苏斯特 or گلگت, the code of a site, or latitude, longitude"
        )
    return _at(conn, *place, name)


def _at(conn: Connection, lon: float, lat: float, name: str) -> Found:
    here = corridor.locate_point(conn, lon, lat)
    return Found(here.km, max(here.km - AROUND_KM, 0), here.km + AROUND_KM, name, here.offset_m, lon, lat)


def _plain(text: str) -> str:
    """Return a text with digits and width as programs know them: ۶۴۰ and ６４０ are 640."""
    digits = (str(unicodedata.decimal(sign)) if unicodedata.decimal(sign, None) is not None else sign for sign in text)
    return unicodedata.normalize("NFKC", "".join(digits)).strip()
