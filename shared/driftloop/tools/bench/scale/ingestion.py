"""Ingestion by rows of a batch, columns, models and partitions in it, what it remembers, and at a restart."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice

import numpy as np

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_SPECS, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.ingest_rows import MODEL, START, spec_record
from driftloop.tools.bench.scale.axis import GROUPS, Axis, Step, Work
from driftloop.tools.bench.waiting import batches, prediction_id
from outcome_ingestion.core.ingest import Ingest

_WARM, _BATCHES, _BATCH_ROWS, _LABELS = 1, 6, 5_000, 1_000
_ROWS_A_CALL = 5_000
"""Rows of a batch of `batches`."""


def _ingest(*specs: FakeRecord) -> Ingest:
    core = Ingest()
    core.take_table(MODEL_SPECS, specs or [spec_record()])
    return core


def _spec(model: str, features: int) -> FakeRecord:
    spec = ModelSpec(
        model_id=model, task="regression", features={f"x{place}": Feature() for place in range(features)},
        target={"y": TargetField(kind="number")}, clock="event",
    )  # fmt: skip
    published = ModelSpecPublished(
        message_id=derive_id("spec", model), model_id=model, occurred_at=START, spec_version=1, spec=spec
    )
    return FakeRecord(MODEL_SPECS, key=model, value=published.to_json())


def _rows(count: int, first: int, *, features: int = 10, models: int = 1, partitions: int = 1) -> list[FakeRecord]:
    """Labelled outcomes as JSON, models and partitions in turns."""
    values = np.random.default_rng(first).normal(size=(count, features + 2)).round(6).tolist()
    records = []
    for number, own in enumerate(values, first):
        row = {
            "prediction_id": f"row-{number:08d}",
            "model_id": f"model-{number % models}",
            "model_version": "1.0.0",
            "predicted_at": (START + timedelta(milliseconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "features": {f"x{place}": own[place] for place in range(features)},
            "prediction": own[-2],
            "label": own[-1],
            "labelled_at": "2026-01-02T00:00:00Z",
        }
        records.append(
            FakeRecord(
                PREDICTION_OUTCOMES, key=row["prediction_id"], value=json.dumps(row), at_partition=number % partitions
            )
        )
    return records


def _taken(core: Ingest, made: Sequence[Sequence[FakeRecord]]) -> Work:
    """The first batch warms up, each of the others is a step."""
    steps: list[Step] = [partial(_take, core, records) for records in made[_WARM:]]
    return Work(steps, partial(_all, core, made[:_WARM]))


def _take(core: Ingest, records: Sequence[FakeRecord]) -> None:
    effects = core.process(records, START, tables_current=True)
    assert not effects.dead_letters, effects.dead_letters[0].message


def _by_rows(rows: int) -> Work:
    count = _WARM + max(_BATCHES, min(60, 12_000 // rows))
    return _taken(_ingest(_spec("model-0", 10)), [_rows(rows, place * rows) for place in range(count)])


def _by_columns(columns: int) -> Work:
    made = [_rows(_LABELS, place * _LABELS, features=columns) for place in range(_WARM + _BATCHES)]
    return _taken(_ingest(_spec("model-0", columns)), made)


def _by_models(models: int) -> Work:
    made = [_rows(_BATCH_ROWS, place * _BATCH_ROWS, models=models) for place in range(_WARM + _BATCHES)]
    return _taken(_ingest(*(_spec(f"model-{number}", 10) for number in range(models))), made)


def _by_partitions(partitions: int) -> Work:
    made = [_rows(_BATCH_ROWS, place * _BATCH_ROWS, partitions=partitions) for place in range(_WARM + _BATCHES)]
    return _taken(_ingest(_spec("model-0", 10)), made)


def _by_ids(rows: int) -> Work:
    """What a batch costs where so many rows came before it."""
    core, coming = _ingest(), batches(rows + _BATCHES * _ROWS_A_CALL, labelled=True)
    return Work(
        [lambda: _take(core, next(coming))] * _BATCHES, lambda: _all(core, islice(coming, rows // _ROWS_A_CALL))
    )


def _by_waiting(rows: int) -> Work:
    """What labels cost where so many predictions wait for theirs; they come in any order."""
    core = _ingest()
    numbers = np.random.default_rng(1).permutation(rows)[: _BATCHES * _LABELS]
    labels = [[_label(int(number)) for number in part] for part in np.array_split(numbers, _BATCHES)]
    return Work([partial(_take, core, part) for part in labels], lambda: _all(core, batches(rows)))


def _label(number: int) -> FakeRecord:
    said = {"prediction_id": prediction_id(number), "model_id": MODEL, "label": 0.5}
    value = json.dumps({**said, "labelled_at": "2026-01-02T00:00:00Z"})
    return FakeRecord(PREDICTION_LABELS, key=prediction_id(number), value=value)


def _all(core: Ingest, coming: Iterable[Sequence[FakeRecord]]) -> Ingest:
    for records in coming:
        _take(core, records)
    return core


def _by_rows_restored(rows: int) -> Work:
    """A restart where so many predictions wait: from the entries that the changelog holds then."""
    kept: dict[str, bytes] = {}
    for key, value in _changes(rows):
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = value

    def restart() -> Ingest:
        core = _ingest()
        core.restore(0, kept.items())
        return core

    return Work([restart] * GROUPS)


def _changes(rows: int) -> Iterator[tuple[str, bytes | None]]:
    core = _ingest()
    for records in batches(rows):
        for change in core.process(records, START, tables_current=True).state_changes:
            yield change.key, change.value


_SMALL, _LARGE = (1, 3, 10, 30, 100), (10_000, 30_000, 100_000, 300_000, 1_000_000)
_FEW, _SOME = (1, 2, 4), (5_000, 10_000, 20_000)
_BATCH = f"a batch of {_BATCH_ROWS:,} rows"

AXES = (
    Axis("ingestion, rows of a batch", "a batch", (50, 150, 500, 1_500, 5_000), _by_rows, (50, 100, 200)),
    Axis("ingestion, columns", f"a batch of {_LABELS:,} rows", (4, 12, 40, 120, 400), _by_columns, (2, 4, 8)),
    Axis("ingestion, models in a batch", _BATCH, _SMALL, _by_models, _FEW, 0),
    Axis("ingestion, partitions in a batch", _BATCH, _SMALL, _by_partitions, _FEW, 0),
    Axis("ingestion, remembered ids", _BATCH, _LARGE, _by_ids, _SOME, 0),
    Axis("ingestion, waiting predictions", f"{_LABELS:,} labels", _LARGE, _by_waiting, _SOME, 0),
    Axis("ingestion, waiting predictions at a restart", "the restart", _LARGE, _by_rows_restored, _SOME),
)
