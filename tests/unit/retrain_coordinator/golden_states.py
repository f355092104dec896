"""The coordinator run over recorded logs, record by record: what it says, and its entry after each record.

`python -m tests.unit.retrain_coordinator.golden_states` keeps the entries of the newest layout anew, after logs were
recorded anew: entries and logs belong together.
"""

import json
import lzma
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.unit.verify.golden_log import FOLDER, read_log

from driftloop.contracts import topics
from driftloop.processor import Record
from retrain_coordinator.core.processor import Coordinator

SNAPSHOTS = Path(__file__).parent / "snapshots"
INPUTS = (
    topics.CHALLENGE_SCORES,
    topics.DRIFT_SIGNALS,
    topics.DRIFT_STATUS,
    topics.TRAINING_RESULTS,
    topics.MODEL_COMMANDS,
)
EVERY = 12
"""Records from one kept entry to the next."""
LOGS = ("default", "segments", "signals")


def inputs(name: str) -> tuple[list[Record], list[Record]]:
    """The specs of a log, and what the coordinator reads, in the order of arrival."""
    records = read_log(FOLDER / f"{name}.xz")
    wanted = [record for record in records if record.topic() in INPUTS]
    specs = [record for record in records if record.topic() == topics.MODEL_SPECS]
    return specs, sorted(wanted, key=lambda record: (record.timestamp()[1], INPUTS.index(record.topic())))


def run(core: Coordinator, records: list[Record]) -> tuple[list[bytes], list[bytes]]:
    """What it sends for each record, and the entry after it."""
    sent, entries = [], []
    for record in records:
        now = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
        effects = core.process([record], now, tables_current=True)
        sent.append(b"\n".join(out.value or b"" for out in effects.outgoing))
        entries.append(effects.state_changes[-1].value or b"" if effects.state_changes else b"")
    return sent, entries


def read_snapshots(layout: int) -> dict[str, Any]:
    """`moments`: (log, records taken in, entry); `full`: an entry in which everything is there."""
    return json.loads(lzma.decompress((SNAPSHOTS / f"layout_{layout}.xz").read_bytes()))


def coordinator(specs: list[Record]) -> Coordinator:
    """One that has read the specs and nothing else."""
    core = Coordinator()
    core.take_table(topics.MODEL_SPECS, specs)
    return core


def write_snapshots(layout: int) -> None:
    """Entries amid the logs as they are today; the full entry stays the one that was kept first."""
    moments = []
    for name in LOGS:
        specs, records = inputs(name)
        _, entries = run(coordinator(specs), records)
        moments += [(name, at + 1, entries[at].decode()) for at in range(EVERY, len(records), EVERY) if entries[at]]
    kept = {**read_snapshots(layout), "moments": moments}
    (SNAPSHOTS / f"layout_{layout}.xz").write_bytes(lzma.compress(json.dumps(kept).encode(), preset=9))


if __name__ == "__main__":
    write_snapshots(1)
