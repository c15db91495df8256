"""The predicates of the CQL2 standard's abstract test suite on its own data set, as text and as JSON, with the numbers it expects."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cql2
import psycopg
import pytest

from api.app import create_app
from tests.api_client import TestClient
from tests.phones import settings_of

pytestmark = pytest.mark.integration

DATA = Path(__file__).parents[1] / "data" / "cql2"
TABLES = """
CREATE TABLE countries (id int PRIMARY KEY, "NAME" text, "POP_EST" bigint, geom geometry(Geometry, 4326));
CREATE TABLE places (id int PRIMARY KEY, name text, nameascii text, pop_max bigint, pop_min bigint, pop_other bigint, "date" date,
                     start timestamptz, "end" timestamptz, boolean boolean, geom geometry(Point, 4326));
CREATE TABLE rivers (id int PRIMARY KEY, name text, geom geometry(LineString, 4326));
CREATE VIEW published.ne_countries AS SELECT * FROM countries;
CREATE VIEW published.ne_places AS SELECT * FROM places;
CREATE VIEW published.ne_rivers AS SELECT * FROM rivers
"""
COMBINED = 77
"""Combinations of predicates beyond the 274 that the standard numbers one by one."""


def rows(name: str) -> list[dict[str, str]]:
    path = DATA / name
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(content.decode("utf8").splitlines(), delimiter="\t" if ".tsv" in name else ","))


@pytest.fixture
def client(database: Any, tmp_path: Path) -> Iterator[TestClient]:
    with psycopg.connect(database.url) as conn, conn.cursor() as cursor:
        cursor.execute(TABLES)
        cursor.executemany(
            "INSERT INTO countries VALUES (%s, %s, %s, ST_SetSRID(CAST(decode(%s, 'hex') AS geometry), 4326))",
            [(i, one["NAME"], one["POP_EST"], one["geom"]) for i, one in enumerate(rows("countries.csv.gz"))],
        )
        cursor.executemany(
            "INSERT INTO places VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
            [
                (i, one["name"], one["nameascii"] or one["name"], one["pop_max"], one["pop_min"], one["pop_other"],
                 *(one[name] or None for name in ("date", "start", "end", "boolean")), float(one["lon"]), float(one["lat"]))
                for i, one in enumerate(rows("places.csv"))
            ],
        )  # fmt: skip
        cursor.executemany(
            "INSERT INTO rivers VALUES (%s, %s, ST_GeomFromText(%s, 4326))",
            [(i, one["name"], one["wkt"]) for i, one in enumerate(rows("rivers.csv"))],
        )
    with TestClient(create_app(settings_of(database, tmp_path)), follow_redirects=False) as client:
        yield client


def test_every_predicate_finds_what_the_standard_expects(client: TestClient) -> None:
    cases = rows("predicates.tsv")
    assert len(cases) == 274 + COMBINED
    wrong = []
    for one in cases:
        for language, wanted in (("cql2-text", one["filter"]), ("cql2-json", encoded(one["filter"]))):
            params = {"filter": wanted, "filter-lang": language, "limit": "1"}
            answer = client.get(f"/ogc/collections/ne_{one['collection']}/items", params=params)
            found = answer.json().get("numberMatched", answer.text[:200])
            if found != int(one["expected"]):
                wrong.append(f"{one['class']} {language}: {one['filter']}: {found}, expected {one['expected']}")
    assert wrong == []


def encoded(text: str) -> str:
    """Return CQL2 text as CQL2 JSON."""
    return json.dumps(cql2.parse_text(text).to_json())
