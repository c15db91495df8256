"""A JPEG 2000 file that breaks off is told from a whole one, wherever it breaks off."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ingest.imagery.jp2 import defect
from tests.imagery_products import write_jp2


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a file of three tiles."""
    path = tmp_path_factory.mktemp("jp2") / "a.jp2"
    write_jp2(path, np.random.default_rng(1).integers(0, 9000, (150, 150)).astype(np.uint16), 10)
    return path.read_bytes()


def test_a_whole_file_is_fine(whole: bytes) -> None:
    assert defect(io.BytesIO(whole)) is None


def test_every_cut_is_found(whole: bytes) -> None:
    for length in [*range(0, len(whole), 997), len(whole) - 1, len(whole) - 2]:
        assert defect(io.BytesIO(whole[:length])) is not None, length


def test_gdal_alone_would_have_read_a_cut_file(whole: bytes, tmp_path: Path) -> None:
    # Why the check exists: the part before the cut reads without complaint.
    path = tmp_path / "cut.jp2"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with rasterio.Env(GDAL_NUM_THREADS="1"), rasterio.open(path) as dataset:
        assert dataset.read(1, window=((0, 32), (0, 32))).any()


def test_a_missing_tile_is_found(whole: bytes) -> None:
    start = whole.index(b"\xff\x4f\xff\x51")
    first = whole.index(b"\xff\x90", start)
    (length,) = struct.unpack(">I", whole[first + 6 : first + 10])
    without = whole[:first] + whole[first + length :]
    assert defect(io.BytesIO(without)) == "only 2 of its 3 tiles are there"


@pytest.mark.parametrize("to_end", [True, False])
def test_a_codestream_without_its_wrapping_and_one_that_runs_to_the_end(whole: bytes, to_end: bool) -> None:
    start = whole.index(b"\xff\x4f\xff\x51")
    stream = whole[start:]
    assert defect(io.BytesIO(stream)) is None
    if to_end:
        assert defect(io.BytesIO(whole[: start - 8] + struct.pack(">I4s", 0, b"jp2c") + stream)) is None
    else:
        wide = struct.pack(">I4sQ", 1, b"jp2c", 16 + len(stream))
        assert defect(io.BytesIO(whole[: start - 8] + wide + stream)) is None


@pytest.mark.parametrize("content", [b"", b"II*\0", b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 40, b"\xff\x4f\xff\xd8" * 30])
def test_other_files_are_not_jpeg_2000(content: bytes) -> None:
    assert defect(io.BytesIO(content)) is not None
