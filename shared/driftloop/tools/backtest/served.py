"""A policy as the services carry it out: held-out rows, proof, probation, safeguards, detection and all.

The other policies of a backtest promote whatever they train, at once. These go through the loop in
memory, so that a training may come to nothing, and what it costs to prove a version is seen.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from driftloop.spec.model_spec import LearnerChoice
from driftloop.spec.policy import preset
from driftloop.statistics.losses import row_losses
from driftloop.tools.backtest.moment import Reuse, Train
from driftloop.tools.backtest.simulate import Run, Step
from driftloop.tools.backtest.stream import Stream
from driftloop.tools.backtest.table import Fit, Floats, LossTable
from driftloop.tools.replay.inference import least_training_rows
from driftloop.tools.replay.journal import Journal
from driftloop.tools.replay.player import Played
from driftloop.tools.replay.recording import Recording, event_time_of, patient, spoken_every
from driftloop.tools.replay.stream import EventTime


def run_served(table: LossTable, policy: str, told: Callable[[str], None] = lambda _text: None) -> Run:
    """The stream of `table` under a preset. Runs have the price that the policy itself finds.

    Hosts are taken to be quiet: a recorded stream has no readings of theirs.
    """
    from driftloop.tools.backtest.memory_wire import play_in_memory

    recording = recording_of(table, policy)
    played = play_in_memory(recording, label_delay=table.delay, told=told)
    return _run_of(table, played)


def recording_of(table: LossTable, policy: str) -> Recording:
    """The stream of a table as a replay would play it."""
    stream, layout = table.fits.stream, table.layout
    changes = {
        "policy": _quiet(policy, layout.block),
        "learner": LearnerChoice(name=table.fits.name),
        "training": stream.spec.training.model_copy(update={"minimum_rows": least_training_rows(layout.first)}),
    }
    spec = stream.spec.model_copy(update=changes)
    time = EventTime() if stream.history is None else event_time_of(stream.history)
    return Recording(
        patient(spec, time, len(stream.rows), table.delay),
        stream.rows.features,
        stream.rows.labels,
        layout.first,
        layout.block,
        time,
        stream.history,
    )


def _quiet(policy: str, block_rows: int) -> str | Mapping[str, Any]:
    declared = spoken_every(policy, block_rows)
    rules = preset(policy).safeguards
    if not rules.quiet and rules.free_disk_gb is None:
        return declared
    changes = {"safeguards": {"quiet": (), "free_disk_gb": None}}
    return {"preset": policy, "name": policy, **changes} if isinstance(declared, str) else {**declared, **changes}


def _run_of(table: LossTable, played: Played) -> Run:
    losses = _served_losses(table.fits.stream, table.layout.first, played)
    totals = np.add.reduceat(losses, np.asarray(table.edges[:-1]) - table.edges[0])
    results = played.journal.retrain_results
    seconds = sum(result.cost.cpu_seconds for result in results if result.cost is not None)
    return Run(totals, tuple(_steps(table, played.journal)), seconds, losses)


def _served_losses(stream: Stream, first: int, played: Played) -> Floats:
    truth = {stream.target: stream.labels[first:]}
    return np.asarray(row_losses(stream.spec.target, played.served, truth), dtype=np.float64)


def _steps(table: LossTable, journal: Journal) -> Iterator[Step]:
    """Trainings, reuses and roll-backs by row; the first version's own training is left out."""
    rows_of = {request.version: request.data.rows for request in journal.requests.values()}
    learnt: dict[str, Fit] = {}
    for decision in journal.decisions:
        row, version = decision.row or 0, decision.candidate or ""
        block = int(np.searchsorted(table.edges, row))
        if decision.action == "retrain":
            is_first = not learnt
            learnt[version] = Fit(max(0, row - rows_of.get(version, 0)), row)
            if not is_first:
                yield Step(block, row, Train(learnt[version].rows, decision.reason), learnt[version])
        elif decision.action in ("reuse", "roll_back") and version in learnt:
            yield Step(block, row, Reuse(learnt[version], decision.reason), learnt[version])
