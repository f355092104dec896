"""From a table to recorded outcomes: task, features, classes and times, inferred and said."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, SEGMENT
from driftloop.codec.scalars import same_class
from driftloop.counted import counted
from driftloop.errors import ExitCode, UserError
from driftloop.files.table import Table
from driftloop.spec.model_spec import Detection, Feature, LabelDelay, ModelSpec, TargetField, Task
from driftloop.tools.watch.options import WatchOptions
from driftloop.tools.watch.outcomes import (
    MOMENT,
    ONLY_VERSION,
    RecordedOutcomes,
    classes,
    ids_of,
    in_order_of_time,
    no_times,
    numbers,
    told_first,
)

_MOST_SPELLINGS = 1_000
_ZERO_ONE = pa.array([0.0, 1.0])
MOST_CLASSES = 50
"""A column of whole numbers with more different ones is a regression unless `--task` says otherwise."""
TASKS: dict[str, Task] = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}


@dataclass(slots=True)
class _Draft:
    """What is found out on the way."""

    columns: dict[str, pa.Array] = field(default_factory=dict)
    features: dict[str, Feature] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def recorded_outcomes(table: Table, options: WatchOptions) -> RecordedOutcomes:
    """The outcomes in a table; raises UserError, in one sentence, where options and table do not fit."""
    _refuse_unknown(table, options)
    places = _predicted(table, options)
    moments, data, order, notes = in_order_of_time(table.take(pa.array(places)), options)
    rows = places[order]
    if left := len(table) - len(rows):
        notes = [
            *notes,
            f"{counted(left, 'row', 'have')} no {options.prediction}, and {'is' if left == 1 else 'are'} left out.",
        ]
    draft = _Draft(notes=notes)
    ids, said = ids_of(data, options, rows, moments)
    firsts, repeated = told_first(ids, options)
    if repeated:
        places = pa.array(firsts)
        ids, moments, data, rows = ids.take(places), moments.take(places), data.take(places), rows[firsts]
    draft.columns["prediction_id"] = ids
    draft.notes.extend([*said, *repeated])
    draft.columns["predicted_at"] = moments
    draft.columns["model_version"] = _versions(data, options)
    task = _task(data, options)
    _add_target(data, options, task, draft)
    _add_labelled_at(data, options, moments, draft)
    for name in options.segments:
        draft.columns[SEGMENT + name] = classes(data.column(name).combine_chunks())
    _add_features(data, options, draft)
    spec = _spec(options, task, draft)
    return RecordedOutcomes(spec, draft.columns, rows, tuple(draft.notes), draft.left_out)


def _refuse_unknown(table: Table, options: WatchOptions) -> None:
    for name in (*options.named, *options.features):
        if name not in table.names:
            raise UserError(table.description.not_a_column(name, table.names), ExitCode.USAGE)
    for name in dict.fromkeys((*options.roles, *options.segments)):
        as_segment = name in options.segments and name != options.version  # each version is watched for itself anyway
        if options.roles.count(name) + as_segment > 1:
            raise UserError(f"{name} is named for two things: a column can only be one.", ExitCode.USAGE)
    if options.labelled_at is not None and options.time is None:
        raise UserError(
            "--labelled-at needs --time: how late a label came is the time between the two.", ExitCode.USAGE
        )
    if options.task is not None and options.task not in TASKS:
        raise UserError(f"There is no task {options.task}; choose one of {', '.join(TASKS)}.", ExitCode.USAGE)


def _predicted(table: Table, options: WatchOptions) -> NDArray[np.int64]:
    """The rows that hold a prediction."""
    there = np.asarray(pc.is_valid(table.data.column(options.prediction)).to_numpy(), dtype=bool)
    if not there.any():
        raise UserError(f"The column {options.prediction} is empty.", ExitCode.USAGE)
    return np.flatnonzero(there)


def _versions(data: pa.Table, options: WatchOptions) -> pa.Array:
    if options.version is None:
        return pa.array([ONLY_VERSION] * data.num_rows)
    versions = classes(data.column(options.version).combine_chunks())
    return versions.fill_null("unknown") if versions.null_count else versions


def _task(data: pa.Table, options: WatchOptions) -> Task:
    if options.task is not None:
        return TASKS[options.task]
    column = data.column(options.label or options.prediction).combine_chunks().drop_null()
    if len(column) == 0:
        raise UserError(f"The column {options.label or options.prediction} is empty.", ExitCode.USAGE)
    distinct = pc.count_distinct(column).as_py()
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return "binary" if distinct <= 2 else "multiclass"
    said = data.column(options.prediction).combine_chunks()
    _refuse_percentages(column, said, options)
    whole = _is_whole(column) and (_is_whole(said) or _is_probability(said))
    if whole and distinct <= min(MOST_CLASSES, max(2, len(column) // 20)):
        return "binary" if distinct <= 2 else "multiclass"
    return "regression"


def _refuse_percentages(truth: pa.Array, said: pa.Array, options: WatchOptions) -> None:
    """Numbers with a fraction beside labels 0 and 1 are no amounts: as a regression each row would be tens off."""
    if not pa.types.is_floating(said.type) or _is_whole(said) or _is_probability(said):
        return
    if options.label is None or not pc.all(pc.is_in(truth.cast(pa.float64()), value_set=_ZERO_ONE)).as_py():
        return
    limits = pc.min_max(said).as_py()
    raise UserError(
        f"{options.prediction} has {limits['min']:g} to {limits['max']:g} beside labels of 0 and 1: probabilities are "
        "numbers from 0 to 1 (divide percentages by 100), classes are 0 and 1. If it is a score that is to come close "
        "to the label, say --task regression.",
        ExitCode.USAGE,
    )


def _is_whole(column: pa.Array) -> bool:
    """Whether no value has a fraction; texts have none."""
    if not pa.types.is_floating(column.type):
        return True
    return bool(pc.all(pc.equal(column, pc.floor(column))).as_py())


def _add_target(data: pa.Table, options: WatchOptions, task: Task, draft: _Draft) -> None:
    target = options.label or options.prediction
    said = data.column(options.prediction).combine_chunks()
    truth = data.column(options.label).combine_chunks() if options.label else None
    if task == "regression":
        draft.columns[PREDICTION + target] = numbers(options.prediction, said)
        if truth is not None:
            draft.columns[LABEL + target] = numbers(str(options.label), truth)
        return
    confidence = _confidence(data, options)
    if task == "binary" and _is_probability(said) and truth is not None:
        said, confidence = _decided(said, truth, options, draft)
    draft.columns[PREDICTION + target] = classes(said)
    if truth is not None:
        draft.columns[LABEL + target] = _spelled_as_said(classes(truth), draft.columns[PREDICTION + target])
    if confidence is not None:
        draft.columns["confidence"] = confidence
    if truth is not None:
        _question_classes(draft, target, options)


def _confidence(data: pa.Table, options: WatchOptions) -> pa.Array | None:
    if options.confidence is None:
        return None
    found = numbers(options.confidence, data.column(options.confidence).combine_chunks())
    limits = pc.min_max(found).as_py()
    if limits["min"] is not None and (limits["min"] < 0 or limits["max"] > 1):
        raise UserError(
            f"{options.confidence} has {limits['min']:g} to {limits['max']:g}: a confidence is a number from 0 to 1.",
            ExitCode.USAGE,
        )
    return found


def _is_probability(said: pa.Array) -> bool:
    """Whether numbers between 0 and 1 stand where classes are expected."""
    if not pa.types.is_floating(said.type):
        return False
    limits = pc.min_max(said).as_py()
    between = pc.any(pc.and_(pc.greater(said, 0.0), pc.less(said, 1.0))).as_py()
    return bool(between) and limits["min"] >= 0 and limits["max"] <= 1


def _decided(said: pa.Array, truth: pa.Array, options: WatchOptions, draft: _Draft) -> tuple[pa.Array, pa.Array]:
    """Probabilities of the second class as classes, and how sure they were."""
    found = sorted(value for value in pc.unique(classes(truth)).to_pylist() if value is not None)
    if len(found) != 2:
        raise UserError(
            f"{options.prediction} holds probabilities, and {options.label} has {len(found)} classes, not 2.",
            ExitCode.USAGE,
        )
    yes = pc.greater_equal(said, options.threshold)
    draft.notes.append(
        f"{options.prediction} holds probabilities: {options.threshold:g} and more is read as class {found[1]}, "
        f"less as {found[0]} (--threshold)."
    )
    sure = pc.if_else(yes, said, pc.subtract(1.0, said))
    return pc.if_else(yes, found[1], found[0]), sure


def _question_classes(draft: _Draft, target: str, options: WatchOptions) -> None:
    said, truth = (pc.unique(draft.columns[kind + target]).drop_null() for kind in (PREDICTION, LABEL))
    known = {text.strip().lower(): text for text in truth.to_pylist()}
    for text in sorted(set(said.to_pylist()) - set(known.values())):
        if (like := known.get(text.strip().lower())) is not None:
            draft.notes.append(f"'{text}' is predicted and the labels say '{like}': each such row counts as wrong.")
    shared = pc.any(pc.is_in(said, value_set=truth)).as_py() if len(said) and len(truth) else True
    if not shared:
        example, other = said[0].as_py(), truth[0].as_py()
        raise UserError(
            f"{options.prediction} (as {example!r}) and {options.label} (as {other!r}) have no class in common: each "
            "prediction would be wrong. Bring both to the same classes first, or say --task regression if they are "
            "numbers.",
            ExitCode.USAGE,
        )


def _spelled_as_said(truth: pa.Array, said: pa.Array) -> pa.Array:
    """Labels in the spelling of the predictions, as ingestion writes them: `1`, `1.0` and `true` are one class."""
    known = [text for text in pc.unique(said).to_pylist() if text is not None]
    distinct = truth.dictionary_encode()
    texts = distinct.dictionary.to_pylist()
    if len(texts) > _MOST_SPELLINGS or len(known) > _MOST_SPELLINGS:
        return truth
    like = [text if text in known else next((one for one in known if same_class(text, one)), text) for text in texts]
    return pa.array(like, pa.string()).take(distinct.indices)


def _add_labelled_at(data: pa.Table, options: WatchOptions, moments: pa.Array, draft: _Draft) -> None:
    labels = [column for name, column in draft.columns.items() if name.startswith(LABEL)]
    if not labels:
        return
    there, known = pc.is_valid(labels[0]), moments
    if options.labelled_at is not None:
        column = data.column(options.labelled_at).combine_chunks()
        if not pa.types.is_timestamp(column.type):
            raise no_times(options.labelled_at, column)
        told = column.cast(MOMENT)
        known = pc.if_else(pc.fill_null(pc.greater(told, moments), False), told, moments)  # noqa: FBT003
        for what, rows in (
            (f"have no {options.labelled_at}", pc.is_null(told)),
            ("were labelled before they were predicted", pc.less(told, moments)),
        ):
            if count := pc.sum(pc.and_(there, rows)).as_py():
                draft.notes.append(f"{count:,} rows {what}: their labels count at once.")
    draft.columns["labelled_at"] = pc.if_else(there, known, pa.scalar(None, MOMENT))


def _add_features(data: pa.Table, options: WatchOptions, draft: _Draft) -> None:
    names = options.features or [name for name in data.column_names if name not in options.named]
    for name in names:
        column = data.column(name).combine_chunks()
        reason = None if options.features else _no_feature(column)
        if reason is not None:
            draft.left_out[name] = reason
            continue
        category = pa.types.is_string(column.type) or pa.types.is_boolean(column.type)
        draft.columns[FEATURE + name] = classes(column) if category else numbers(name, column)
        draft.features[name] = Feature(kind="category" if category else "number")
    if not draft.features:
        raise UserError(
            "No column is left to watch beside prediction and label: name some with --features.", ExitCode.USAGE
        )


def _no_feature(column: pa.Array) -> str | None:
    """Why a column that nobody named is not watched."""
    if column.null_count == len(column):
        return "it is empty"
    distinct = pc.count_distinct(column).as_py()
    if pa.types.is_string(column.type) and distinct > len(column) / 2:
        return "nearly every row has another text: it is an identifier"
    if pa.types.is_timestamp(column.type):
        return "it tells the time"
    if pa.types.is_integer(column.type) and distinct == len(column):
        falls = int(np.count_nonzero(np.diff(column.drop_null().to_numpy()) < 0))
        if falls <= len(column) / 1000:
            return "it counts the rows"
    return None


def _longest_delay(draft: _Draft) -> float:
    """Seconds from a prediction to its label, at most; so long nothing is given up."""
    known = draft.columns.get("labelled_at")
    if known is None:
        return 0.0
    longest = pc.max(pc.subtract(known.cast(pa.int64()), draft.columns["predicted_at"].cast(pa.int64()))).as_py()
    return (longest or 0) / 1e6


def _spec(options: WatchOptions, task: Task, draft: _Draft) -> ModelSpec:
    target = options.label or options.prediction
    return ModelSpec(
        model_id=options.model_id,
        task=task,
        features=draft.features,
        target={target: TargetField(kind="number" if task == "regression" else "category")},
        segments=tuple(options.segments),
        clock="event",
        label_delay=LabelDelay(give_up_seconds=max(LabelDelay().give_up_seconds, 2 * _longest_delay(draft))),
        detection=Detection.model_validate(dict(options.detection)),
    )
