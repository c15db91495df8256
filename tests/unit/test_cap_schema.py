from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from alerts import cap, feed
from alerts.cap import NAMESPACE, check, parse, render
from hazard_db.alerts import AlertMessage, Reference
from hazard_db.errors import DeliveryError

SENT = datetime(2026, 6, 21, 4, 5, 6, 789_000, tzinfo=UTC)
NAMES = {"c": NAMESPACE}


def message(**values: Any) -> AlertMessage:
    content: dict[str, Any] = {
        "identifier": "11111111-1111-4111-8111-111111111111", "kind": "landslide", "severity": "Severe", "certainty": "Possible",
        "urgency": "Future", "headline": {"en": "Landslide: km 657.1", "zh": "滑坡", "ur": "لینڈ سلائیڈ"},
        "description": {"en": "a\nb", "zh": "甲", "ur": "الف"}, "raised_at": "2026-06-21T04:05:06+00:00",
        "expires_at": "2026-07-05T04:05:06+00:00", "chainage_km": 657.25, "chainage_from_km": 657.12, "chainage_to_km": 657.44,
        "alignment": "approximate-2026",
        "evidence": {"sender": "kkh-hazard-watch", "place": "Attabad", "confidence": 0.8, "area_m2": 40000.0, "distance_m": 120.4,
                     "area_uncertainty_m2": 4000.0, "approved": {"by": "amina"}},
        "geometry": {"type": "Polygon", "coordinates": [[[74.867, 36.337], [74.869, 36.337], [74.869, 36.339], [74.867, 36.337]]]},
        **values.pop("content", {}),
    }  # fmt: skip
    given: dict[str, Any] = {
        "id": 7, "alert_id": 3, "identifier": UUID(int=5), "msg_type": "Alert", "state": "open", "scope": "Restricted",
        "actor": "watch", "note": None, "sent_at": SENT, "content": content, "references": (), **values,
    }  # fmt: skip
    return AlertMessage(**given)


def rendered(**values: Any) -> etree._Element:
    return parse(render(message(**values), "https://kkh.example/", "KKH Hazard Watch"))


def texts_of(root: etree._Element, path: str) -> list[str]:
    found: Any = root.xpath(path, namespaces=NAMES)
    return [element.text for element in found]


def test_a_document_says_all_of_it() -> None:
    root = rendered()
    assert check(root) == []
    assert texts_of(root, "c:sent") == ["2026-06-21T04:05:06+00:00"]
    assert texts_of(root, "c:scope") == ["Restricted"]
    assert len(texts_of(root, "c:restriction")) == 1
    assert texts_of(root, "c:info/c:language") == ["en", "zh", "ur"]
    assert texts_of(root, "c:info/c:web") == ["https://kkh.example/alerts/3"] * 3
    assert texts_of(root, "c:info/c:instruction")[0] == "Unreviewed detection: verify before acting."
    assert texts_of(root, "c:info/c:area/c:areaDesc")[0] == "Karakoram Highway, km 657.1 to 657.4, near Attabad"
    parameters = dict(
        zip(
            texts_of(root, "c:info[1]/c:parameter/c:valueName"),
            texts_of(root, "c:info[1]/c:parameter/c:value"),
            strict=True,
        )
    )
    assert parameters["chainage_from_km"] == "657.12"
    assert (parameters["confidence"], parameters["area_m2"], parameters["distance_m"]) == ("0.8", "40000", "120.4")
    for ring in texts_of(root, "c:info/c:area/c:polygon"):
        assert re.fullmatch(r"36\.\d{5},74\.\d{5}( 36\.\d{5},74\.\d{5}){3,}", ring)
        assert ring.split()[0] == ring.split()[-1]


def test_public_says_no_names() -> None:
    document = render(message(scope="Public", note="call Amina", msg_type="Update"), "https://kkh.example", "KKH")
    root = parse(document)
    assert check(root) == []
    assert texts_of(root, "c:restriction") == texts_of(root, "c:note") == []
    assert b"mina" not in document
    assert texts_of(rendered(note="call Amina"), "c:note") == ["call Amina"]


def test_later_messages_name_earlier_ones() -> None:
    earlier = Reference(UUID(int=1), "kkh-hazard-watch", SENT - timedelta(days=1))
    other = Reference(UUID(int=2), "kkh-hazard-watch", SENT - timedelta(hours=1))
    root = rendered(msg_type="Cancel", state="resolved", references=(earlier, other))
    assert check(root) == []
    assert texts_of(root, "c:references") == [
        f"kkh-hazard-watch,{UUID(int=1)},2026-06-20T04:05:06+00:00 kkh-hazard-watch,{UUID(int=2)},2026-06-21T03:05:06+00:00"
    ]
    assert texts_of(root, "c:info/c:urgency") == ["Past"] * 3
    assert texts_of(root, "c:info/c:responseType") == ["AllClear"] * 3


@pytest.mark.parametrize("state", ["resolved", "false_alarm", "expired"])
def test_it_is_always_valid_for_a_while_after_it_was_sent(state: str) -> None:
    root = rendered(msg_type="Cancel", state=state, content={"expires_at": "2026-06-01T00:00:00+00:00"})
    assert texts_of(root, "c:info/c:expires")[0] == "2026-06-22T04:05:06+00:00"


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(DeliveryError, match="not valid CAP"):
        rendered(content={"severity": "Terrible"})
    with pytest.raises(DeliveryError, match="no CAP document"):
        rendered(content={"evidence": {}})
    with pytest.raises(DeliveryError, match="without a place"):
        rendered(content={"geometry": {"type": "Polygon", "coordinates": []}})
    with pytest.raises(ValueError, match="time zone"):
        cap.timestamp(datetime(2026, 1, 1))


def test_the_schema_is_the_one_of_oasis(shared_data: Path) -> None:
    example = parse((shared_data / "triggers" / "cap_alerts" / "cap_amber_alert_example.xml").read_bytes())
    assert check(example) == []
    example[4].text = "Warning"
    assert "msgType" in check(example)[0]


def test_documents_from_outside_are_read_safely() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    for wrong in (b"", b"<a", bomb):
        with pytest.raises(DeliveryError):
            parse(wrong)


def test_the_feed_refuses_what_is_not_public() -> None:
    with pytest.raises(ValueError, match="restricted"):
        feed.atom([message()], "https://kkh.example")
    document = etree.fromstring(feed.atom([message(scope="Public")], "https://kkh.example/", language="zh"))
    names = {"a": feed.NAMESPACE}
    for required in (
        "a:id",
        "a:title",
        "a:updated",
        "a:author/a:name",
        "a:entry/a:id",
        "a:entry/a:title",
        "a:entry/a:updated",
    ):
        found: Any = document.xpath(required, namespaces=names)
        assert len(found) == 1, required
        assert found[0].text
    links: Any = document.xpath("a:entry/a:link[@type='application/cap+xml']/@href", namespaces=names)
    assert links == ["https://kkh.example/alerts/3/cap"]
    empty = etree.fromstring(feed.atom([], "https://kkh.example"))
    assert empty.find(f"{{{feed.NAMESPACE}}}updated") is not None


def test_documents_are_checked_by_many_threads_at_once() -> None:
    good = render(message(), "https://kkh.example", "KKH")

    def judged(number: int) -> tuple[bool, bool]:
        bad = parse(good)
        etree.SubElement(bad, f"{{{NAMESPACE}}}unknown{number}")
        return check(parse(good)) == [], check(bad) == []

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(judged, range(2000))) == {(True, False)}
