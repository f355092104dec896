"""Tells the log how busy this machine is, for the models whose policies go by it.

Quiet periods and the disk safeguard refuse where no figure has come, so a loop that is run by
`driftloop up` tells them itself; on a cluster `driftloop readings` does.
"""

import getpass
import time
from collections.abc import Callable
from datetime import datetime

from driftloop.clock import system_now
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_SPECS
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.settings import KafkaSettings
from driftloop.spec.policy import policy_of

Figures = dict[str, float]
EVERY_SECONDS = 60.0


def reading_message(model: str, figures: Figures, now: datetime) -> ModelCommand:
    """The command that tells a model's coordinator a host's figures."""
    return ModelCommand(
        message_id=derive_id("command", model, "report", now.isoformat()), model_id=model, occurred_at=now,
        command="report", readings=figures, reason="a host's figures", requested_by=getpass.getuser(),
    )  # fmt: skip


def goes_by_readings(published: ModelSpecPublished) -> bool:
    """Whether a model's policy asks for a host's figures."""
    try:
        rules = policy_of(published.spec.policy).safeguards
    except ValueError:
        return False  # the coordinator says what is wrong with it
    return bool(rules.quiet) or rules.free_disk_gb is not None


class HostReadings:
    """Tells `figures()` every `every_s` seconds to the models that go by them. Use as a context manager."""

    def __init__(self, kafka: KafkaSettings, figures: Callable[[], Figures], every_s: float = EVERY_SECONDS) -> None:
        self._figures, self._every_s = figures, every_s
        self._tail, self._sender = Tail(kafka, [MODEL_SPECS]), Sender(kafka)
        self._models: set[str] = set()
        self._due = 0.0

    def __enter__(self) -> "HostReadings":
        return self

    def __exit__(self, *_: object) -> None:
        self._tail.close()
        self._sender.close()

    def tell_if_due(self) -> Figures | None:
        """What was told now; None where it is not time yet, or no model asks. Raises UserError as `figures` does."""
        newcomers = self._newcomers()
        due = time.monotonic() >= self._due
        if not self._models or not (due or newcomers):
            return None
        figures = self._figures()
        for model in sorted(self._models if due else newcomers):
            self._sender.send(MODEL_COMMANDS, model, reading_message(model, figures, system_now()).to_json())
        self._sender.flush()
        self._due = time.monotonic() + self._every_s if due else self._due
        return figures

    def _newcomers(self) -> set[str]:
        """Models that go by readings since now."""
        before = set(self._models)
        for record in self._tail.read(0.05):
            if record.value is None:
                self._models.discard(record.key)
            elif goes_by_readings(published := ModelSpecPublished.from_json(record.value)):
                self._models.add(published.model_id)
            else:
                self._models.discard(published.model_id)
        return self._models - before
