"""The rows of a file as outcomes of a model that is declared: its reference, if nobody trained it here."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.files.table import Table
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.watch.baseline import LEAST_ROWS, profile_of
from driftloop.tools.watch.options import WatchOptions
from driftloop.tools.watch.outcomes import RecordedOutcomes, classes, ids_of, in_order_of_time, numbers


@dataclass(frozen=True, slots=True)
class BaselineColumns:
    """Which columns of the file hold what; features have the names that the spec gives them."""

    version: str
    prediction: str
    label: str | None = None
    confidence: str | None = None
    time: str | None = None


def baseline_profile(table: Table, spec: ModelSpec, spec_version: int, named: BaselineColumns) -> ModelProfile:
    """The profile of a version from all rows of a file; raises UserError, in one sentence, where they do not fit.

    With a label, it knows what the version loses, too.
    """
    if len(spec.target) != 1:
        raise UserError("A file's rows can be the reference of a model with one target field only.", ExitCode.USAGE)
    wanted = (*spec.features, *(name for name in (named.prediction, named.label, named.confidence) if name))
    for name in wanted:
        if name not in table.names:
            raise UserError(table.description.not_a_column(name, table.names), ExitCode.USAGE)
    recorded = _recorded(table, spec, named)
    truth = recorded.columns.get(LABEL + recorded.target)
    which = np.flatnonzero(recorded.columns[PREDICTION + recorded.target].is_valid())
    if truth is not None:
        which = which[truth.is_valid().to_numpy(zero_copy_only=False)[which]]
    if len(which) < LEAST_ROWS:
        raise UserError(
            f"{counted(len(which), 'row', 'have')} prediction and label; {LEAST_ROWS} are needed.", ExitCode.USAGE
        )
    profile = profile_of(recorded, which, named.version, labelled=truth is not None)
    return profile.model_copy(update={"spec_version": spec_version})


def _recorded(table: Table, spec: ModelSpec, named: BaselineColumns) -> RecordedOutcomes:
    options = WatchOptions(prediction=named.prediction, label=named.label, time=named.time, confidence=named.confidence)
    moments, data, rows, notes = in_order_of_time(table, options)
    columns = {"prediction_id": ids_of(data, options, rows, moments)[0], "predicted_at": moments}
    columns |= {FEATURE + name: _column(data, name, feature.kind) for name, feature in spec.features.items()}
    ((target, field),) = spec.target.items()
    columns[PREDICTION + target] = _column(data, named.prediction, field.kind)
    if named.label is not None:
        columns[LABEL + target] = _column(data, named.label, field.kind)
    if named.confidence is not None:
        columns["confidence"] = _column(data, named.confidence, "number")
    return RecordedOutcomes(spec, columns, rows, tuple(notes))


def _column(data: pa.Table, name: str, kind: str) -> pa.Array:
    column = data.column(name).combine_chunks()
    return numbers(name, column) if kind == "number" else classes(column)
