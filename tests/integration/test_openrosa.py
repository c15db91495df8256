"""Phones with ODK Collect or KoboCollect: forms and submissions, once and whole, whatever the connection does."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from sqlalchemy import text

from api.openrosa import forms
from api.settings import ApiSettings
from hazard_db import accounts, connect, media_files, seed
from tests.phones import body_of, filled, new_id, parts, photo, send_cut

pytestmark = pytest.mark.integration


LIST = "{http://openrosa.org/xforms/xformsList}"


def send(phone: httpx.Client, xml: bytes, photos: dict[str, bytes] | None = None, **how: Any) -> httpx.Response:
    return phone.post("/submission", files=parts(xml, photos, **how))


def observations(database: Any) -> list[Any]:
    with connect.transaction(database.engine) as conn:
        return list(conn.execute(text("SELECT * FROM observation ORDER BY created_at, id")))


def counts(database: Any) -> tuple[int, int, int]:
    with connect.transaction(database.engine) as conn:
        tables = ("observation", "submission", "media")
        return tuple(conn.scalar(text(f"SELECT count(*) FROM {table}")) for table in tables)  # type: ignore[return-value]


def test_the_list_tells_each_form_by_the_checksum_of_its_bytes(address: str, phone: httpx.Client) -> None:
    answer = phone.get("/formList")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.headers["x-openrosa-version"] == "1.0"
    listed = ElementTree.fromstring(answer.content).findall(f"{LIST}xform")
    assert len(listed) == 7
    for one in listed:
        told = {child.tag.removeprefix(LIST): child.text for child in one}
        assert told["downloadUrl"].startswith(f"{address}/openrosa/t/")
        form = phone.get(told["downloadUrl"])
        assert told["hash"] == "md5:" + hashlib.md5(form.content).hexdigest()
        assert {f'id="{told["formID"]}"', f'version="{told["version"]}"'} <= set(re.findall(r'\w+="[^"]+"', form.text))
        assert "geopoint" in form.text
        assert 'mediatype="image/*"' in form.text
        assert form.text.count("<translation") == 3
        assert phone.get(told["manifestUrl"]).status_code == 200
    assert phone.get("/forms/kkh_nothing.xml").status_code == 404


@pytest.mark.parametrize(
    ("headers", "begins"),
    [
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "kkh.example.org"}, "https://kkh.example.org/openrosa/"),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/field"}, "https://127.0.0.1:"),
        ({"X-Forwarded-Host": 'evil"><x>'}, "http://127.0.0.1:"),
        ({"Host": "kkh.example.org:8443"}, "http://kkh.example.org:8443/openrosa/"),
    ],
)
def test_links_lead_where_the_phone_came_from(phone: httpx.Client, headers: dict[str, str], begins: str) -> None:
    urls = re.findall("<downloadUrl>([^<]+)", phone.get("/formList", headers=headers).text)
    assert all(url.startswith(begins) for url in urls)
    assert all(("/field/openrosa/" in url) == ("X-Forwarded-Prefix" in headers) for url in urls)


def test_head_is_answered_with_exactly_204(phone: httpx.Client) -> None:
    answer = phone.head("/submission")
    assert answer.status_code == 204
    assert answer.headers["x-openrosa-version"] == "1.0"
    assert int(answer.headers["x-openrosa-accept-content-length"]) >= 10_000_000


def test_a_submission_is_stored_once_however_often_it_is_sent(
    address: str, phone: httpx.Client, database: Any, settings: ApiSettings
) -> None:
    with connect.transaction(database.engine) as conn:
        seed.load(conn)
    instance, image = new_id(), photo()
    xml = filled(
        instance, photo="a.jpg", form="landslide", movement="slide_planar", length_m="120.5", signs="cracks bulging"
    )
    answers = [send(phone, xml, {"a.jpg": image}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 6
    assert all(b"<OpenRosaResponse" in answer.content for answer in answers)
    assert counts(database) == (1, 1, 1)
    stored = observations(database)[0]
    assert (stored.kind, stored.source_id, stored.accuracy_m, stored.observer) == (
        "landslide",
        instance,
        4.5,
        "geologist",
    )
    assert stored.chainage_km == pytest.approx(657, abs=1)
    assert stored.attributes == {
        "movement": "slide_planar", "length_m": 120.5, "signs": ["cracks", "bulging"], "photo": "a.jpg", "altitude_m": 2400.0,
        "road_state": "one_lane",
    }  # fmt: skip
    assert instance in httpx.get(f"{address}/observations").text
    with connect.transaction(database.engine) as conn:
        viewer = {"X-API-Key": accounts.create_key(conn, "viewer", "viewer")}
    listed = httpx.get(f"{address}/observations/{stored.id}/media", headers=viewer).json()
    digest = hashlib.sha256(image).hexdigest()
    assert [(one["filename"], one["sha256"]) for one in listed] == [("a.jpg", digest)]
    assert httpx.get(address + listed[0]["href"], headers=viewer).content == image
    assert (settings.home / "media" / digest[:2] / digest).read_bytes() == image
    page = httpx.get(f"{address}/observations/{stored.id}", headers=viewer | {"Accept": "text/html"}).text
    assert digest in page
    assert instance in page


def test_parts_come_in_any_order_and_more_than_once(address: str, phone: httpx.Client, database: Any) -> None:
    instance = new_id()
    xml = filled(instance, photo="a.jpg", photo_2="b.jpg", photo_3="c.jpg", form="rockfall")
    images = {name: photo(colour) for name, colour in (("a.jpg", "red"), ("b.jpg", "green"), ("c.jpg", "blue"))}
    for names, incomplete in (("b", True), ("b", True), ("a", True), ("ab", True), ("c", False), ("a", True)):
        one = {f"{name}.jpg": images[f"{name}.jpg"] for name in names}
        assert send(phone, xml, one, incomplete=incomplete).status_code == 201
    assert counts(database) == (1, 1, 3)
    with connect.transaction(database.engine) as conn:
        viewer = {"X-API-Key": accounts.create_key(conn, "viewer", "viewer")}
    told = httpx.get(f"{address}/observations/{observations(database)[0].id}/submissions", headers=viewer).json()
    assert {one["filename"]: one["sha256"] for one in told[0]["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in images.items()
    }


def test_what_has_not_arrived_is_told(address: str, phone: httpx.Client, database: Any) -> None:
    send(phone, filled(new_id(), photo="a.jpg"), incomplete=True)
    with connect.transaction(database.engine) as conn:
        viewer = {"X-API-Key": accounts.create_key(conn, "viewer", "viewer"), "Accept": "text/html"}
    page = httpx.get(f"{address}/observations/{observations(database)[0].id}", headers=viewer).text
    assert "a.jpg" in page
    assert "not arrived" in page


def test_a_chunked_body_works(phone: httpx.Client, database: Any) -> None:
    body, headers = body_of(filled(new_id(), photo="a.jpg"), {"a.jpg": photo()})

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    answer = phone.post("/submission", content=pieces(), headers=headers)
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 201
    assert counts(database) == (1, 1, 1)


def test_a_photo_of_20_mb_arrives(phone: httpx.Client, database: Any) -> None:
    image = photo(size=(32, 32))
    image += b"\0" * (20_000_000 - len(image))  # whatever follows the picture belongs to the file
    assert send(phone, filled(new_id(), photo="big.jpg"), {"big.jpg": image}).status_code == 201
    with connect.transaction(database.engine) as conn:
        assert conn.scalar(text("SELECT size_bytes FROM media")) == 20_000_000
    refused = send(phone, filled(new_id(), photo="big.jpg"), {"big.jpg": image + b"\0" * 8_000_000})
    assert refused.status_code == 413


@pytest.mark.parametrize("chunked", [False, True])
def test_a_connection_cut_in_the_middle_stores_nothing_and_the_next_try_all(
    phone: httpx.Client, database: Any, settings: ApiSettings, chunked: bool
) -> None:
    xml = filled(new_id(), form="landslide", photo="a.jpg", photo_2="b.jpg")
    for number, incomplete in enumerate((True, False)):  # a submission in two parts, each of them cut
        images = {"ab"[number] + ".jpg": photo(("red", "blue")[number], (600, 400))}
        stored = (1, 1, 1) if number else (0, 0, 0)
        body, headers = body_of(xml, images, incomplete=incomplete)
        for share in (0.1, 0.5, 0.9, 1.0):
            send_cut(phone, headers["Content-Type"], body, int(len(body) * share) - 1, chunked=chunked)
        # a body that ends early but in good form: a proxy may make that of a cut connection
        short = phone.post("/submission", content=body[: len(body) * 2 // 3], headers=headers)
        assert (short.status_code, "broke off" in short.text) == (400, True)
        assert counts(database) == stored
        assert send(phone, xml, images, incomplete=incomplete).status_code == 201
        assert counts(database) == (1, 1, number + 1)
    assert not list((settings.home / "media").glob(".part-*"))


def test_a_correction_is_a_revision_and_its_late_predecessor_is_kept(phone: httpx.Client, database: Any) -> None:
    first, second = new_id(), new_id()
    send(phone, filled(second, deprecated=first, note="corrected"))
    send(phone, filled(first, note="as first sent"))
    assert counts(database)[:2] == (1, 2)
    stored = observations(database)[0]
    assert (stored.note, stored.source_id) == ("corrected", second)
    with connect.transaction(database.engine) as conn:
        past = conn.execute(text("SELECT content FROM observation_revision")).scalars().all()
    assert [(one["note"], one["source_id"]) for one in past] == [("as first sent", first)]


@pytest.mark.parametrize("order", ["ABC", "CBA", "CAB", "BAC", "BCA", "ACB"])
def test_corrections_in_any_order_end_as_one_observation_with_the_last_answers(
    phone: httpx.Client, database: Any, order: str
) -> None:
    ids = {name: new_id() for name in "ABC"}
    before = {"A": None, "B": ids["A"], "C": ids["B"]}
    for name in order:
        xml = filled(ids[name], deprecated=before[name], note=f"version {name}", photo=f"{name}.jpg")
        assert send(phone, xml, {f"{name}.jpg": photo("red" if name == "A" else "blue")}).status_code == 201
        assert send(phone, xml).status_code == 201
    shown = [one for one in observations(database) if one.review_status != "rejected"]
    assert [one.note for one in shown] == ["version C"]
    with connect.transaction(database.engine) as conn:
        homes = conn.execute(text("SELECT DISTINCT observation_id FROM submission")).scalars().all()
        files = (
            conn.execute(text("SELECT filename FROM media WHERE observation_id = :id"), {"id": shown[0].id})
            .scalars()
            .all()
        )
        past = conn.execute(text("SELECT content ->> 'note' FROM observation_revision")).scalars().all()
    assert homes == [shown[0].id]
    assert sorted(files) == ["A.jpg", "B.jpg", "C.jpg"]
    assert {"version A", "version B"} <= set(past)


def test_others_cannot_correct_and_what_was_accepted_is_reviewed_again(
    address: str, phone: httpx.Client, phone_key: Callable[..., str], database: Any
) -> None:
    first = new_id()
    send(phone, filled(first, note="mine"))
    other = httpx.Client(base_url=f"{address}/openrosa/t/{phone_key('another phone')}")
    assert send(other, filled(new_id(), deprecated=first, note="not mine")).status_code == 201
    assert {one.note for one in observations(database)} == {"mine", "not mine"}
    with connect.transaction(database.engine) as conn:
        reviewer = {"X-API-Key": accounts.create_key(conn, "r", "reviewer")}
    mine = next(one for one in observations(database) if one.note == "mine")
    httpx.post(f"{address}/observations/{mine.id}/review", json={"verdict": "accepted"}, headers=reviewer)
    send(phone, filled(new_id(), deprecated=first, note="better"))
    now = next(one for one in observations(database) if one.id == mine.id)
    assert (now.note, now.review_status, now.revision) == ("better", "submitted", 3)
    other.close()


def test_the_same_instance_with_other_answers_is_refused(phone: httpx.Client, database: Any) -> None:
    instance = new_id()
    send(phone, filled(instance))
    spaced = filled(instance).replace(b"<note>", b"\n  <note>").replace(b'<?xml version="1.0"?>', b"")
    assert send(phone, spaced).status_code == 201
    refused = send(phone, filled(instance, note="other"))
    assert refused.status_code == 409
    assert instance in refused.text
    assert observations(database)[0].note == "fresh blocks"


def test_two_photos_of_one_name_are_both_kept(phone: httpx.Client, database: Any) -> None:
    xml = filled(new_id(), photo="a.jpg")
    for image in (photo("red"), photo("blue"), photo("blue"), photo("red")):
        assert send(phone, xml, {"a.jpg": image}).status_code == 201
    assert counts(database) == (1, 1, 2)


BOMB = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><data id="kkh_quick">&b;</data>'


XXE = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><data id="kkh_quick"><note>&x;</note></data>'


FLOOD = {f"field_{number}": "x" for number in range(50)}


HOSTILE: list[tuple[bytes, dict[str, bytes], int, str]] = [
    (XXE, {}, 400, "document type"),
    (BOMB, {}, 400, "document type"),
    (b"<data>" * 50 + b"x" + b"</data>" * 50, {}, 404, "no form"),
    (b"<data", {}, 400, "no XML"),
    (b"", {}, 400, "no XML"),
    (b"\xff\xfe\x00", {}, 400, "no XML"),
    (filled(new_id()).replace(b"</data>", b"<g>" * 3000 + b"</g>" * 3000 + b"</data>"), {}, 400, "groups deep"),
    (filled(new_id()).replace(b"kkh_quick", b"someone_elses"), {}, 404, "someone_elses"),
    (filled(""), {}, 400, "instanceID"),
    (filled("../../x y"), {}, 400, "instanceID"),
    (filled(new_id(), position=""), {}, 400, "position"),
    (filled(new_id(), position="95.0 74.8 0 0"), {}, 400, "latitude"),
    (filled(new_id(), position="74.869 36.337 0 0"), {}, 400, "swapped"),
    (filled(new_id(), position="nan 74.8 0 0"), {}, 400, "position"),
    (filled(new_id(), observed_at="0000-00-00T00:00:00Z"), {}, 400, "observed_at"),
    (filled(new_id(), observed_at="2999-01-01T00:00:00Z"), {}, 400, "future"),
    (filled(new_id(), kind="dragon"), {}, 400, "dragon"),
    (filled(new_id(), form="landslide", length_m="NaN"), {}, 400, "length_m"),
    (filled(new_id(), note="x" * 20_000), {}, 400, "note"),
    (filled(new_id(), note="x" * 2_000_000), {}, 400, "1 MB"),
    (filled(new_id(), **FLOOD), {}, 400, "50 answers"),
    (filled(new_id(), photo="a.jpg"), {"a.jpg": b"<html>"}, 400, "a.jpg"),
    (filled(new_id(), photo="a.jpg"), {"a.jpg": b""}, 400, "empty"),
    (filled(new_id(), photo="a.jpg"), {"a.jpg": photo(size=(600, 400))[:-2000]}, 400, "a.jpg"),
    (filled(new_id()), {"good.jpg": photo(), "bad.jpg": b"MZ"}, 400, "bad.jpg"),
    (filled(new_id()), {"../../etc/cron.d/x.jpg": photo()}, 400, "plain file name"),
    (filled(new_id()), {"..\\x.jpg": photo()}, 400, "plain file name"),
    (filled(new_id()), {".part-x": photo()}, 400, "plain file name"),
    (filled(new_id()), {"x" * 300 + ".jpg": photo()}, 400, "name of 1 to 200"),
    (filled(new_id()), {f"{number}.jpg": photo() for number in range(80)}, 400, "Too many files"),
]  # fmt: skip


def test_hostile_input_is_refused_with_a_reason_and_nothing_is_stored(
    phone: httpx.Client, database: Any, settings: ApiSettings
) -> None:
    for number, (xml, photos, status, said) in enumerate(HOSTILE):
        answer = send(phone, xml, photos)
        assert (answer.status_code, said in answer.text) == (status, True), (number, answer.text)
        assert "<OpenRosaResponse" in answer.text
    assert counts(database) == (0, 0, 0)
    assert [path for path in (settings.home / "media").rglob("*") if path.is_file()] == []
    assert phone.head("/submission").status_code == 204


def test_requests_that_are_no_forms_are_refused(phone: httpx.Client) -> None:
    bodies = (
        b"",
        b"garbage",
        b"--x",
        b"--x\r\n",
        b"--x\r\nbad header\r\n\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\ny\r\n--x--\r\n",
    )
    cases = [(body, "multipart/form-data; boundary=x") for body in bodies]
    for content, kind in ((b"{}", "application/json"), (b"x", "multipart/form-data"), *cases):
        answer = phone.post("/submission", content=content, headers={"Content-Type": kind})
        assert (answer.status_code, "<OpenRosaResponse" in answer.text) == (400, True), content
    assert phone.post("/submission", files={"photo.jpg": ("photo.jpg", photo())}).status_code == 400
    assert phone.get("/submission").status_code == 405


def test_a_failure_before_the_commit_leaves_no_record_of_a_photo(
    phone: httpx.Client, database: Any, settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    xml, images = filled(new_id(), photo="a.jpg"), {"a.jpg": photo()}
    with monkeypatch.context() as patch:
        patch.setattr(media_files, "keep", lambda arrived, folder: (_ for _ in ()).throw(OSError("disk full")))
        assert send(phone, xml, images).status_code == 500
    assert counts(database) == (0, 0, 0)
    assert send(phone, xml, images).status_code == 201
    assert counts(database) == (1, 1, 1)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    old, new = tmp_path / ".part-old", tmp_path / ".part-new"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert media_files.tidy(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == [".part-new"]


def test_exif_that_tells_nothing_true_is_not_believed(phone: httpx.Client, database: Any) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x8769] = {0x9003: "0000:00:00 00:00:00", 0x9011: "+05:00"}
    exif[0x8825] = {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}
    assert send(phone, filled(new_id(), photo="a.jpg"), {"a.jpg": photo(exif=exif)}).status_code == 201
    with connect.transaction(database.engine) as conn:
        assert conn.execute(text("SELECT taken_at, geom FROM media")).one() == (None, None)


def test_two_hundred_phones_at_once(address: str, phone: httpx.Client, database: Any) -> None:
    jobs = [(filled(new_id(), photo="a.jpg", note=str(number)), photo()) for number in range(200)]
    limits = httpx.Limits(max_connections=200)

    def one(job: tuple[bytes, bytes]) -> set[int]:
        return {client.post("/submission", files=parts(job[0], {"a.jpg": job[1]})).status_code for _ in range(2)}

    with httpx.Client(base_url=phone.base_url, limits=limits, timeout=120) as client, ThreadPoolExecutor(200) as pool:
        assert set().union(*pool.map(one, jobs)) == {201}
    assert counts(database) == (200, 200, 200)


def test_every_form_asks_for_a_place_and_a_photo_in_three_languages() -> None:
    for form in forms.all_forms():
        kinds = {question.type for question in form.questions}
        assert {"geopoint", "image"} <= kinds
        for question in form.questions:
            if question.label:
                assert all(question.label.values()), (form.id, question.name)
                assert all(all(label.values()) for _, label in question.choices)
    assert len([one for one in forms.form("quick").questions if one.label]) == 6
