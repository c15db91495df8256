"""A filled form as a phone sends it, read with suspicion, as the record it becomes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any
from xml.etree.ElementTree import Element, ParseError, canonicalize, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import ValidationError

from api.incoming import IncomingObservation
from api.openrosa.forms import NUMBERS, Form, Question, by_id
from hazard_db.errors import InputError
from hazard_db.media_files import plain_name
from hazard_db.submissions import NewSubmission, observation_id

LARGEST_XML = 2**20
DEEPEST, MOST_ANSWERS, MOST_UNKNOWN = 10, 300, 20
INSTANCE_ID = re.compile(r"[\x21-\x7e]{1,200}")
PLACED = frozenset({"kind", "position", "observed_at", "observer", "note", "start", "username"})
"""Answers that have a column of their own."""

Answers = dict[str, list[str]]


def read(xml: bytes, sender: str) -> NewSubmission:
    """Return the submission that the XML tells.

    Raises
    ------
    InputError
        It is no submission of one of our forms, or an answer cannot be used.
    NotFoundError
        There is no such form.
    """
    root = _parse(xml)
    form = by_id(root.get("id", ""))
    answers, meta = _collect(root)
    instance_id = _identifier(meta.get("instanceID") or root.get("instanceID") or "", "instanceID")
    deprecated = meta.get("deprecatedID") or None
    observation = _observation(form, answers, sender).record(observation_id(instance_id), sender)
    whole = canonicalize(tostring(root, encoding="unicode"))
    return NewSubmission(
        instance_id=instance_id,
        deprecated_id=_identifier(deprecated, "deprecatedID") if deprecated and deprecated != instance_id else None,
        form_id=form.id,
        form_version=root.get("version", "")[:200],
        xml=whole,
        content_sha256=sha256(canonicalize(whole, strip_text=True).encode()).hexdigest(),
        expected=_files(form, answers),
        observation=replace(observation, dataset=form.id, source_id=instance_id),
    )


def _parse(xml: bytes) -> Element:
    if len(xml) > LARGEST_XML:
        raise InputError(f"the form has more than {LARGEST_XML // 2**20} MB of XML")
    try:
        root = fromstring(xml, forbid_dtd=True)
    except DefusedXmlException as error:
        raise InputError("the XML has a document type or entities; forms have neither") from error
    except (ParseError, ValueError, LookupError) as error:
        raise InputError(f"xml_submission_file is no XML ({error})"[:200]) from error
    if root.get("encrypted") == "yes":
        raise InputError("the form is encrypted; our forms are not, get them again")
    return root


def _collect(root: Element) -> tuple[Answers, dict[str, str]]:
    """Return the answers by name, and what the form says of itself."""
    answers: Answers = {}
    meta: dict[str, str] = {}
    for count, (path, value) in enumerate(_leaves(root, ()), start=1):
        if count > MOST_ANSWERS:
            raise InputError(f"the form has more than {MOST_ANSWERS} answers; none of ours asks so much")
        if "meta" in path[:-1]:
            meta[path[-1]] = value
        elif value:
            answers.setdefault(path[-1], []).append(value)
    return answers, meta


def _leaves(element: Element, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if len(path) > DEEPEST:
        raise InputError(f"the form's answers lie more than {DEEPEST} groups deep")
    for child in element:
        here = (*path, str(child.tag).rpartition("}")[2])
        if len(child):
            yield from _leaves(child, here)
        else:
            yield here, (child.text or "").strip()


def _identifier(value: str, name: str) -> str:
    if not INSTANCE_ID.fullmatch(value):
        raise InputError(f"the form has no usable {name}: up to 200 plain characters, for example uuid:...")
    return value


def _files(form: Form, answers: Answers) -> tuple[str, ...]:
    """Return the names of the photos that the answers speak of."""
    return tuple(
        plain_name(value) for one in form.questions if one.type == "image" for value in answers.get(one.name, [])
    )


def _observation(form: Form, answers: Answers, sender: str) -> IncomingObservation:
    lat, lon, altitude, accuracy = _position(answers)
    values: Mapping[str, Any] = {
        "kind": _kind(form, answers), "longitude": lon, "latitude": lat, "accuracy_m": accuracy,
        "observed_at": _first(answers, "observed_at") or _first(answers, "start"),
        "observer": _first(answers, "observer") or _first(answers, "username") or sender,
        "note": _first(answers, "note"),
        "attributes": _attributes(form, answers) | ({"altitude_m": altitude} if altitude is not None else {}),
    }  # fmt: skip
    try:
        return IncomingObservation.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        told = (f"{'.'.join(map(str, one['loc'])) or 'position'}: {one['msg']}" for one in found[:3])
        raise InputError("; ".join(told)) from error


def _first(answers: Answers, name: str) -> str | None:
    return answers[name][0] if name in answers else None


def _position(answers: Answers) -> tuple[float, float, float | None, float | None]:
    """Return latitude, longitude, altitude and accuracy of a geopoint."""
    told = _first(answers, "position")
    if told is None:
        raise InputError("position: the form has none; every observation needs a place")
    try:
        numbers = [float(part) for part in told.split()]
    except ValueError:
        numbers = []
    if not 2 <= len(numbers) <= 4 or not all(map(math.isfinite, numbers)):
        raise InputError(f"position: {told[:60]!r} is no `latitude longitude altitude accuracy`")
    lat, lon, altitude, accuracy = [*numbers, None, None][:4] if len(numbers) < 4 else numbers
    if lat is None or lon is None:
        raise InputError("position: latitude and longitude are needed")
    # a point put on the map comes with zeros, which would claim to be exact
    return lat, lon, altitude, accuracy or None


def _kind(form: Form, answers: Answers) -> str:
    asked = next(one for one in form.questions if one.name == "kind")
    if asked.calculation:
        return asked.calculation.strip("'")
    told = _first(answers, "kind") or ""
    if told not in dict(asked.choices):
        raise InputError(f"kind: {told[:60]!r} is none of {', '.join(dict(asked.choices))}")
    return told


def _attributes(form: Form, answers: Answers) -> dict[str, Any]:
    """Return all other answers by name; those to questions that an older version of the form had, as text."""
    known = {one.name: one for one in form.questions}
    unknown = [name for name in answers if name not in known]
    if len(unknown) > MOST_UNKNOWN:
        raise InputError(f"the form has {len(unknown)} answers that {form.id} does not ask for; get the form again")
    return {name: _value(name, known.get(name), told) for name, told in answers.items() if name not in PLACED}


def _value(name: str, asked: Question | None, told: list[str]) -> Any:
    values = [_one(name, asked.type if asked is not None else "text", text) for text in told]
    return values[0] if len(values) == 1 else values


def _one(name: str, kind: str, text: str) -> Any:
    if kind == "select_multiple":
        return text.split()
    if kind in NUMBERS or (kind == "calculate" and name.endswith("_total")):
        try:
            number = NUMBERS.get(kind, float)(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{name}: {text[:60]!r} is no number")
        return number
    return text
