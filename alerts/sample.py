"""A message that says nothing, to see whether it arrives; pure."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from alerts import texts
from hazard_db.alerts import AlertMessage
from hazard_db.wording import LANGUAGES


def sample_message(sender: str) -> AlertMessage:
    """Return a message about an alert that is not there, of alert 0 and somewhere on the road."""
    now = datetime.now(UTC)
    words = {language: texts.words_of(language)["sample"] for language in LANGUAGES}
    content = {
        "identifier": str(uuid.uuid4()), "kind": "other", "severity": "Minor", "certainty": "Unlikely", "urgency": "Future",
        "headline": words, "description": words, "raised_at": now.isoformat(), "expires_at": (now + timedelta(hours=1)).isoformat(),
        "chainage_from_km": 0.0, "chainage_to_km": 0.0, "evidence": {"sender": sender},
        "geometry": {"type": "Point", "coordinates": [73.166, 34.054]},
    }  # fmt: skip
    return AlertMessage(
        id=0, alert_id=0, identifier=uuid.uuid4(), msg_type="Alert", state="open", scope="Restricted", actor="test", note=None,
        sent_at=now, content=content, references=(),
    )  # fmt: skip
