"""What a collection is, for catalogues of metadata: DCAT 3 as JSON-LD."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from api.ogc import bulk
from hazard_db.published import Collection

FILE = Path(__file__).with_name("metadata.yml")
FREQUENCY = "http://publications.europa.eu/resource/authority/frequency/"
CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/", "locn": "http://www.w3.org/ns/locn#",
    "gsp": "http://www.opengis.net/ont/geosparql#", "xsd": "http://www.w3.org/2001/XMLSchema#",
}  # fmt: skip


@dataclass(frozen=True)
class About:
    """What is told of a collection beside its data."""

    description: str
    keywords: tuple[str, ...]
    attribution: str
    frequency: str
    """ISO 19115 MD_MaintenanceFrequencyCode, as the EU vocabulary abbreviates it."""


@cache
def _told() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf8"))
    return told


def of(one: Collection) -> About:
    """Return what is told of a collection; of one that is not listed, its title."""
    told = {**_told()["unlisted"], **_told()["collections"].get(one.name, {})}
    return About(told["description"] or one.title, tuple(told["keywords"]), told["attribution"], told["frequency"])


def dcat(
    base: str, one: Collection, box: tuple[float, ...] | None, span: tuple[datetime, datetime] | None, licence: str
) -> dict[str, Any]:
    """Return a collection as a dataset of DCAT.

    Parameters
    ----------
    box
        West, south, east, north in degrees.
    span
        First and last moment of its features.
    licence
        Name or SPDX identifier.
    """
    about, address = of(one), f"{base}/collections/{one.name}"
    dataset: dict[str, Any] = {
        "@context": CONTEXT, "@id": address, "@type": "dcat:Dataset", "dct:identifier": one.name, "dct:title": one.title,
        "dct:description": about.description, "dcat:keyword": list(about.keywords), "dct:license": licence,
        "dct:accrualPeriodicity": {"@id": FREQUENCY + about.frequency},
        "dct:conformsTo": {"@id": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
        "dcat:landingPage": {"@id": f"{address}?f=html"},
        "dcat:distribution": [
            {
                "@type": "dcat:Distribution", "dct:title": name, "dcat:mediaType": form.media_type,
                "dcat:downloadURL": {"@id": f"{address}/download?f={name}"}, "dct:license": licence,
            }
            for name, form in bulk.offered(one).items()
        ],
    }  # fmt: skip
    if about.attribution:
        dataset["dct:provenance"] = about.attribution
    if box:
        west, south, east, north = box
        ring = f"(({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"
        dataset["dct:spatial"] = {
            "@type": "dct:Location", "dcat:bbox": {"@value": f"POLYGON {ring}", "@type": "gsp:wktLiteral"},
        }  # fmt: skip
    if span:
        names = ("dcat:startDate", "dcat:endDate")
        dataset["dct:temporal"] = {
            "@type": "dct:PeriodOfTime",
            **{name: {"@value": at.isoformat(), "@type": "xsd:dateTime"} for name, at in zip(names, span, strict=True)},
        }
    return dataset
