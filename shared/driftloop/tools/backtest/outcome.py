"""Runs every policy over a stream, beside hindsight, and says what each would have cost."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftloop.errors import ExitCode, UserError
from driftloop.learners.entry_points import make_learner
from driftloop.statistics.losses import row_losses
from driftloop.tools.backtest.contenders import Contender, contenders
from driftloop.tools.backtest.crew import Crew
from driftloop.tools.backtest.fits import Fits
from driftloop.tools.backtest.hindsight import Calendar, Oracle, best_calendar, calendars, oracle, usual
from driftloop.tools.backtest.judged import classes_json, constant_json
from driftloop.tools.backtest.layout import layout_of
from driftloop.tools.backtest.options import REPORTED_SHARE, SHARES, BacktestOptions
from driftloop.tools.backtest.prefit import prefit, prefit_probes
from driftloop.tools.backtest.probes import Probes
from driftloop.tools.backtest.simulate import Run
from driftloop.tools.backtest.stream import Stream
from driftloop.tools.backtest.summary import RETRAINS_RATIOS
from driftloop.tools.backtest.table import LossTable


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a backtest: runs by policy and price, and the two hindsights by price.

    Prices are shares of what never retraining loses; a policy that does not know the price has the
    same run at each.
    """

    stream: Stream
    table: LossTable
    runs: dict[str, dict[float, Run]]
    calendars: tuple[Calendar, ...]
    best: dict[float, Calendar]
    oracles: dict[float, Oracle]
    no_change: float
    probe_seconds: float

    def price(self, share: float) -> float:
        """The price in units of loss."""
        return share * self.table.never

    def score(self, loss: float) -> float:
        """A total loss as accuracy (0…1) or mean absolute error."""
        mean = loss / self.table.rows
        return mean if self.stream.is_regression else 1.0 - mean


def backtest(stream: Stream, options: BacktestOptions, told: Callable[[str], None] = lambda _text: None) -> Outcome:
    """Run the policies that `options` name (all of them where none is named) over a stream.

    `told` hears what is going on. Raises `UserError` for a policy, learner or layout that makes no sense.
    """
    table = table_of(stream, options)
    probes = Probes(table)
    named = chosen(contenders(table, probes), options.policies, served=options.served)
    with _crew(table, options) as crew:
        prefit(table, crew, told)
        if crew is not None and any(one.probed for one in named):
            prefit_probes(probes, crew, told)
        shares = (*SHARES,) if options.price is None else (*SHARES, options.price / table.never)
        begun = {one.name: _begun(table, one, shares, crew) for one in named}
        told("calendars and the oracle")
        found = tuple(calendars(table))
        best = {share: best_calendar(found, share * table.never) for share in shares}
        oracles = {share: oracle(table, share * table.never) for share in shares}
        runs = {}
        for name, run in begun.items():
            told(f"policy {name}")
            runs[name] = run(probes)
    return Outcome(stream, table, runs, found, best, oracles, _no_change(stream, table), probes.seconds)


def _crew(table: LossTable, options: BacktestOptions) -> AbstractContextManager[Crew | None]:
    """The processes that work beside this one. They hand fits on by the disk: without a cache there are none."""
    if options.jobs == 1 or table.fits.folder is None:
        return nullcontext()
    return Crew(table, table.fits.folder, options.jobs)


def table_of(stream: Stream, options: BacktestOptions) -> LossTable:
    """The table of losses that the options ask for; raises `UserError` where they make no sense."""
    try:
        learner = make_learner(stream.spec, options.learner, {})
        layout = layout_of(
            stream.name,
            len(stream.rows),
            first=options.first,
            block=options.block,
            windows=options.windows,
            recorded=stream.history is not None,
        )
    except ValueError as error:
        raise UserError(f"{error}.", ExitCode.USAGE) from error
    fits = Fits(stream, options.learner, learner, options.cache, options.seed)
    return LossTable(fits, layout, options.label_delay)


def chosen(known: tuple[Contender, ...], names: tuple[str, ...], *, served: bool = False) -> list[Contender]:
    """The named policies, or all (those in the services' cores only with `served`).

    Raises `UserError` for a name that is not known.
    """
    unknown = [name for name in names if name not in {contender.name for contender in known}]
    if unknown:
        there = ", ".join(contender.name for contender in known)
        raise UserError(f"There is no policy {unknown[0]}; there are {there}.", ExitCode.USAGE)
    return [one for one in known if one.name in names or (not names and (served or not one.served))]


Runs = dict[float, Run]
"""What came of a policy, by the share that is the price."""


def _begun(
    table: LossTable, contender: Contender, shares: tuple[float, ...], crew: Crew | None
) -> Callable[[Probes], Runs]:
    """Begin the runs of a policy where there are processes for it; the result waits for them, or runs it now."""
    apart = shares if contender.knows_price else (REPORTED_SHARE,)
    if crew is None or contender.served:
        return lambda _probes: _by_share({share: contender.run(share * table.never) for share in apart}, shares)
    begun = {share: crew.run(contender.name, share * table.never) for share in apart}

    def gathered(probes: Probes) -> Runs:
        ended = {share: future.result() for share, future in begun.items()}
        probes.spent(sum(seconds for _, seconds in ended.values()))
        return _by_share({share: run for share, (run, _) in ended.items()}, shares)

    return gathered


def _by_share(runs: Runs, shares: tuple[float, ...]) -> Runs:
    """A policy that does not know the price has one run, which holds at each."""
    return {share: runs.get(share, runs[REPORTED_SHARE]) for share in shares}


def _no_change(stream: Stream, table: LossTable) -> float:
    first, target = table.layout.first, stream.target
    before, now = {target: stream.labels[first - 1 : -1]}, {target: stream.labels[first:]}
    return float(np.sum(row_losses(stream.spec.target, before, now)))


def outcome_json(outcome: Outcome, options: BacktestOptions) -> dict[str, Any]:
    """The outcome for a script. Costs are in error units: an error, or the first model's mean loss in
    the first block. Accuracy and retrains of a policy that knows the price are those at 1 %; what it did
    at each price stands under `by_price`."""
    table, unit = outcome.table, outcome.table.unit
    return {
        "data": outcome.stream.name,
        "rows": len(outcome.stream.rows),
        "task": outcome.stream.spec.task,
        "learner": options.learner,
        "seed": options.seed,
        "label_delay": options.label_delay,
        "train_rows": table.layout.first,
        "block": table.layout.block,
        "windows": list(table.layout.windows),
        "error_unit": unit,
        "no_change": _round(outcome.score(outcome.no_change)),
        "never": _round(outcome.score(table.never)),
        "never_errors": _round(table.never / unit),
        **constant_json(outcome.stream, table),
        **({} if outcome.stream.history is None else outcome.stream.history.as_json()),
        "policies": {name: _policy_json(outcome, runs) for name, runs in outcome.runs.items()},
        "best_calendar": {
            f"{share:g}": {
                "cost": _round(calendar.cost(outcome.price(share)) / unit),
                "every": calendar.every,
                "window": calendar.window,
                "retrains": len(calendar.trainings),
                _measure(outcome): _round(outcome.score(calendar.loss)),
            }
            for share, calendar in outcome.best.items()
        },
        "oracle": {
            f"{share:g}": {"cost": _round(best.cost / unit), "retrains": len(best.path)}
            for share, best in outcome.oracles.items()
        },
        "probe_seconds": _round(outcome.probe_seconds),
    }


def _policy_json(outcome: Outcome, runs: dict[float, Run]) -> dict[str, Any]:
    shown, unit = runs[REPORTED_SHARE], outcome.table.unit
    by_price = {
        f"{share:g}": {
            _measure(outcome): _round(outcome.score(run.loss)),
            "errors": _round(run.loss / unit),
            "retrains": run.retrains,
            "reuses": run.reuses,
            "cost": _round(run.cost(outcome.price(share)) / unit),
            "times_best_calendar": _round(run.cost(outcome.price(share)) / _best_cost(outcome, share)),
            "times_oracle": _round(run.cost(outcome.price(share)) / outcome.oracles[share].cost),
            "calendar_retrains_ratio": calendar_retrains_ratio(usual(outcome.calendars), run),
            "any_calendar_retrains_ratio": calendar_retrains_ratio(outcome.calendars, run),
        }
        for share, run in runs.items()
    }
    return {
        _measure(outcome): _round(outcome.score(shown.loss)),
        **classes_json(outcome.stream, outcome.table, shown),
        "errors": _round(shown.loss / unit),
        "retrains": shown.retrains,
        "reuses": shown.reuses,
        "cost": {share: entry["cost"] for share, entry in by_price.items()},
        "training_seconds": _round(shown.training_seconds),
        **{name: by_price[f"{REPORTED_SHARE:g}"][name] for name in RETRAINS_RATIOS},
        "by_price": by_price,
        "steps": [
            {
                "row": step.row,
                "action": type(step.choice).__name__.lower(),
                "learned": [step.model.start, step.model.end],
                "reason": step.choice.reason,
            }
            for step in shown.steps
        ],
    }


def calendar_retrains_ratio(found: Sequence[Calendar], run: Run) -> float | None:
    """How many times more often than `run` a calendar among those `found` must retrain to lose as little.

    None where none of them loses as little; 1 where the run does not retrain.
    """
    enough = [len(calendar.trainings) for calendar in found if calendar.loss <= run.loss * (1.0 + 1e-9)]
    if not enough:
        return None
    return min(enough) / run.retrains if run.retrains else 1.0


def _best_cost(outcome: Outcome, share: float) -> float:
    return outcome.best[share].cost(outcome.price(share))


def _measure(outcome: Outcome) -> str:
    return "mae" if outcome.stream.is_regression else "accuracy"


def _round(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
