"""The open feed of alerts: Atom 1.0 [@RFC4287], each entry linking to its CAP document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from alerts import cap, texts
from hazard_db.alerts import AlertMessage

NAMESPACE = "http://www.w3.org/2005/Atom"
MIME_TYPE = "application/atom+xml"
CAP = cap.NAMESPACE
NAMES: Any = {None: NAMESPACE, "cap": CAP}


def atom(
    messages: Sequence[AlertMessage], base_url: str, *, language: str = "en", author: str = "KKH Hazard Watch"
) -> bytes:
    """Return the newest message of each alert as an Atom feed, UTF-8.

    Raises
    ------
    ValueError
        A message among them is not public: the caller asked the catalogue for the wrong ones.
    """
    hidden = [message.id for message in messages if message.scope != "Public"]
    if hidden:
        raise ValueError(f"messages {hidden} are restricted and must not be in the open feed")
    base = base_url.rstrip("/")
    address = f"{base}/alerts/feed.atom" + ("" if language == "en" else f"?lang={language}")
    feed = etree.Element(f"{{{NAMESPACE}}}feed", nsmap=NAMES)
    feed.set("{http://www.w3.org/XML/1998/namespace}lang", language)
    _add(feed, "id", address)
    _add(feed, "title", texts.words_of(language)["feed"])
    newest = max((message.sent_at for message in messages), default=datetime(2000, 1, 1, tzinfo=UTC))
    _add(feed, "updated", _moment(newest))
    _add(_add(feed, "author"), "name", texts.one_line(author))
    _add(feed, "link", rel="self", type=MIME_TYPE, href=address)
    _add(feed, "link", rel="alternate", type="text/html", href=f"{base}/alerts")
    for message in messages:
        _entry(feed, message, base, language)
    return etree.tostring(feed, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _entry(feed: etree._Element, message: AlertMessage, base: str, language: str) -> None:
    content = message.content
    page = f"{base}/alerts/{message.alert_id}"
    entry = _add(feed, "entry")
    _add(entry, "id", f"urn:uuid:{content['identifier']}")
    _add(entry, "title", texts.message_headline(content["headline"], message.state, message.scope, language))
    _add(entry, "updated", _moment(message.sent_at))
    _add(entry, "published", _moment(datetime.fromisoformat(content["raised_at"])))
    described = texts.message_description(content["description"], language)
    summary = f"{described}\n{texts.advice(message.state, message.scope, language)}"
    _add(entry, "summary", summary)
    _add(entry, "link", rel="alternate", type="text/html", href=page)
    _add(entry, "link", rel="related", type=cap.MIME_TYPE, href=f"{page}/cap")
    for name, value in (
        ("status", cap.status_of(message)), ("msgType", message.msg_type), ("severity", content["severity"]),
        ("urgency", content["urgency"]), ("certainty", content["certainty"]), ("expires", cap.timestamp(cap.expires(message))),
    ):  # fmt: skip
        etree.SubElement(entry, f"{{{CAP}}}{name}").text = value


def _moment(moment: datetime) -> str:
    """Return a time with all its digits: entries of one second would else count as one update."""
    return moment.astimezone(UTC).isoformat()


def _add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
    if text is not None:
        element.text = text
    return element
