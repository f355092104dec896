"""Speed of ingestion's core, each encoding beside bare decoding in the same run.

What is measured: decoding, validation, de-duplication, state and frames, in memory, as CPU time of one
core. What is not: the client and the broker; the service as it ships is slower by what they take.
"""

import gc
import json
import time
from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from driftloop.contracts.topics import MODEL_SPECS
from driftloop.processor import Record
from driftloop.tools.bench.ingest_rows import ENCODINGS, FEATURES, START, encode, make_rows, spec_record
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.core.rules import IngestRules

Say = Callable[[str], None]
_ROWS_A_BATCH, _ROWS_A_RECORD = 5_000, {"json": 1, "avro": 1, "columns": 500, "arrow": 500}


def bench_core(rows: int, repeats: int, say: Say) -> dict[str, Any]:
    """Rows per CPU-second by encoding, best of `repeats` runs that take turns with the bare decoders.

    `ratio_to_msgspec` compares with decoding the JSON rows into columns and nothing else,
    `ratio_to_json_loads` with the standard library's parser alone.
    """
    made = make_rows(rows)
    records = {encoding: encode(made, encoding) for encoding in ENCODINGS}
    works: dict[str, Callable[[], None]] = {
        encoding: lambda encoding=encoding: _ingest(records[encoding], encoding)  # type: ignore[misc]
        for encoding in ENCODINGS
    }
    works |= {
        "msgspec": lambda: decode_into_columns(records["json"]),
        "json_loads": lambda: _bare_loads(records["json"]),
    }
    works["json_uncorrectable"] = lambda: _ingest(records["json"], "json", correctable_rows=0)
    best = dict.fromkeys(works, float("inf"))
    for turn in range(repeats):
        say(f"turn {turn + 1} of {repeats}")
        for name, work in works.items():
            best[name] = min(best[name], cpu_seconds(work))
    speeds = {name: round(rows / seconds) for name, seconds in best.items()}
    encodings = {
        name: {
            "core_rows_per_cpu_second": speeds[name],
            "ratio_to_msgspec": round(speeds[name] / speeds["msgspec"], 2),
            "ratio_to_json_loads": round(speeds[name] / speeds["json_loads"], 2),
        }
        for name in (*ENCODINGS, "json_uncorrectable")
    }
    return {"rows": rows, "encodings": encodings, "bare": {n: speeds[n] for n in ("msgspec", "json_loads")}}


def cpu_seconds(work: Callable[[], None]) -> float:
    """CPU time that `work` takes."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def _ingest(records: Sequence[Record], encoding: str, **rules: int) -> None:
    core = Ingest(IngestRules(**rules))
    core.take_table(MODEL_SPECS, [spec_record()])
    step = _ROWS_A_BATCH // _ROWS_A_RECORD[encoding]
    for start in range(0, len(records), step):
        effects = core.process(records[start : start + step], START, tables_current=True)
        assert not effects.dead_letters, effects.dead_letters[0].message


def decode_into_columns(records: Sequence[Record]) -> None:
    """Into columns by a class made for the features: the quickest that msgspec does."""
    features = msgspec.defstruct("Features", [(name, float) for name in FEATURES], gc=False)
    texts = [(name, str) for name in ("prediction_id", "model_id", "model_version", "predicted_at", "labelled_at")]
    numbers = [(name, float) for name in ("prediction", "confidence", "label")]
    row = msgspec.defstruct("Row", [*texts, *numbers, ("features", features)], gc=False)
    decode = msgspec.json.Decoder(row).decode
    for start in range(0, len(records), _ROWS_A_BATCH):
        rows = [decode(record.value()) for record in records[start : start + _ROWS_A_BATCH]]  # type: ignore[arg-type]
        cells = chain.from_iterable(map(msgspec.structs.astuple, map(attrgetter("features"), rows)))
        np.fromiter(cells, np.float64, count=len(rows) * len(FEATURES)).reshape(len(rows), -1)
        list(zip(*map(attrgetter(*(name for name, _ in [*texts, *numbers])), rows), strict=True))


def _bare_loads(records: Sequence[Record]) -> None:
    for record in records:
        json.loads(record.value())  # type: ignore[arg-type]


def core_table(result: dict[str, Any]) -> str:
    """The figures for a person."""
    lines = [f"{'encoding':20} {'rows per CPU-second':>20} {'× msgspec':>10} {'× json.loads':>13}"]
    for name, one in result["encodings"].items():
        speed, msgspec_ratio, loads_ratio = one.values()
        lines.append(f"{name:20} {speed:20,} {msgspec_ratio:10.2f} {loads_ratio:13.2f}")
    bare = result["bare"]
    return "\n".join([*lines, f"bare: msgspec into columns {bare['msgspec']:,}, json.loads {bare['json_loads']:,}"])
