"""A worker that is killed with SIGKILL at a named step of the outbox: `python -m tests.dying_worker URL STEP [RUN]`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from alerts import deliver
from alerts.channels import CHANNELS
from alerts.run import process_run
from alerts.settings import AlertSettings
from hazard_db import connect


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(act: Callable[..., Any]) -> Callable[..., Any]:
    def killed(*args: Any, **more: Any) -> Any:
        die()
        return act(*args, **more)

    return killed


def after(act: Callable[..., Any]) -> Callable[..., Any]:
    def killed(*args: Any, **more: Any) -> Any:
        result = act(*args, **more)
        die()
        return result

    return killed


def main(url: str, step: str, run: str = "") -> None:
    engine, settings = connect.engine(url), AlertSettings()
    if step.startswith("raised"):
        with connect.transaction(engine) as conn:
            process_run(conn, int(run), "watch", settings=settings)
            if step == "raised, not committed":
                die()
        die()
    catalogue: Any = deliver.catalogue
    webhook = CHANNELS["webhook"]
    if step == "claimed, not committed":
        catalogue.claim_deliveries = after(catalogue.claim_deliveries)
    elif step == "claimed, not sent":
        webhook = replace(webhook, send=before(webhook.send))
    elif step == "sent, not noted":
        webhook = replace(webhook, send=after(webhook.send))
    elif step == "noted, not committed":
        catalogue.mark_delivered = after(catalogue.mark_delivered)
    elif step == "not noted as failed":
        catalogue.mark_failed = after(catalogue.mark_failed)
    elif step != "delivered":
        raise SystemExit(f"there is no step {step!r}")
    deliver.deliver_due(engine, settings, channels={"webhook": webhook})
    die()


if __name__ == "__main__":
    main(*sys.argv[1:])
