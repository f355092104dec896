"""What is fuzzed: every decoder of bytes that strangers write. A target takes bytes and must not raise."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.rubbish import bad, good

from driftloop.codec.content_types import ARROW, AVRO, COLUMNS, JSON, content_header
from driftloop.codec.frames import decode_frame, encode_frame
from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_SPECS, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.testing.records import START_MS, FakeRecord
from outcome_ingestion.core.ingest import Ingest
from retrain_coordinator.core.processor import Coordinator

Take = Callable[[bytes], None]
_LARGEST_SEED = 20_000
_NEW_CORE_EVERY = 2_000


class Target(NamedTuple):
    """A decoder, and bytes to start from."""

    take: Take
    seeds: Callable[[], Iterator[bytes]]


def _ingestion(topic: str, kind: str) -> Take:
    """A record is buried or it becomes rows: nothing else, whatever its bytes."""
    cores = _cores()
    headers = content_header(kind)

    def take(value: bytes) -> None:
        core = next(cores)
        record = FakeRecord(topic, key=b"row-00000007", value=value, headers=headers, at_ms=START_MS)
        effects = core.process([record], good.START, tables_current=True)
        assert len(effects.dead_letters) <= 1
        for frame in effects.outgoing:
            decode_frame(frame.value, frame.headers)

    return take


def _both_ways(kind: str) -> Take:
    """The quick way of records that look alike gives what the usual one gives, whatever the bytes."""
    quick, usual = _cores(fewest=1), _cores(fewest=1_000_000)
    headers = content_header(kind)

    def take(value: bytes) -> None:
        records = [FakeRecord(PREDICTION_OUTCOMES, key=b"row-00000007", value=value, headers=headers, at_ms=START_MS)]
        found = [next(cores).process(records, good.START, tables_current=True) for cores in (quick, usual)]
        letters = [[(d.stage, d.error_class, d.message) for d in effects.dead_letters] for effects in found]
        assert letters[0] == letters[1], letters
        frames = [[decode_frame(f.value, f.headers).batch for f in effects.outgoing] for effects in found]
        assert repr(frames[0]) == repr(frames[1]), frames

    return take


def _cores(fewest: int | None = None) -> Iterator[Ingest]:
    while True:
        core = Ingest()
        core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key=good.MODEL, value=good.spec().value)])
        for shaped in core.shaped.values() if fewest else ():
            shaped.fewest = fewest or 0
        for _ in range(_NEW_CORE_EVERY):
            yield core


def _frame(value: bytes) -> None:
    headers = (("model_id", b"plant"), ("spec_version", b"1"), ("rows", b"1"))
    times = (("first_at", b"2026-01-05T00:00:00Z"), ("last_at", b"2026-01-05T00:00:00Z"))
    try:
        frame = decode_frame(value, (*headers, *times))
    except ValueError:
        return
    encode_frame(frame)


def _coordination() -> Take:
    core = Coordinator()
    core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key=good.MODEL, value=good.spec().value)])

    def take(value: bytes) -> None:
        core.process([FakeRecord(MODEL_COMMANDS, key=good.MODEL, value=value)], good.START, tables_current=True)

    return take


def _seeds(topic: str, kind: str) -> Callable[[], Iterator[bytes]]:
    """Good records of the kind and every class of rubbish that is small."""

    def make() -> Iterator[bytes]:
        if topic == PREDICTION_OUTCOMES:
            found = [record(20) for record in good.ODD.values()]
        else:
            found = [good.label(7), good.good_label(40)] if topic == PREDICTION_LABELS else [good.command(7)]
        found += [record(7) for name, record in bad.BAD[topic].items() if name != bad.HUGE]
        for record in found:
            kinds = dict(record.headers).get("content-type", JSON.encode()).decode()
            if record.value and len(record.value) < _LARGEST_SEED and kinds == kind:
                yield record.value

    return make


def _frames() -> Iterator[bytes]:
    core = next(_cores())
    records = [
        FakeRecord(r.topic, key=r.key, value=r.value, headers=r.headers) for r in map(good.good_outcome, range(40))
    ]
    for out in core.process(records, good.START, tables_current=True).outgoing:
        yield out.value


TARGETS: dict[str, Target] = {
    "json": Target(_ingestion(PREDICTION_OUTCOMES, JSON), _seeds(PREDICTION_OUTCOMES, JSON)),
    "columns": Target(_ingestion(PREDICTION_OUTCOMES, COLUMNS), _seeds(PREDICTION_OUTCOMES, COLUMNS)),
    "arrow": Target(_ingestion(PREDICTION_OUTCOMES, ARROW), _seeds(PREDICTION_OUTCOMES, ARROW)),
    "avro": Target(_ingestion(PREDICTION_OUTCOMES, AVRO), _seeds(PREDICTION_OUTCOMES, AVRO)),
    "json-quick": Target(_both_ways(JSON), _seeds(PREDICTION_OUTCOMES, JSON)),
    "columns-quick": Target(_both_ways(COLUMNS), _seeds(PREDICTION_OUTCOMES, COLUMNS)),
    "avro-quick": Target(_both_ways(AVRO), _seeds(PREDICTION_OUTCOMES, AVRO)),
    "labels": Target(_ingestion(PREDICTION_LABELS, JSON), _seeds(PREDICTION_LABELS, JSON)),
    "avro-labels": Target(_ingestion(PREDICTION_LABELS, AVRO), _seeds(PREDICTION_LABELS, AVRO)),
    "commands": Target(_coordination(), _seeds(MODEL_COMMANDS, JSON)),
    "frames": Target(_frame, _frames),
}
