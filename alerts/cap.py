"""Messages in the Common Alerting Protocol 1.2 [@CAP12], each checked against its schema before it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import local
from typing import Any

from lxml import etree

from alerts import texts
from alerts.area import polygons
from hazard_db.alerts import AlertMessage
from hazard_db.errors import DeliveryError
from hazard_db.wording import LANGUAGES

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
SCHEMA = Path(__file__).parent / "schema" / "CAP-v1.2.xsd"
MIME_TYPE = "application/cap+xml"
SHORTEST_LIFE = timedelta(hours=24)
"""A message that closes an alert stays valid for this long, also where the alert had come to its end."""

RESPONSES = {"resolved": "AllClear", "false_alarm": "AllClear", "expired": "Assess"}
NAMES: Any = {None: NAMESPACE}
NUMBERS = (
    "chainage_km", "chainage_from_km", "chainage_to_km", "distance_m", "side", "alignment", "area_m2", "area_uncertainty_m2",
    "confidence", "first_date", "last_date", "changes", "dates_seen",
)  # fmt: skip


class _Here(local):
    """What each thread has of its own: a schema looks names up in a table of the thread that read it, which is no other's to change."""

    @cached_property
    def schema(self) -> etree.XMLSchema:
        return etree.XMLSchema(etree.parse(str(SCHEMA)))


_here = _Here()


def render(message: AlertMessage, base_url: str, sender_name: str, *, status: str | None = None) -> bytes:
    """Return the message as a CAP 1.2 document, UTF-8.

    Parameters
    ----------
    status
        Of CAP; by default that of the alert.

    Raises
    ------
    DeliveryError
        What the catalogue holds of the alert does not make a valid document.
    """
    try:
        document = _alert(message, base_url.rstrip("/"), sender_name, status or status_of(message))
    except (KeyError, TypeError, ValueError) as error:
        raise DeliveryError(f"message {message.id} of alert {message.alert_id}: no CAP document ({error})") from error
    problems = check(document)
    if problems:
        raise DeliveryError(f"message {message.id} of alert {message.alert_id}: not valid CAP ({problems[0]})")
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def parse(document: bytes) -> etree._Element:
    """Return the root of a CAP document from outside; entities, DTDs and the network are not touched.

    Raises
    ------
    DeliveryError
        It is not XML, or more than XML should be.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise DeliveryError(f"not an XML document ({error})") from error
    doctype: Any = root.getroottree().docinfo.internalDTD
    if doctype is not None:
        raise DeliveryError("a CAP document has no DTD")
    return root


def check(root: etree._Element) -> list[str]:
    """Return what is wrong with a document by the OASIS schema, one line each; empty where it is valid."""
    schema = _here.schema
    if schema.validate(root):
        return []
    log: Any = schema.error_log  # iterable, though its type does not say so
    return [f"line {error.line}: {error.message}" for error in log]


def timestamp(moment: datetime) -> str:
    """Return a time as CAP wants it: whole seconds, an offset, never `Z`.

    Raises
    ------
    ValueError
        The time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def status_of(message: AlertMessage) -> str:
    """Return whether the alert is `Actual`, or an `Exercise` as it was raised among simulated data."""
    return str(message.content["evidence"].get("status", "Actual"))


def expires(message: AlertMessage) -> datetime:
    """Return until when the message is valid, always after it was sent."""
    end = datetime.fromisoformat(message.content["expires_at"])
    return max(end, message.sent_at + SHORTEST_LIFE) if message.state in RESPONSES else end


def _alert(message: AlertMessage, base_url: str, sender_name: str, status: str) -> etree._Element:
    content = message.content
    root = etree.Element(f"{{{NAMESPACE}}}alert", nsmap=NAMES)
    _add(root, "identifier", str(message.identifier))
    _add(root, "sender", content["evidence"]["sender"])
    _add(root, "sent", timestamp(message.sent_at))
    _add(root, "status", status)
    _add(root, "msgType", message.msg_type)
    _add(root, "scope", message.scope)
    if message.scope == "Restricted":
        _add(root, "restriction", texts.words_of("en")["restriction"])
        if message.note:  # what officers tell each other stays among them
            _add(root, "note", texts.plain(message.note))
    if message.references:
        told = (f"{one.sender},{one.identifier},{timestamp(one.sent_at)}" for one in message.references)
        _add(root, "references", " ".join(told))
    outlines = polygons(content["geometry"])
    for language in LANGUAGES:
        info = _info(root, message, language, sender_name)
        _add(info, "web", f"{base_url}/alerts/{message.alert_id}")
        for name, value in _parameters(content).items():
            parameter = _add(info, "parameter")
            _add(parameter, "valueName", name)
            _add(parameter, "value", value)
        _area(info, content, language, outlines)
    return root


def _info(root: etree._Element, message: AlertMessage, language: str, sender_name: str) -> etree._Element:
    """Return the message in one language, up to what to do."""
    content = message.content
    ended = message.state in {"resolved", "false_alarm"}
    info = _add(root, "info")
    _add(info, "language", language)
    _add(info, "category", "Geo")
    _add(info, "event", texts.event_name(content["kind"], language))
    unsure = "Assess" if message.scope == "Restricted" else "Monitor"
    _add(info, "responseType", RESPONSES.get(message.state, unsure))
    _add(info, "urgency", "Past" if ended else content["urgency"])
    _add(info, "severity", content["severity"])
    _add(info, "certainty", "Unlikely" if message.state == "false_alarm" else content["certainty"])
    _add(info, "effective", timestamp(message.sent_at))
    _add(info, "expires", timestamp(expires(message)))
    _add(info, "senderName", texts.one_line(sender_name))
    _add(info, "headline", texts.message_headline(content["headline"], message.state, message.scope, language))
    _add(info, "description", texts.message_description(content["description"], language))
    _add(info, "instruction", texts.advice(message.state, message.scope, language))
    return info


def _parameters(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the numbers behind the message; the catalogue's own, unrounded words of people left out."""
    known = {**content["evidence"], **{name: content.get(name) for name in NUMBERS if name in content}}
    values = {name: known[name] for name in NUMBERS if known.get(name) is not None}
    return {
        "alert": str(content["identifier"]),
        **{name: f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else texts.one_line(str(value))
           for name, value in values.items()},
    }  # fmt: skip


def _area(info: etree._Element, content: Mapping[str, Any], language: str, outlines: list[str]) -> None:
    area = _add(info, "area")
    place = content["evidence"].get("place")
    stretch = texts.area_description(content.get("chainage_from_km"), content.get("chainage_to_km"), place, language)
    _add(area, "areaDesc", stretch)
    for outline in outlines:
        _add(area, "polygon", outline)


def _add(parent: etree._Element, name: str, value: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if value is not None:
        element.text = value
    return element
