"""Alerts by e-mail: text in the subscriber's language, right-to-left where it is, with the CAP document."""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from html import escape

from alerts.outgoing import Outgoing
from alerts.settings import AlertSettings
from hazard_db.errors import DeliveryError, InputError, RefusedError

PICTURE = "<before-after@kkh-hazard-watch>"
RIGHT_TO_LEFT = frozenset({"ur"})
PLAIN = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f]{1,64}@[^\s@<>()\[\],;:\\\"\x00-\x1f]{1,255}")


def check(address: str, settings: AlertSettings) -> None:
    """Return quietly where the address is one of e-mail.

    Raises
    ------
    InputError
        It is not, or it is more than one.
    """
    del settings
    _address(address)


def send(address: str, outgoing: Outgoing, settings: AlertSettings) -> None:
    """Hand the message to the mail server.

    Raises
    ------
    DeliveryError
        No server is set, or it did not take the message.
    """
    if settings.smtp_host is None:
        raise DeliveryError("e-mail: HAZARD_SMTP_HOST is not set")
    try:
        message = compose(address, outgoing, settings)
        with _connect(settings) as server:
            refused = server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()), (0, b""))
        kind = RefusedError if 500 <= code < 600 else DeliveryError
        told = words.decode("utf8", "replace") if isinstance(words, bytes) else str(words)
        raise kind(f"e-mail by {settings.smtp_host}: {code} {' '.join(told.split())}") from error
    except (smtplib.SMTPException, OSError, ValueError, MessageError, InputError) as error:
        raise DeliveryError(f"e-mail by {settings.smtp_host}: {type(error).__name__} {error}") from error
    if refused:
        raise DeliveryError(f"e-mail by {settings.smtp_host}: the server refused the receiver")


def compose(address: str, outgoing: Outgoing, settings: AlertSettings) -> EmailMessage:
    """Return the e-mail; the same message has the same Message-ID at every attempt.

    Raises
    ------
    InputError
        The address is not one of e-mail.
    """
    message = EmailMessage(policy=SMTP)
    message["Subject"] = outgoing.headline
    message["From"] = settings.smtp_from
    message["To"] = _address(address)
    message["Date"] = format_datetime(outgoing.message.sent_at)
    domain = parseaddr(settings.smtp_from)[1].rpartition("@")[2] or "localhost"
    message["Message-ID"] = f"<{hashlib.sha256(outgoing.key.encode()).hexdigest()[:32]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = outgoing.language
    message["Idempotency-Key"] = outgoing.key
    message.set_content(outgoing.text)
    message.add_alternative(_page(outgoing), subtype="html")
    if outgoing.picture is not None:
        message.get_payload()[1].add_related(outgoing.picture, maintype="image", subtype="png", cid=PICTURE)  # type: ignore[union-attr,index]
    message.add_attachment(
        outgoing.document, maintype="application", subtype="cap+xml", filename=f"{outgoing.message.identifier}.xml"
    )
    return message


def _address(address: str) -> Address:
    try:
        if not PLAIN.fullmatch(address):
            raise ValueError("use one plain address, name@host")
        return Address(addr_spec=address)
    except (ValueError, MessageError, IndexError) as error:
        raise InputError(f"e-mail address {address!r}: {error}") from error


def _page(outgoing: Outgoing) -> str:
    direction = "rtl" if outgoing.language in RIGHT_TO_LEFT else "ltr"
    lines = "".join(_paragraph(line) for line in outgoing.text.splitlines() if line)
    picture = (
        f'<p><img src="cid:{PICTURE.strip("<>")}" alt="{escape(outgoing.headline)}"></p>' if outgoing.picture else ""
    )
    return f'<!doctype html><html lang="{outgoing.language}" dir="{direction}"><body>{lines}{picture}</body></html>'


def _paragraph(line: str) -> str:
    """Return a line as HTML; an address is a link that reads from left to right."""
    told = escape(line)
    return (
        f'<p dir="ltr"><a href="{told}">{told}</a></p>'
        if line.startswith(("http://", "https://"))
        else f"<p>{told}</p>"
    )


def _connect(settings: AlertSettings) -> smtplib.SMTP:
    """Return a connection to the mail server, logged in where an account is set."""
    host, port, timeout = settings.smtp_host or "", settings.smtp_port, settings.smtp_timeout_s
    context = ssl.create_default_context()
    if settings.smtp_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=timeout)
    try:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        if settings.smtp_username:
            password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
            server.login(settings.smtp_username, password)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()), (0, b""))
        kind = RefusedError if 500 <= code < 600 else DeliveryError
        told = words.decode("utf8", "replace") if isinstance(words, bytes) else str(words)
        raise kind(f"e-mail by {settings.smtp_host}: {code} {' '.join(told.split())}") from error
    except (smtplib.SMTPException, OSError):
        server.close()
        raise
    return server
