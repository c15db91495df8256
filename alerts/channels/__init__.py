"""Ways of sending an alert: one file a channel, one line each here."""

from __future__ import annotations

from alerts.channels import email, file, webhook
from alerts.outgoing import Channel

CHANNELS: dict[str, Channel] = {
    "email": Channel(email.check, email.send),
    "file": Channel(file.check, file.send),
    "webhook": Channel(webhook.check, webhook.send),
}
