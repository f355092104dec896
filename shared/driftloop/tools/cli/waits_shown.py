"""What each model waits for, as `driftloop status` says it.

Read from the coordinator's own state on the log, which holds it as of its last transaction.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from driftloop.errors import ExitCode, UserError
from driftloop.waits import COORDINATOR

if TYPE_CHECKING:
    from driftloop.kafka.clients.tail import TailRecord
    from driftloop.kafka.settings import KafkaSettings

CHANGELOG = "retrain_coordinator-changelog"
Waits = Mapping[str, str]
"""Name of a wait → since when, ISO 8601 by the model's clock."""
_STATUS = {wait.name: wait.status for wait in COORDINATOR}


def read_waits(kafka: "KafkaSettings") -> dict[str, Waits]:
    """By model, what it waits for; empty where no coordinator has run on this cluster."""
    from driftloop.kafka.clients.tail import Tail

    try:
        with Tail(kafka, [CHANGELOG]) as tail:
            return waits_in(tail.read_to_end())
    except UserError as error:
        if error.exit_code == ExitCode.NOT_FOUND:
            return {}
        raise


def waits_in(records: "Iterable[TailRecord]") -> dict[str, Waits]:
    """What the newest state of each model says that it waits for."""
    newest = {record.key: record.value for record in records}
    return {model: json.loads(value).get("waits", {}) for model, value in newest.items() if value is not None}


def wait_words(waits: Waits) -> list[str]:
    """A line for each wait, the longest first.

    >>> wait_words({"approval": "2026-03-02T08:15:00Z"})
    ["waits for a person's approval, since 2026-03-02T08:15:00"]
    """
    ordered = sorted(waits.items(), key=lambda entry: (entry[1], entry[0]))
    return [f"{_STATUS.get(name, f'waits for {name}')}, since {since[:19]}" for name, since in ordered]
