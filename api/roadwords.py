"""How the tables of a stretch speak: the reader's language, links to evidence, cells that several of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.rated import told_parts
from api.reasons import Clauses, clauses
from api.roadcells import Table, Value, short
from api.texts import isolated, term, translate
from hazard_db.placenames import place_name
from hazard_db.stretch import Row, Stretch

MM_YR = "unit.mm_yr"
"""The head of a column that is the uncertainty of another."""
PAGES = {
    "event": "/events/{}",
    "closure": "/closures/{}",
    "change": "/changes/{}",
    "deformation": "/displacement/areas/{}",
    "observation": "/observations/{}",
    "work": "/works/{}",
}


def reasons(rating: Row | None, *, inside: bool) -> tuple[Mapping[str, Any], ...]:
    """Return why a rating is what it is, as far as a visitor may know."""
    return told_parts(rating["contributions"], inside=inside) if rating else ()


def evidence(part: Mapping[str, Any]) -> str | None:
    """Return the page of what a reason rests on."""
    source, number = part["source"], str(part["id"])
    if not number or number.startswith(("rest", "cap")):
        return None
    if source == "site":
        return f"/sites/{part['label'].split(' ')[0]}"
    if source == "cascade":
        return f"/lakes/{number}" if number.startswith("L") else f"/glaciers/{number}"
    return PAGES[source].format(number) if source in PAGES else None


class Worded:
    """Tables of a stretch in a language."""

    def __init__(self, known: Stretch, lang: str) -> None:
        self.known, self.lang = known, lang
        self.t, self.term = translate(lang), term(lang)
        self.clauses: Clauses = clauses(lang)

    def table(
        self, name: str, title: str, columns: Mapping[str, float], rows: Sequence[Sequence[Value]], none: str = "none"
    ) -> Table:
        """Return a table; `columns`: what each is called -> its share of the width."""
        head = [f"± {self.t(one)}" if one == MM_YR else self.t(one) for one in columns]
        return Table(name, self.t(title), head, rows, tuple(columns.values()), self.t(none))

    def reason(self, part: Mapping[str, Any]) -> str:
        """Return a reason in a few words of the reader's language, with the record's own name."""
        source, number = part["source"], str(part["id"])
        if source == "change" and number.isdigit():
            return self.t("change.title", id=number)
        if source == "deformation" and number.isdigit():
            return f"{self.term(source)} {number}"
        if source == "visibility" or not number:
            return self.term(source)
        return f"{self.term(source)} {self.isolated(short(self.clauses(str(part['label'])), 60))}"

    def isolated(self, text: str) -> str:
        """Return a text of the catalogue that keeps its own direction."""
        return isolated(text, self.lang)

    def segment(self, one: Any) -> Value:
        """Return a segment that leads to its page."""
        return Value(one.km_from, f"{one.km_from:g}–{one.km_to:g}", f"/segments/{one.km_from:g}", "n")

    def grade(self, grade: str) -> Value:
        """Return a grade as a mark."""
        return Value(grade, self.term(grade), kind=f"g {grade.replace(' ', '-')}")

    def places(self, names: str | None) -> str:
        """Return the names of places in the reader's letters."""
        return " / ".join(place_name(name, self.lang) for name in names.split(" / ")) if names else ""

    def vehicles(self, name: str) -> str:
        """Return which vehicles a closure is for."""
        return self.term(f"vehicles_{name}") if name in {"all", "heavy", "light"} else name
