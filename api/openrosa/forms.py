"""The forms that phones fill: XLSForm sources under `api/forms`, made into XForms once a process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from api.naming import named
from hazard_db.errors import NotFoundError
from hazard_db.wording import LANGUAGES

FOLDER = Path(__file__).parents[1] / "forms"
COMMON, PREFIX, PLACEHOLDER = "common", "kkh_", "own questions"
NUMBERS: Mapping[str, type[int] | type[float]] = {"integer": int, "decimal": float}

LARGE = 10_000
"""From here on thousands stand apart: smaller numbers may be years."""

Row = dict[str, str]
Book = dict[str, list[Row]]


@dataclass(frozen=True)
class Question:
    """One question of a form, as a page asks it and as an answer to it is read."""

    name: str
    type: str
    """Of XLSForm, without the name of a list: select_one, integer, geopoint, ..."""
    label: Mapping[str, str]
    """By language; empty for what nobody is asked."""
    hint: Mapping[str, str]
    required: bool
    choices: tuple[tuple[str, Mapping[str, str]], ...]
    """Value and label by language."""
    relevant: str
    calculation: str


@dataclass(frozen=True)
class Form:
    """A form as a phone gets it."""

    id: str
    name: str
    """Title in the three languages, since a form has only one: KKH: English · 中文 · اردو."""
    version: str
    xml: bytes
    questions: tuple[Question, ...]

    @property
    def titles(self) -> dict[str, str]:
        """Title by language, for pages, which have one for each."""
        return dict(zip(LANGUAGES, self.name.removeprefix("KKH: ").split(" · "), strict=True))

    @property
    def hash(self) -> str:
        """Checksum of the exact bytes, as formList tells it."""
        return "md5:" + hashlib.md5(self.xml, usedforsecurity=False).hexdigest()


def names() -> list[str]:
    """Return the names of the forms' sources, the quick report first."""
    found = {path.stem for path in FOLDER.glob("*.md")} - {COMMON, "README"}
    return sorted(found, key=lambda name: (name != "quick", name))


def all_forms() -> list[Form]:
    """Return every form."""
    return [form(name) for name in names()]


def by_id(identifier: str) -> Form:
    """Return the form that a phone calls by this id.

    Raises
    ------
    NotFoundError
        There is none.
    """
    name = identifier.removeprefix(PREFIX)
    if name == identifier or name not in names():
        raise NotFoundError(f"there is no form {identifier[:100]!r} here; get the list of forms again")
    return form(name)


@cache
def form(name: str) -> Form:
    """Return one form; made at the first call, which takes a tenth of a second."""
    from pyxform.xls2xform import convert  # noqa: PLC0415 - takes half a second, which only phones should wait for

    book = _book(name)
    # phones fetch a form again when its version changed: made from the content, that is never forgotten
    version = hashlib.sha256(json.dumps(book, sort_keys=True).encode()).hexdigest()[:12]
    settings = {**book["settings"][0], "form_id": PREFIX + name, "version": version, "default_language": "English (en)"}
    book["settings"] = [settings]
    headers = {f"{sheet}_header": [dict.fromkeys(key for row in rows for key in row)] for sheet, rows in book.items()}
    made = convert({**book, **headers}, form_name="data", warnings=[])
    return Form(PREFIX + name, settings["form_title"], version, made.xform.encode(), tuple(_questions(book)))


@cache
def labels() -> dict[str, Question]:
    """Return a question of each name that any form asks, for pages that show its answers."""
    return {one.name: one for name in names() for one in _questions(_book(name))}


def told(name: str, value: Any, lang: str) -> tuple[str, str]:
    """Return the label of a question and the answer to it in a language; what no form asks for by its name."""
    asked = labels().get(name)
    label = asked.label.get(lang) if asked is not None else None
    choices = dict(asked.choices) if asked is not None else {}
    values = value if isinstance(value, list) else [value]
    words = [choices[str(one)][lang] if str(one) in choices else _plain(one) for one in values]
    return label or named(name, lang), ", ".join(words)


def _plain(value: Any) -> str:
    """Return a value as it stands; thousands apart where no year could be meant."""
    if value is None:
        return "–"
    large = isinstance(value, int | float) and abs(value) >= LARGE
    return f"{value:,}" if large else str(value)


def _book(name: str) -> Book:
    """Return the sheets of a form: what every form asks, with its own questions in their place."""
    common, own = _read(COMMON), _read(name)
    left_out = {row["name"] for row in own.get("without", [])}
    survey: list[Row] = []
    for row in common["survey"]:
        survey += own["survey"] if row["type"] == PLACEHOLDER else [row]
    asked = [row for row in survey if row.get("name") not in left_out]
    lists = {row["type"].partition(" ")[2] for row in asked if row["type"].startswith("select_")}
    choices = [row for row in (*common["choices"], *own.get("choices", [])) if row["list_name"] in lists]
    return {"survey": asked, "choices": choices, "settings": own["settings"]}


def _read(name: str) -> Book:
    """Return the tables of a source, sheet by sheet: a row with one cell names the sheet, the next one its columns."""
    sheets: Book = {}
    rows: list[Row] = []
    columns: list[str] = []
    for line in (FOLDER / f"{name}.md").read_text(encoding="utf8").splitlines():
        cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
        if cells[0]:
            rows, columns = sheets.setdefault(cells[0], []), []
        elif not columns:
            columns = cells[1:]
        elif len(cells) > 1:
            rows.append({column: cell for column, cell in zip(columns, cells[1:], strict=True) if cell})
    return sheets


def _questions(book: Book) -> list[Question]:
    return [
        Question(
            name=row["name"],
            type=row["type"].partition(" ")[0],
            label=_languages(row, "label"),
            hint=_languages(row, "hint"),
            required=row.get("required") == "yes",
            choices=_choices(book, row["type"].partition(" ")[2]),
            relevant=row.get("relevant", ""),
            calculation=row.get("calculation", ""),
        )
        for row in book["survey"]
        if "name" in row and row["type"] != "begin group"
    ]


def _choices(book: Book, listed: str) -> tuple[tuple[str, Mapping[str, str]], ...]:
    return tuple((row["name"], _languages(row, "label")) for row in book["choices"] if row["list_name"] == listed)


def _languages(row: Mapping[str, Any], column: str) -> dict[str, str]:
    texts = {lang: row.get(f"{column}::{own} ({lang})", "") for lang, own in LANGUAGES.items()}
    return {lang: text or texts["en"] for lang, text in texts.items()} if any(texts.values()) else {}
