"""Ingestion's core: decoding, checks, de-duplication, state and frames, by encoding."""

from functools import lru_cache, partial

from driftloop.contracts.topics import MODEL_SPECS
from driftloop.processor import Record
from driftloop.tools.bench.cores.case import Case, Work
from driftloop.tools.bench.ingest_rows import ROWS_A_RECORD, START, encode, make_rows, spec_record
from outcome_ingestion.core.ingest import Ingest

_ROWS, _ROWS_A_BATCH = 10_000, 5_000
_ROUNDS = {"json": 1, "avro": 1, "columns": 2, "arrow": 8}
"""Cores that take the same rows in, so that each encoding is measured for about as long."""
_ONE_A_RECORD = ("json", "avro")

_rows = lru_cache(maxsize=1)(make_rows)


@lru_cache(maxsize=len(_ROUNDS))
def _records(encoding: str) -> list[Record]:
    return encode(_rows(_ROWS), encoding)


def _ingestion(encoding: str) -> Work:
    records, cores = _records(encoding), [Ingest() for _ in range(_ROUNDS[encoding])]
    for core in cores:
        core.take_table(MODEL_SPECS, [spec_record()])
    step = _ROWS_A_BATCH // (1 if encoding in _ONE_A_RECORD else ROWS_A_RECORD)

    def run() -> int:
        for core in cores:
            for start in range(0, len(records), step):
                effects = core.process(records[start : start + step], START, tables_current=True)
                assert not effects.dead_letters, effects.dead_letters[0].message
        return len(cores) * _ROWS

    return run


CASES = tuple(Case(f"ingestion's core, {name}", partial(_ingestion, name), peer="msgspec") for name in _ROUNDS)
