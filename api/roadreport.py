"""The report of a stretch to take along: the same content as a PDF to print and as one HTML page that needs no network."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api import copies, motions, roadfiles, stretches, theme
from api.charts import telling
from api.reasons import clauses
from api.roadcells import Table, linked, short
from api.roadtables import Tables
from api.security import Identity
from api.stretches import Look, View
from api.texts import isolated, term, translate
from hazard_db import corridor, media, media_files
from hazard_db.connect import Connection
from hazard_db.wording import DIRECTIONS
from maps import panel_svg, strip, strip_svg
from maps import texts as map_texts
from maps.paper import Paper
from maps.plots import Series
from maps.report import Photo
from maps.style import LOOK_EXPIRES_DAYS, symbol_sample

MOST_PLOTS, MOST_PHOTOS, MOST_CHANGED, MOST_NAME = 3, 8, 15, 30
LAST_MONTH = timedelta(days=30)
MAP_MM = 92.0
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a report as a page may ask for: nothing; its style stands in it."""
STRANGER = Identity("anonymous", "public", "anonymous")
MARKS = ("site", "event", "change", "change_new", "deformation", "deformation_new", "alert", "alert_grave")


@dataclass(frozen=True)
class Reader:
    """For whom a report is made."""

    lang: str
    inside: bool
    home: Path
    address: str
    """Of the application, without a slash at the end; empty where it is not known."""
    identity: Identity | None = None
    """None = the catalogue's keeper."""


@dataclass(frozen=True)
class Content:
    """All that a report says."""

    look: Look
    view: View
    differences: Sequence[Any]
    tables: Sequence[Table]
    photos: Sequence[Photo]
    motions: Sequence[motions.Told]
    sources: Sequence[str]


def gather(conn: Connection, visitor: Connection, view: View, reader: Reader) -> Content:
    """Return the content of a report; without a day to compare with, what changed in the last month is told.

    Raises
    ------
    OutsideCorridorError
        The road has no kilometre there.
    """
    today = view.on or datetime.now(UTC).date()
    view = view if view.before else replace(view, before=today - LAST_MONTH)
    look = stretches.look(
        conn, visitor, replace(view, before=None), inside=reader.inside, lang=reader.lang, home=reader.home
    )
    built = Tables(look.known, reader.lang)
    spent = stretches.spent(conn, view, inside=reader.inside)
    return Content(
        look, view, stretches.compared(conn, view, reader.identity), built.all(spent), _photos(conn, look, reader),
        [motions.of_area(dict(one)) for one in look.known.areas[:MOST_PLOTS]], _sources(conn, look, reader),
    )  # fmt: skip


def write(content: Content, reader: Reader, kind: str) -> bytes:
    """Return the report as pdf, html, xlsx or gpkg."""
    if kind == "pdf":
        return as_pdf(content, reader)
    if kind == "html":
        return as_html(content, reader).encode()
    if kind == "gpkg":
        return roadfiles.as_gpkg(content.look.known)
    notes = [*content.sources, *limits(translate(reader.lang))]
    whole = Tables(content.look.known, reader.lang).contributions(each=True)
    tables = [whole if table.name == whole.name else table for table in content.tables]
    return roadfiles.as_xlsx(content.look.known, tables, notes, reader.lang)


def as_pdf(content: Content, reader: Reader) -> bytes:
    """Return the report as PDF, A4."""
    t, name = translate(reader.lang), term(reader.lang)
    known, view = content.look.known, content.view
    title = t("road.title", a=f"{view.km_from:g}", b=f"{view.km_to:g}")
    address = f"{reader.address}/segments?km={view.km_from:g}-{view.km_to:g}" if reader.address else "KKH Hazard Watch"
    foot = (t("sheet.internal") if reader.inside else "") + t(
        "sheet.printed", day=date.today().isoformat(), address=address
    )
    paper = Paper(reader.lang, title, foot, made_at=datetime.now(UTC))
    places = t("comma").join(place for _, place in content.look.strip.places[:4])
    paper.title(title, places or t("app.name"))
    if known.blank:
        paper.say(t("road.blank", a=f"{view.km_from:g}", b=f"{view.km_to:g}"), loud=True)
    _summary(paper, content, t, name)
    words = map_texts.translate(reader.lang)
    ranking = content.look.ranking

    def ranked() -> None:
        paper.flow(ranking.title, ranking.head, _words(ranking), ranking.shares, ranking.none)

    early = paper.left < paper.height_of(content.look.strip)
    if early:  # the strip stands on the next page whole: this one is not left half empty
        ranked()
    paper.strip(t("report.strip"), content.look.strip)
    paper.legend(strip.legend(telling(reader.lang)), [(one, words(f"symbol.{one}")) for one in MARKS])
    if not early:
        ranked()
    _changed(paper, content, t, name)
    _show_photos(paper, content, t)
    _motions(paper, content, t, name, lang=reader.lang)
    for table in content.tables[1:]:
        if table.rows or table.name in {"closures", "looks"}:
            paper.flow(table.title, table.head, _words(table), table.shares, table.none)
    _basis(paper, content, t)
    return paper.content()


def _show_photos(paper: Paper, content: Content, t: Callable[..., str]) -> None:
    if not content.photos:
        return
    paper.need(60)
    paper.heading(t("observation.media"))
    for number in range(0, len(content.photos), 4):
        paper.need(50)
        paper.photos(content.photos[number : number + 4], 46)
        paper.y += 2


def _motions(paper: Paper, content: Content, t: Callable[..., str], name: Callable[[str], str], *, lang: str) -> None:
    for one in content.motions:
        rate = f"{one.about['velocity_mm_yr']:+.1f} ± {one.about['velocity_std_mm_yr']:.2f} mm/yr".replace("-", "−")
        told = [name(one.about["motion"]), isolated(rate, lang), isolated(one.label, lang)]
        title = f"{t('road.areas')} {one.about['id']}: {t('comma').join(told)}"
        paper.plot(_series(one), title, t("displacement.axis"))


def _basis(paper: Paper, content: Content, t: Callable[..., str]) -> None:
    """Write what the report rests on, and what it cannot tell."""
    paper.need(40)
    paper.heading(t("report.sources"))
    for line in content.sources:
        paper.say(f"· {line}")
    paper.heading(t("report.limits"))
    for line in limits(t):
        paper.say(f"· {line}")


def as_html(content: Content, reader: Reader) -> str:
    """Return the report as one page with everything inside; its own policy forbids it to ask for anything."""
    words = map_texts.translate(reader.lang)

    def link(path: str) -> str | None:
        return f"{reader.address}{path}" if reader.address else None

    view, look, t = content.view, content.look, translate(reader.lang)
    panel = look.panel
    if panel.relief is not None:
        panel = replace(panel, relief_href=_inline(panel.relief[0], "image/png"))
    panel = replace(panel, spots=[replace(one, href=link(one.href) if one.href else None) for one in panel.spots])
    tell = replace(telling(reader.lang), link=link)
    made = strip.build(look.known, tell)
    return _templates().get_template("report_stretch.html").render(
        t=t, term=term(reader.lang), mt=words, lang=reader.lang, direction=DIRECTIONS[reader.lang], view=view, look=look, content=content,
        picture=strip_svg.draw(made, tell, described_by="kilometres"), panel=panel_svg.draw(panel, t("road.map")),
        keys=strip.legend(tell), sample=strip_svg.sample, symbols=symbol_sample, marks=MARKS,
        tables=[linked(table, link) for table in content.tables if table.rows or table.name in {"closures", "looks"}],
        ranking=linked(look.ranking, link), today=date.today(), expires=LOOK_EXPIRES_DAYS, inside=reader.inside, address=reader.address,
        photos=[(_inline(one.path, "image/jpeg"), one.caption) for one in content.photos],
        plots=[(motions.plot([one], one.label, t("displacement.axis")), one) for one in content.motions],
        limits=limits(t), policy=POLICY, places=t("comma").join(place for _, place in made.places[:4]),
    )  # fmt: skip


def limits(t: Callable[..., str]) -> list[str]:
    """Return what a report does not say."""
    return [t(f"report.limit_{number}") for number in range(1, 6)]


def _summary(paper: Paper, content: Content, t: Callable[..., str], name: Callable[[str], str]) -> None:
    """Write the facts beside the map."""
    look, known, view = content.look, content.look.known, content.view
    top = paper.y
    high = min(MAP_MM, 70.0)
    paper.map(look.panel, paper.width - MAP_MM, MAP_MM, high)
    worst = look.worst
    facts = [
        (t("road.length"), f"{known.segments[-1].km_to - known.segments[0].km_from:g} km"),
        (t("road.worst"), _graded(worst, paper.lang, t, name) if worst else name("unknown")),
        (t("road.looks"), t("road.unseen", n=look.unseen, all=len(known.segments), days=LOOK_EXPIRES_DAYS)),
        (t("sites.title"), f"{len(known.sites)}"), (t("events.title"), f"{len(known.events)}"),
        (t("changes.title"), f"{len(known.changes)}"), (t("road.areas"), f"{len(known.areas)}"),
        (t("observations.title"), f"{sum(known.counts.values()):,}"), (t("closures.title"), f"{len(known.closures)}"),
    ]  # fmt: skip
    if view.on:
        facts.insert(0, (t("road.on"), str(view.on)))
    if look.infill:
        facts.append((t("report.line"), t("road.infill", n=look.infill, all=len(known.segments))))
    paper.facts(facts, 0, paper.width - MAP_MM - 4, label_share=0.4)
    paper.y = max(paper.y, top + high + 1)
    paper.note(t("report.map_key"))


def _graded(worst: Any, lang: str, t: Callable[..., str], name: Callable[[str], str]) -> str:
    """Return a grade and, where it is known, its points in the reading order of the page, the points from left to right."""
    if worst["grade"] == "unknown":
        return name("unknown")  # nothing was seen: no points, for 0 would look safe
    points = isolated(f"{worst['score']:.0f} / 100", lang)
    return f"{name(worst['grade'])}{t('comma')}{points}"


def _changed(paper: Paper, content: Content, t: Callable[..., str], name: Callable[[str], str]) -> None:
    after = content.view.on or datetime.now(UTC).date()
    built = Tables(content.look.known, paper.lang)
    rows = []
    for one in content.differences[:MOST_CHANGED]:
        why = t("semicolon").join(
            built.isolated(f"{part.points_after - part.points_before:+.1f}")
            + f" {t('road.why_' + part.why)}{t('comma')}{built.reason(vars(part))}"
            for part in one.reasons[:3]
        )
        before, now = (f"{name(grade or 'unknown')} {'–' if score is None else f'{score:.0f}'}" for grade, score in
                       ((one.grade_before, one.score_before), (one.grade_after, one.score_after)))  # fmt: skip
        rows.append([f"{one.km_from:g}–{one.km_to:g}", before, now, why])
    title = t("road.changed", a=content.view.before, b=after)
    head = [t("col.km"), t("road.then"), t("road.now"), t("col.reason")]
    paper.flow(title, head, rows, (0.11, 0.16, 0.16, 0.57), t("road.unchanged", a=content.view.before, b=after))
    if len(content.differences) > MOST_CHANGED:
        paper.note(t("sheet.more", n=len(content.differences) - MOST_CHANGED))


def _words(table: Table) -> list[list[str]]:
    return [[one.words for one in row] for row in table.rows]


def _series(one: motions.Told) -> Series:
    return Series(one.label, one.about["dates"], motions.finite(one.about["series"]), one.errors, one.model, one.onset)


def _photos(conn: Connection, look: Look, reader: Reader) -> list[Photo]:
    """Return reduced copies of the newest photos of the stretch's sites and observations, each once."""
    known = look.known
    codes = {one["id"]: one["code"] for one in known.sites}
    found = [(codes[site], file) for site, file in media.of_sites(conn, list(codes), accepted_only=not reader.inside)]
    t = translate(reader.lang)
    found += [(t("at_km", km=f"{one['chainage_km']:.1f}"), file) for one in known.observations
              for _, file in media.of_observations(conn, [one["id"]], accepted_only=not reader.inside)]  # fmt: skip
    photos: dict[str, Photo] = {}
    for where, file in found:
        if len(photos) >= MOST_PHOTOS:
            break
        path = media_files.path_of(reader.home / "media", file.sha256)
        copy = copies.open_to_all(path, reader.home / "copies", file.mime_type) if path.is_file() else None
        if copy is not None and copy[1].startswith("image/") and file.sha256 not in photos:
            day = f" {file.taken_at:%Y-%m-%d}" if file.taken_at else ""
            name = isolated(short(file.filename, MOST_NAME), reader.lang)
            photos[file.sha256] = Photo(copy[0], f"{where}{day}  {name}")
    return list(photos.values())


def _sources(conn: Connection, look: Look, reader: Reader) -> list[str]:
    """Return what the report rests on: the line, the weights, every source of a record."""
    t, known = translate(reader.lang), look.known
    here = corridor.locate_km(conn, known.segments[0].km_from)
    lines = [
        t(
            "report.alignment",
            name=here.alignment,
            basis=t("semicolon").join(sorted({one.basis for one in known.segments})),
        )
    ]
    versions = sorted({rating["weights_version"] for rating in known.ratings.values()})
    rated = max((rating["rated_at"] for rating in known.ratings.values()), default=None)
    if rated is not None:
        lines.append(t("report.weights", name=", ".join(versions), day=f"{rated:%Y-%m-%d %H:%M} UTC"))
    for one in {area["set_name"]: area for area in known.areas}.values():
        lines.append(
            t(
                "report.set",
                name=one["set_name"],
                a=one["first_date"],
                b=one["last_date"],
                reference=one["reference"] or "–",
            )
        )
    kinds = {look["kind"]: look["last_look"] for look in sorted(known.looks, key=lambda look: look["last_look"])}
    lines += [t("report.run", kind=term(reader.lang)(kind), day=day) for kind, day in kinds.items()]
    named = sorted(
        {str(one["source"]) for rows in (known.sites, known.events, known.closures, known.works) for one in rows}
    )
    return [*lines, *named]


def _inline(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


@cache
def _templates() -> Environment:
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value, digits=0: "–" if value is None else f"{value:,.{digits}f}"
    environment.filters["clauses"] = lambda english, lang: clauses(lang)(english)
    sheets = (folder.parent / "static" / "style.css", folder / "report.css")
    environment.globals["css"] = Markup(theme.paper() + "".join(one.read_text(encoding="utf8") for one in sheets))
    return environment
