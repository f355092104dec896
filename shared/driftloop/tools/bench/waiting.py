"""A million predictions that wait for their labels: the memory they take, and how soon they are back.

Two processes of their own, so that nothing else counts: one takes the rows in as Arrow records and
writes its state entries to a file, as the changelog would have them; the other restores from the file.
The client and the broker are left out.

    python -m driftloop.tools.bench.waiting take|restore FILE ROWS
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, content_header
from driftloop.contracts.topics import MODEL_SPECS, PREDICTION_OUTCOMES
from driftloop.errors import UserError
from driftloop.telemetry.memory import memory_mb
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.ingest_rows import FEATURES, MODEL, START, spec_record
from outcome_ingestion.core.ingest import Ingest

_ROWS_A_RECORD, _RECORDS_A_BATCH = 500, 10


def bench_waiting(rows: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Resident memory in MB with `rows` waiting, and the seconds of CPU and of the clock of a restore."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state"
        say(f"{rows} rows come in without a label")
        taken = _process("take", file, rows)
        say("they are restored in a fresh process")
        restored = _process("restore", file, rows)
        size = file.stat().st_size
    return {"rows": rows, "changelog_mb": round(size / 2**20), "taken": taken, "restored": restored}


def _process(what: str, file: Path, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "driftloop.tools.bench.waiting", what, str(file), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{what} failed: {done.stderr[-300:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def batches(rows: int, *, labelled: bool = False) -> Iterator[list[FakeRecord]]:
    """Batches of 5,000 rows as Arrow records: predictions that wait for their label, or that come with it."""
    rng, moment = np.random.default_rng(1), pa.timestamp("us", tz="UTC")
    first = int(START.timestamp() * 1e6)
    kinds = [("prediction_id", pa.string()), ("model_version", pa.string()), ("predicted_at", moment)]
    numbers = [*(f"feature.{name}" for name in FEATURES), "prediction.y", "confidence"]
    if labelled:
        kinds, numbers = [*kinds, ("labelled_at", moment)], [*numbers, "label.y"]
    schema = pa.schema([*kinds, *((name, pa.float64()) for name in numbers)], metadata={"model_id": MODEL})
    batch: list[FakeRecord] = []
    for start in range(0, rows, _ROWS_A_RECORD):
        ids = [prediction_id(number) for number in range(start, start + _ROWS_A_RECORD)]
        times = pa.array(first + np.arange(start, start + _ROWS_A_RECORD) * 1000).cast(moment)
        columns = [pa.array(ids), pa.repeat(pa.scalar("1.0.0"), _ROWS_A_RECORD), times, *([times] * labelled)]
        columns += [pa.array(values) for values in rng.random((len(numbers), _ROWS_A_RECORD))]
        value = encode_batch(pa.record_batch(columns, schema=schema))
        batch.append(FakeRecord(PREDICTION_OUTCOMES, key=ids[0], value=value, headers=content_header(ARROW)))
        if len(batch) == _RECORDS_A_BATCH:
            yield batch
            batch = []


def prediction_id(number: int) -> str:
    """The id of a row of `batches`."""
    return f"prediction-{number:012d}"


def _take(file: Path, rows: int) -> Ingest:
    core = Ingest()
    core.take_table(MODEL_SPECS, [spec_record()])
    with file.open("wb") as state:
        for batch in batches(rows):
            effects = core.process(batch, START, tables_current=True)
            for change in effects.state_changes:
                entry = msgspec.msgpack.encode((change.key, change.value))
                state.write(len(entry).to_bytes(8, "little") + entry)
    return core


def _restore(file: Path) -> Ingest:
    core = Ingest()
    core.restore(0, _entries(file))
    return core


def _entries(file: Path) -> Iterator[tuple[str, bytes]]:
    latest: dict[str, bytes] = {}
    with file.open("rb") as state:
        while size := state.read(8):
            key, value = msgspec.msgpack.decode(state.read(int.from_bytes(size, "little")))
            latest.pop(key, None)
            if value is not None:
                latest[key] = value
    for key in list(latest):
        yield key, latest.pop(key)


def _main(what: str, file: Path, rows: int) -> None:
    empty, started, cpu = memory_mb(), time.monotonic(), time.process_time()
    core = _take(file, rows) if what == "take" else _restore(file)
    figures = {
        "seconds": round(time.monotonic() - started, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "empty_rss_mb": round(empty),
        "rss_mb": round(memory_mb()),
        "waiting": core.rows_waiting,
    }
    print(json.dumps(figures))  # noqa: T201


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
