"""An alert in one text message: 160 characters of the telephone alphabet, or 70 where letters are Chinese or Urdu. Pure."""

from __future__ import annotations

from alerts import texts
from hazard_db.alerts import AlertMessage
from hazard_db.placenames import place_name
from hazard_db.wording import DIRECTIONS

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWICE = frozenset("^{}\\[~]|€")
"""Letters of the extension table count twice."""
SINGLE, WIDE = 160, 70
"""Letters of one message: seven bits each, or sixteen."""
PLAIN = str.maketrans({"²": "2", "→": ">", "–": "-", "’": "'", "−": "-", "±": "+/-", " ": " "})

LTR = {language: "\u200e" if direction == "rtl" else "" for language, direction in DIRECTIONS.items()}
"""Before a range of kilometres: one letter, which older telephones know too, keeps the smaller one left of the larger."""


def short_text(message: AlertMessage, language: str, page: str) -> str:
    """Return the alert in one text message that ends with the address of its page, whole."""
    parts = _parts(message, language)
    plain = [part.translate(PLAIN) for part in parts]
    narrow = all(fits_gsm7(part) for part in [*plain, page])
    most = SINGLE if narrow else WIDE
    return _joined(plain if narrow else parts, page, most)


def length(text: str) -> int:
    """Return how many letters of a message the text takes: of seven bits where it can, else of sixteen."""
    if fits_gsm7(text):
        return len(text) + sum(char in TWICE for char in text)
    return len(text.encode("utf-16-be")) // 2


def fits_gsm7(text: str) -> bool:
    """Return whether a telephone can write it in seven bits a letter."""
    return all(char in GSM7 or char in TWICE for char in text)


def _parts(message: AlertMessage, language: str) -> list[str]:
    """Return what to say, the most needful first."""
    content = message.content
    words = texts.words_of(language)
    ended = message.state in texts.CLOSED
    mark = words.get(f"short.{message.state if ended else content['severity']}", "")
    stretch = texts.area_description(
        content.get("chainage_from_km"), content.get("chainage_to_km"), None, "en" if language == "en" else language
    )
    told = [words["short.exercise"]] if content["evidence"].get("status") == "Exercise" else []
    told += [mark, texts.event_name(content["kind"], language), _kilometres(content, language) or stretch]
    if message.scope == "Restricted" and not ended:
        told.append(words["short.unreviewed"])
    place = content["evidence"].get("place")
    return [part for part in [*told, texts.one_line(place_name(str(place), language)) if place else ""] if part]


def _kilometres(content: object, language: str) -> str:
    told = dict(content) if isinstance(content, dict) else {}
    low, high = told.get("chainage_from_km"), told.get("chainage_to_km")
    if low is None or high is None:
        return ""
    span = f"{low:.0f}" if round(low) == round(high) else f"{LTR[language]}{low:.0f}-{high:.0f}"
    return texts.words_of(language)["short.km"].format(span=span)


def _joined(parts: list[str], page: str, most: int) -> str:
    """Return as many parts as there is room for before the address; the first is cut where even it is too long."""
    room = most - length(page) - 1
    told = ""
    for part in parts:
        longer = f"{told} {part}".strip()
        if length(longer) <= room:
            told = longer
    if not told and parts and room > 0:
        told = parts[0][:room]
    return f"{told} {page}".strip()
