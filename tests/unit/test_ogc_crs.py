"""Reference systems by their URI: the order of the axes is a matter of right and wrong places."""

from __future__ import annotations

import pyproj
import pytest

from api.ogc.crs import CRS84, EPSG, KNOWN, named
from hazard_db.errors import InputError


def test_none_is_longitude_before_latitude() -> None:
    assert named(None, "crs") is KNOWN[CRS84]
    assert (named(None, "crs").srid, named(None, "crs").flipped) == (4326, False)


@pytest.mark.parametrize("uri", [uri for uri in KNOWN if uri.startswith(EPSG)])
def test_the_order_of_axes_is_that_of_the_authority(uri: str) -> None:
    found = named(uri, "crs")
    axis = pyproj.CRS.from_epsg(found.srid).axis_info[0]
    assert uri == f"{EPSG}{found.srid}"
    assert found.flipped == (axis.direction == "north")


def test_brackets_of_a_header_and_https_are_the_same() -> None:
    assert named(f"<{CRS84.replace('http', 'https')}>", "bbox-crs") is KNOWN[CRS84]


def test_others_are_refused_by_the_name_of_the_parameter() -> None:
    with pytest.raises(InputError, match=r"^bbox-crs=http.*9999 is not offered; use one of .*CRS84.*32643$"):
        named(f"{EPSG}9999", "bbox-crs")
