"""Small but structurally real satellite products, written for the tests."""

from __future__ import annotations

import hashlib
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

WEST, NORTH = 460_000.0, 4_030_000.0
EPSG = 32643
TILE = "43SDA"
S2_NUMBERS = {"B02": 1, "B03": 2, "B04": 3, "B08": 7, "B11": 11, "B12": 12}
PHYSICAL = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")


def write_stack(
    path: Path,
    bands: Mapping[str, np.ndarray[Any, Any]],
    *,
    tags: Mapping[str, str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    nodata: float | None = None,
    crs: str | None = f"EPSG:{EPSG}",
    transform: Any = None,
    pixel: float = 10.0,
) -> Path:
    """Write one GeoTIFF with a band for each item."""
    first = next(iter(bands.values()))
    profile = {
        "driver": "GTiff", "count": len(bands), "dtype": first.dtype, "height": first.shape[0], "width": first.shape[1],
        "crs": crs, "transform": transform or from_origin(WEST, NORTH, pixel, pixel), "nodata": nodata,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        for number, (name, values) in enumerate(bands.items(), 1):
            target.write(values, number)
            target.set_band_description(number, name)
        if scale is not None:
            target.scales = (scale,) * len(bands)
        if offset is not None:
            target.offsets = (offset,) * len(bands)
        target.update_tags(**(tags or {}))
    return path


def reflectances(size: int = 60, seed: int = 1) -> dict[str, np.ndarray[Any, Any]]:
    """Return made-up reflectance x 10000 of six bands, uint16."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(300 + 400 * i, 1500 + 500 * i, (size, size)).astype(np.uint16)
        for i, name in enumerate(BANDS)
    }


def write_jp2(path: Path, values: np.ndarray[Any, Any], pixel: float) -> None:
    """Write a lossless JPEG 2000 file in tiles, as Sentinel-2's are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "JP2OpenJPEG", "count": 1, "dtype": values.dtype, "height": values.shape[0], "width": values.shape[1],
        "crs": f"EPSG:{EPSG}", "transform": from_origin(WEST, NORTH, pixel, pixel), "QUALITY": "100",
        "REVERSIBLE": "YES", "BLOCKXSIZE": 64, "BLOCKYSIZE": 64, "RESOLUTIONS": 2,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(values, 1)


def safe_product(
    folder: Path,
    digital_numbers: Mapping[str, np.ndarray[Any, Any]],
    scl: np.ndarray[Any, Any],
    *,
    baseline: str = "05.09",
    offsets: Mapping[int, int] | None = None,
    quantification: int = 10000,
    day: str = "20230715",
    generated: str = "20230715T081234",
    old_names: bool = False,
    manifest: bool = True,
) -> Path:
    """Return a .SAFE folder; `digital_numbers` by B02 B03 B04 B08 (10 m) and B11 B12 (20 m)."""
    name = f"S2B_MSIL2A_{day}T054639_N{baseline.replace('.', '')}_R062_T{TILE}_{generated}"
    root = folder / f"{name}.SAFE"
    granule = f"GRANULE/L2A_T{TILE}_A033206_{day}T055400"
    images = []
    for band, values in {**digital_numbers, "SCL": scl}.items():
        pixel = 20 if band in {"B11", "B12", "SCL"} else 10
        image = f"{granule}/IMG_DATA/R{pixel}m/T{TILE}_{day}T054639_{band}_{pixel}m"
        write_jp2(root / f"{image}.jp2", values, pixel)
        images.append(image)
    xml = _product_xml(name, baseline, offsets, quantification, images, day, generated)
    if old_names:
        for new, old in (
            ("<BOA_QUANT", "<L2A_BOA_QUANT"), ("</BOA_QUANT", "</L2A_BOA_QUANT"), ("PRODUCT_URI", "PRODUCT_URI_2A"),
            ("<Product_Info", "<L2A_Product_Info"), ("</Product_Info", "</L2A_Product_Info"),
            ("IMAGE_FILE", "IMAGE_FILE_2A"),
        ):  # fmt: skip
            xml = xml.replace(new, old)
    (root / "MTD_MSIL2A.xml").write_text(xml)
    (root / granule / "MTD_TL.xml").write_text(_tile_xml(day))
    if manifest:
        write_manifest(root)
    return root


def write_manifest(root: Path) -> None:
    """Write the list of files with their checksums."""
    objects = []
    for path in sorted(item for item in root.rglob("*") if item.is_file() and item.name != "manifest.safe"):
        digest = hashlib.sha3_256(path.read_bytes()).hexdigest()
        objects.append(
            f'<dataObject ID="x"><byteStream mimeType="application/octet-stream" size="{path.stat().st_size}">'
            f'<fileLocation locatorType="URL" href="./{path.relative_to(root).as_posix()}"/>'
            f'<checksum checksumName="SHA3-256">{digest}</checksum></byteStream></dataObject>'
        )
    (root / "manifest.safe").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1"><dataObjectSection>'
        + "".join(objects)
        + "</dataObjectSection></xfdu:XFDU>"
    )


def zipped(root: Path) -> Path:
    """Return a zip of a product folder, stored as the archives store it."""
    target = root.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as pack:
        for path in sorted(root.rglob("*")):
            pack.write(path, path.relative_to(root.parent).as_posix())
    return target


def tarred(root: Path) -> Path:
    """Return a tar of a folder's files, without the folder, as the USGS packs them."""
    target = root.parent / f"{root.name}.tar"
    with tarfile.open(target, "w") as pack:
        for path in sorted(root.iterdir()):
            pack.add(path, path.name)
    return target


def landsat_product(
    folder: Path,
    digital_numbers: Sequence[np.ndarray[Any, Any]],
    qa_pixel: np.ndarray[Any, Any],
    *,
    sensor: str = "LC08",
    numbers: Sequence[int] = (2, 3, 4, 5, 6, 7),
    multiplier: float = 2.75e-05,
    addend: float = -0.2,
    notation: str | None = "json",
    made: str = "20230724",
) -> Path:
    """Return the folder of a Collection 2 Level-2 product."""
    name = f"{sensor}_L2SP_149035_20230715_{made}_02_T1"
    root = folder / name
    root.mkdir(parents=True)
    for number, values in zip(numbers, digital_numbers, strict=True):
        write_stack(root / f"{name}_SR_B{number}.TIF", {"": values}, nodata=0, pixel=30.0)
    write_stack(root / f"{name}_QA_PIXEL.TIF", {"": qa_pixel}, nodata=1, pixel=30.0)
    groups: dict[str, dict[str, str]] = {
        "PRODUCT_CONTENTS": {"LANDSAT_PRODUCT_ID": name, "PROCESSING_LEVEL": "L2SP", "COLLECTION_NUMBER": "02"},
        "IMAGE_ATTRIBUTES": {
            "SPACECRAFT_ID": f"LANDSAT_{int(sensor[2:])}", "DATE_ACQUIRED": "2023-07-15",
            "SCENE_CENTER_TIME": "05:37:12.3456789Z", "CLOUD_COVER": "12.34", "SUN_AZIMUTH": "121.5",
            "SUN_ELEVATION": "64.25",
        },
        "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": {
            **{f"REFLECTANCE_MULT_BAND_{n}": repr(multiplier) for n in numbers},
            **{f"REFLECTANCE_ADD_BAND_{n}": repr(addend) for n in numbers},
        },
        "LEVEL1_RADIOMETRIC_RESCALING": {
            **{f"REFLECTANCE_MULT_BAND_{n}": "2.0000E-05" for n in numbers},
            **{f"REFLECTANCE_ADD_BAND_{n}": "-0.100000" for n in numbers},
        },
    }  # fmt: skip
    if notation == "json":
        (root / f"{name}_MTL.json").write_text(json.dumps({"LANDSAT_METADATA_FILE": groups}))
    elif notation == "xml":
        inner = "".join(
            f"<{g}>{''.join(f'<{k}>{v}</{k}>' for k, v in values.items())}</{g}>" for g, values in groups.items()
        )
        (root / f"{name}_MTL.xml").write_text(f"<LANDSAT_METADATA_FILE>{inner}</LANDSAT_METADATA_FILE>")
    elif notation == "txt":
        lines = ["GROUP = LANDSAT_METADATA_FILE"]
        for group, values in groups.items():
            lines += [f"  GROUP = {group}", *(f'    {k} = "{v}"' for k, v in values.items()), f"  END_GROUP = {group}"]
        (root / f"{name}_MTL.txt").write_text("\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END"]))
    return root


def _product_xml(
    name: str, baseline: str, offsets: Mapping[int, int] | None, quantification: int, images: Sequence[str], day: str,
    generated: str,
) -> str:  # fmt: skip
    date, made = f"{day[:4]}-{day[4:6]}-{day[6:]}", generated.partition("T")
    made_date = f"{made[0][:4]}-{made[0][4:6]}-{made[0][6:]}T{made[2][:2]}:{made[2][2:4]}:{made[2][4:]}Z"
    listed = "".join(f'<BOA_ADD_OFFSET band_id="{i}">{v}</BOA_ADD_OFFSET>' for i, v in (offsets or {}).items())
    stated = f"<BOA_ADD_OFFSET_VALUES_LIST>{listed}</BOA_ADD_OFFSET_VALUES_LIST>" if offsets else ""
    spectral = "".join(f'<Spectral_Information bandId="{i}" physicalBand="{b}"/>' for i, b in enumerate(PHYSICAL))
    files = "".join(f"<IMAGE_FILE>{image}</IMAGE_FILE>" for image in images)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd">
<n1:General_Info><Product_Info>
<PRODUCT_START_TIME>{date}T05:46:39.024Z</PRODUCT_START_TIME><PRODUCT_URI>{name}.SAFE</PRODUCT_URI>
<PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL><PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
<GENERATION_TIME>{made_date}</GENERATION_TIME>
<Datatake><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME><DATATAKE_SENSING_START>{date}T05:46:39.024Z</DATATAKE_SENSING_START></Datatake>
<Product_Organisation><Granule_List><Granule imageFormat="JPEG2000">{files}</Granule></Granule_List></Product_Organisation>
</Product_Info><Product_Image_Characteristics>
<QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE unit="none">{quantification}</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>
{stated}<Spectral_Information_List>{spectral}</Spectral_Information_List>
</Product_Image_Characteristics></n1:General_Info>
<n1:Quality_Indicators_Info><Cloud_Coverage_Assessment>7.25</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>
</n1:Level-2A_User_Product>"""


def _tile_xml(day: str) -> str:
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-2A_Tile_Metadata.xsd">
<n1:General_Info><TILE_ID>S2B_OPER_MSI_L2A_TL_T{TILE}</TILE_ID><SENSING_TIME>{date}T05:56:39.024000Z</SENSING_TIME></n1:General_Info>
<n1:Geometric_Info><Tile_Angles>
<Sun_Angles_Grid><Zenith><COL_STEP unit="m">5000</COL_STEP></Zenith></Sun_Angles_Grid>
<Mean_Sun_Angle><ZENITH_ANGLE unit="deg">21.25</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">129.5</AZIMUTH_ANGLE></Mean_Sun_Angle>
</Tile_Angles></n1:Geometric_Info></n1:Level-2A_Tile_ID>"""
