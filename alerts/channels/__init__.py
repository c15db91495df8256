"""Ways of sending an alert: one file a channel, one line each here."""

from __future__ import annotations

from alerts.channels import alertmanager, email, file, push, webhook
from alerts.outgoing import Channel

CHANNELS: dict[str, Channel] = {
    "alertmanager": Channel(alertmanager.check, alertmanager.send),
    "apprise": Channel(push.check, push.send),
    "email": Channel(email.check, email.send, needs=("smtp_host",)),
    "file": Channel(file.check, file.send),
    "sms": Channel(push.check, push.send_short),
    "webhook": Channel(webhook.check, webhook.send),
}
