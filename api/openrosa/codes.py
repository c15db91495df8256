"""The code that a phone reads to know where to send its forms."""

from __future__ import annotations

import base64
import json
import zlib

import segno
from markupsafe import Markup


def settings_of(address: str) -> str:
    """Return the settings of ODK Collect and KoboCollect as their codes carry them: JSON, deflated, in base64."""
    settings = {
        "general": {"server_url": address, "form_update_mode": "match_exactly", "autosend": "wifi_and_cellular"},
        "project": {"name": "KKH Hazard Watch", "icon": "K", "color": "#1f3a34"},
        "admin": {},
    }
    return base64.b64encode(zlib.compress(json.dumps(settings, separators=(",", ":")).encode(), 9)).decode()


def picture(content: str, label: str) -> Markup:
    """Return the code as an SVG picture; always dark on white, which every camera reads."""
    code = segno.make(content, error="m", micro=False)
    svg = code.svg_inline(scale=5, dark="#000", light="#fff", border=4, title=label, lineclass=None, svgclass="code")
    return Markup(svg)  # made by segno, which escapes the label
