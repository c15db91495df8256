"""Alerts: the list, each with its messages, as CAP and as a feed; and what people do to them."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import Response

from alerts import cap, feed, links
from alerts.run import cap_document, open_feed
from alerts.settings import AlertSettings
from api.bodies import answered, read_body
from api.listing import AskedByStretch
from api.minimap import Mark, draw, middle, outline, stretch_of
from api.openrosa.documents import site_of
from api.pages import collection, data, feature, language, render, wants_page
from api.pictured import served
from api.plain import plain
from api.security import Identity, Reader, Reviewer
from api.state import state_of
from api.storage import reading, writing
from api.verdicts import AlertAction
from hazard_db import alerts, connect, pictures
from hazard_db.alerts import AlertMessage, AlertRecord
from hazard_db.connect import Connection

router = APIRouter(tags=["alerts"])

Id = Annotated[int, Path(ge=1, lt=2**63)]
States = Literal[
    "live", "untaken", "candidate", "open", "acknowledged", "escalated", "resolved", "false_alarm", "expired"
]
NAMES = ("acknowledged_by", "resolved_by", "evidence", "group_key", "held")
"""For those who are logged in."""
FEED_SECONDS = 60


@router.get("/alerts")
def list_alerts(
    request: Request, identity: Reader, window: AskedByStretch, *, state: Annotated[States | None, Query()] = None,
    view: Annotated[Literal["list", "map", "calendar"], Query(description="Of the page.")] = "list",
    month: Annotated[str | None, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="Of the calendar, YYYY-MM.")] = None,
) -> Response:  # fmt: skip
    """Return alerts, newest first; only public ones to those who are not logged in."""
    if view == "calendar" and wants_page(request, default_page=False):
        return _calendar(request, identity, state, month)
    stretch = (window.km_from, window.km_to) if window.km_from is not None and window.km_to is not None else None
    with reading(request) as conn:
        items = alerts.list_alerts(
            conn, state=state, scope=_scope(identity), since=window.since, km=stretch, limit=window.limit,
            offset=window.offset,
        )  # fmt: skip
        drawn = _drawn(conn, items, language(request)) if view == "map" else None
    if wants_page(request, default_page=False):
        return render(
            request, "alerts.html", items=items, limit=window.limit, offset=window.offset, minimap=drawn, view=view,
            state_asked=state,
        )  # fmt: skip
    return data(collection([_shown(item, identity) for item in items]), media_type="application/geo+json")


@router.get("/alerts/feed.atom")
def atom(request: Request) -> Response:
    """Return the open feed of public alerts (Atom 1.0), the same for everybody."""
    with reading(request) as conn:
        document = open_feed(conn, language=language(request), settings=_linked(request))
    headers = {"Cache-Control": f"public, max-age={FEED_SECONDS}", "Vary": "Accept-Language, Cookie"}
    return Response(document, media_type=feed.MIME_TYPE, headers=headers)


@router.get("/alerts/reliability")
def reliability(request: Request, identity: Reader) -> Response:
    """Return how often each rule and each detector was right, as people judged them; open to everybody."""
    del identity
    with reading(request) as conn:
        found = alerts.reliability(conn)
    told = [{**plain(one), "hit_rate": one.hit_rate, "false_alarm_rate": one.false_alarm_rate} for one in found]
    if wants_page(request, default_page=False):
        return render(request, "reliability.html", items=told)
    return data(told)


@router.get("/alerts/{alert_id}")
def get_alert(request: Request, identity: Reader, alert_id: Id) -> Response:
    """Return one alert with the messages about it."""
    with reading(request) as conn:
        alert = alerts.get_alert(conn, alert_id, scope=_scope(identity))
        messages = alerts.events_of(conn, alert_id, scope=_scope(identity))
        asked = alerts.checks(conn, alert_id=alert_id) if identity.sees_unreviewed else []
        paths = pictures.of_changes(conn, alert.change_ids, include_unreviewed=identity.sees_unreviewed)
    if wants_page(request, default_page=False):
        shown = served(state_of(request).settings.home, paths)
        return render(request, "alert.html", alert=alert, messages=messages, pictures=shown, checks=asked)
    told = _shown(alert, identity) | {
        "checks": plain(asked),
        "messages": [_message(message, identity) for message in messages],
    }
    return data(feature(told), media_type="application/geo+json")


@router.get("/alerts/{alert_id}/cap")
def get_cap(request: Request, identity: Reader, alert_id: Id) -> Response:
    """Return the newest message about an alert as a CAP 1.2 document."""
    with reading(request) as conn:
        document = cap_document(conn, alert_id, public_only=not identity.sees_unreviewed, settings=_linked(request))
    return Response(document, media_type=cap.MIME_TYPE)


@router.get("/alerts/{alert_id}/take", include_in_schema=False)
def show_take(request: Request, alert_id: Id, token: Annotated[str, Query(max_length=2000)]) -> Response:
    """Return the page behind a link in a message; looking at it changes nothing, as mail scanners look at every link."""
    who = links.bearer(state_of(request).signing_key, alert_id, token)
    with reading(request) as conn:
        alert = alerts.get_alert(conn, alert_id)
    return render(request, "take.html", alert=alert, who=who, token=token, headers={"Referrer-Policy": "no-referrer"})


@router.post("/alerts/{alert_id}/take", include_in_schema=False)
def take(request: Request, alert_id: Id, token: Annotated[str, Form(max_length=2000)]) -> Response:
    """Acknowledge by a link in a message: its token says who, so nobody need log in."""
    who = links.bearer(state_of(request).signing_key, alert_id, token)
    with connect.transaction(state_of(request).engine) as conn:
        connect.actor(conn, who)
        alert = alerts.acknowledge(conn, alert_id, who, "by the link in the message")
    return render(request, "take.html", alert=alert, who=who, token="", headers={"Referrer-Policy": "no-referrer"})


@router.post("/alerts/{alert_id}/ack", openapi_extra=AlertAction.described())
async def acknowledge(request: Request, identity: Reviewer, alert_id: Id) -> Response:
    """Acknowledge an alert: somebody takes care of it."""
    return await _act(request, identity, alert_id, alerts.acknowledge)


@router.post("/alerts/{alert_id}/escalate", openapi_extra=AlertAction.described())
async def escalate(request: Request, identity: Reviewer, alert_id: Id) -> Response:
    """Pass an alert on: the next in the chain is told at once."""
    return await _act(request, identity, alert_id, alerts.escalate)


@router.post("/alerts/{alert_id}/resolve", openapi_extra=AlertAction.described())
async def resolve(request: Request, identity: Reviewer, alert_id: Id) -> Response:
    """Resolve an alert: the danger is over; those who were told of it are told so."""
    return await _act(request, identity, alert_id, alerts.resolve)


@router.post("/alerts/{alert_id}/approve", openapi_extra=AlertAction.described())
async def approve(request: Request, identity: Reviewer, alert_id: Id) -> Response:
    """Make an alert public."""
    return await _act(request, identity, alert_id, alerts.approve)


@router.post("/alerts/{alert_id}/false-alarm", openapi_extra=AlertAction.described())
async def false_alarm(request: Request, identity: Reviewer, alert_id: Id) -> Response:
    """Close an alert as a false alarm; those who were told of it are told so."""
    return await _act(request, identity, alert_id, alerts.mark_false_alarm)


def _drawn(conn: Connection, items: Sequence[AlertRecord], lang: str) -> dict[str, Any]:
    """Return a small map of alerts, each a mark that leads to its page."""
    marks = [_mark(item, lang) for item in items]
    return draw(conn, marks, stretch_of([{"chainage_km": item.chainage_km} for item in items]), lang)


def _mark(item: AlertRecord, lang: str) -> Mark:
    kind = "alert_grave" if item.severity in {"Severe", "Extreme"} else "alert"
    shape = outline(item.geometry) if item.geometry["type"].endswith("Polygon") else None
    title = f"{item.id}: {item.headline.get(lang) or item.headline['en']}"
    return Mark(kind, *middle(item.geometry), title, f"/alerts/{item.id}", main=True, shape=shape)


def _calendar(request: Request, identity: Identity, state: str | None, month: str | None) -> Response:
    """Return the alerts of a month on the days on which they were raised, by the clock of UTC."""
    year, number = map(int, (month or f"{datetime.now(UTC):%Y-%m}").split("-"))
    with reading(request) as conn:
        found = alerts.raised_in(conn, year, number, state=state, scope=_scope(identity))
    days: dict[int, list[AlertRecord]] = {}
    for one in found:
        days.setdefault(one.raised_at.astimezone(UTC).day, []).append(one)
    beside = [f"{year - (number == 1)}-{(number - 2) % 12 + 1:02d}", f"{year + (number == 12)}-{number % 12 + 1:02d}"]
    return render(
        request, "alerts_calendar.html", weeks=calendar.Calendar().monthdayscalendar(year, number), days=days, month=f"{year}-{number:02d}",
        beside=beside, view="calendar", state_asked=state, total=len(found), today=datetime.now(UTC).strftime("%Y-%m-%d"),
    )  # fmt: skip


async def _act(
    request: Request,
    identity: Identity,
    alert_id: int,
    action: Callable[[Connection, int, str, str | None], AlertRecord],
) -> Response:
    asked = await read_body(request, AlertAction)

    def act() -> AlertRecord:
        with writing(request, identity) as conn:
            return action(conn, alert_id, identity.name, asked.note or None)

    return await answered(request, f"/alerts/{alert_id}", act, lambda alert: feature(_shown(alert, identity)))


def _scope(identity: Identity) -> str | None:
    return None if identity.sees_unreviewed else "Public"


def _shown(alert: AlertRecord, identity: Identity) -> dict[str, Any]:
    told: dict[str, Any] = plain(alert)
    return told if identity.sees_unreviewed else {name: value for name, value in told.items() if name not in NAMES}


def _message(message: AlertMessage, identity: Identity) -> dict[str, Any]:
    told: dict[str, Any] = plain(message)
    del told["content"]
    if not identity.sees_unreviewed:
        del told["actor"], told["note"]
    return told


def _linked(request: Request) -> AlertSettings:
    """Return the settings of alerts with links to where the reader reached us."""
    return state_of(request).alerts.model_copy(update={"base_url": site_of(request)})
