from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin

from detection.hiding import CLOUD, SNOW
from detection.visibility import segment_visibility

WEST, NORTH = 480_000.0, 4_020_000.0


def road(x_from: float, x_to: float, y: float) -> list[tuple[float, float]]:
    lon, lat = Transformer.from_crs(32643, 4326, always_xy=True).transform([x_from, x_to], [y, y])
    return list(zip(lon, lat, strict=True))


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """A raster of 4 x 4 km whose eastern half could not be seen: cloud, and snow in its south."""
    values = np.zeros((400, 400), np.uint8)
    values[:, 200:] = CLOUD
    values[200:, 200:] = SNOW
    path = tmp_path / "mask.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=400,
        height=400,
        count=1,
        dtype="uint8",
        crs=32643,
        transform=from_origin(WEST, NORTH, 10, 10),
    ) as raster:
        raster.write(values, 1)
    return path


def test_seen_half_seen_unseen_and_half_outside(mask: Path) -> None:
    y = NORTH - 2000
    looks = segment_visibility(
        mask,
        [
            (1, road(WEST + 600, WEST + 1400, y)),
            (2, road(WEST + 1500, WEST + 2500, y)),
            (3, road(WEST + 2600, WEST + 3400, y)),
            (4, road(WEST - 500, WEST + 500, y)),
            (5, road(WEST - 9000, WEST - 8000, y)),
        ],
    )
    shares = {look.segment_id: (look.share, look.covered_share) for look in looks}
    assert shares[1] == pytest.approx((1, 1), abs=0.01)
    assert shares[2] == pytest.approx((0.5, 1), abs=0.02)
    assert shares[3] == pytest.approx((0, 1), abs=0.01)
    assert shares[4] == pytest.approx((0.5, 0.5), abs=0.02)
    assert 5 not in shares
    hidden = {look.segment_id: dict(look.hidden) for look in looks}
    assert hidden[1] == {}
    assert hidden[3] == pytest.approx({"cloud": 0.5, "snow": 0.5}, abs=0.02)
    for look in looks:
        assert look.share + sum(look.hidden.values()) == pytest.approx(look.covered_share)
