"""Where two policies part on the same stream: every decision that one takes and the other does not."""

from dataclasses import dataclass
from typing import Any

from driftloop.tools.backtest.contenders import contenders
from driftloop.tools.backtest.moment import Train
from driftloop.tools.backtest.options import REPORTED_SHARE, BacktestOptions
from driftloop.tools.backtest.outcome import chosen, table_of
from driftloop.tools.backtest.probes import Probes
from driftloop.tools.backtest.simulate import Run, Step
from driftloop.tools.backtest.stream import Stream


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs of one stream, and the block ends at which they decided otherwise."""

    names: tuple[str, str]
    runs: tuple[Run, Run]
    steps: tuple[tuple[int, Step | None, Step | None], ...]
    rows: int

    def as_json(self) -> dict[str, Any]:
        """For a script: mean losses, trainings, and each differing decision by row (null: let things be)."""
        return {
            "policies": {
                name: {"loss": run.loss / self.rows, "retrains": run.retrains, "reuses": run.reuses}
                for name, run in zip(self.names, self.runs, strict=True)
            },
            "differences": [
                {"row": row, self.names[0]: _step_json(one), self.names[1]: _step_json(other)}
                for row, one, other in self.steps
            ],
        }


def difference(stream: Stream, options: BacktestOptions, first: str, second: str) -> Difference:
    """Run both policies; the price of a training is the options' (1 % of never retraining where it gives none)."""
    table = table_of(stream, options)
    price = REPORTED_SHARE * table.never if options.price is None else options.price
    known = contenders(table, Probes(table))
    makers = [chosen(known, (name,))[0] for name in (first, second)]
    one, other = (maker.run(price) for maker in makers)
    return Difference((first, second), (one, other), _parted(one, other), table.rows)


def _parted(one: Run, other: Run) -> tuple[tuple[int, Step | None, Step | None], ...]:
    steps = [{step.row: step for step in run.steps} for run in (one, other)]
    pairs = [(row, steps[0].get(row), steps[1].get(row)) for row in sorted({*steps[0], *steps[1]})]
    return tuple((row, left, right) for row, left, right in pairs if _deed(left) != _deed(right))


def _deed(step: Step | None) -> tuple[object, ...] | None:
    return None if step is None else (type(step.choice), step.model)


def _step_json(step: Step | None) -> dict[str, Any] | None:
    if step is None:
        return None
    action = "train" if isinstance(step.choice, Train) else "reuse"
    return {"action": action, "learned": [step.model.start, step.model.end], "reason": step.choice.reason}
