"""XML signatures [@XMLDSIG] in CAP documents, enveloped, as the standard wants them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner

from alerts import cap
from alerts.settings import AlertSettings
from hazard_db.errors import SettingsError


def signed(document: bytes, settings: AlertSettings) -> bytes:
    """Return the document with a signature, or as it is where no key is set.

    Raises
    ------
    SettingsError
        Only one of key and certificate is set, or they cannot be read or used.
    """
    key, certificate = settings.cap_signing_key, settings.cap_signing_certificate
    if key is None and certificate is None:
        return document
    if key is None or certificate is None:
        raise SettingsError("HAZARD_CAP_SIGNING_KEY and HAZARD_CAP_SIGNING_CERTIFICATE go together: PEM files")
    signer = XMLSigner(SignatureConstructionMethod.enveloped, SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256)
    try:
        root = signer.sign(cap.parse(document), key=_pem(key), cert=_pem(certificate).decode("ascii"))
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise SettingsError(f"HAZARD_CAP_SIGNING_KEY: this key or its certificate cannot sign ({error})") from error
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


@cache
def _pem(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
