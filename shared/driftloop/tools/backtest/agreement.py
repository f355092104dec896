"""How far a replay over Kafka and a backtest decide alike: the same deeds at the same rows?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from driftloop.tools.backtest.contenders import contenders
from driftloop.tools.backtest.moment import Train
from driftloop.tools.backtest.options import REPORTED_SHARE, BacktestOptions
from driftloop.tools.backtest.outcome import chosen, table_of
from driftloop.tools.backtest.probes import Probes
from driftloop.tools.backtest.simulate import Run
from driftloop.tools.backtest.stream import Stream

DEEDS = {"retrain": "train", "reuse": "reuse", "roll_back": "reuse"}
"""What a replay calls what is done, and what a backtest does."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A training, or a version brought back, after so many labelled rows of the file."""

    row: int
    action: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """`same`: at the same row; `moved`: the same deed at most `within` rows apart; the rest only one side did."""

    same: tuple[Deed, ...]
    moved: tuple[tuple[Deed, Deed], ...]
    only_replay: tuple[Deed, ...]
    only_backtest: tuple[Deed, ...]

    @property
    def share(self) -> float:
        """Deeds at the same row, of all that either side did; 1 where neither did anything.

        >>> Agreement((Deed(900, "train"),), (), (), (Deed(1200, "reuse"),)).share
        0.5
        """
        every = len(self.same) + len(self.moved) + len(self.only_replay) + len(self.only_backtest)
        return len(self.same) / every if every else 1.0

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {
            "share_at_the_same_row": round(self.share, 4),
            "same": [[deed.row, deed.action] for deed in self.same],
            "moved": [[one.row, other.row, one.action] for one, other in self.moved],
            "only_replay": [[deed.row, deed.action] for deed in self.only_replay],
            "only_backtest": [[deed.row, deed.action] for deed in self.only_backtest],
        }


def deeds_of_replay(said: Mapping[str, Any]) -> list[Deed]:
    """What a replay's JSON says was done; the first version's own training is left out."""
    streamed_from = said["rows"] - said["streamed"]
    found = [
        Deed(int(decision["row"]), DEEDS[decision["action"]])
        for decision in said["decisions"]
        if decision["action"] in DEEDS
    ]
    return [deed for deed in found if deed.row > streamed_from]


def deeds_of_run(run: Run) -> list[Deed]:
    """What a policy did in a backtest."""
    return [Deed(step.row, "train" if isinstance(step.choice, Train) else "reuse") for step in run.steps]


def agreement(replayed: Sequence[Deed], tried: Sequence[Deed], *, within: int) -> Agreement:
    """Pair the deeds: first those at the same row, then each with the nearest of its kind not yet paired.

    >>> agreement([Deed(500, "train")], [Deed(550, "train")], within=100).moved[0][1].row
    550
    """
    same = [deed for deed in replayed if deed in tried]
    left, right = [d for d in replayed if d not in same], [d for d in tried if d not in same]
    moved = []
    for deed in tuple(left):
        near = [other for other in right if other.action == deed.action and abs(other.row - deed.row) <= within]
        if near:
            other = min(near, key=lambda candidate: abs(candidate.row - deed.row))
            moved.append((deed, other))
            left.remove(deed)
            right.remove(other)
    return Agreement(tuple(same), tuple(moved), tuple(left), tuple(right))


def agreement_with(said: Mapping[str, Any], stream: Stream, options: BacktestOptions, policy: str) -> Agreement:
    """Try a policy on the stream that was replayed, cut as the replay had it, and pair what both did.

    Raises `UserError` for a policy that is not known.
    """
    table = table_of(stream, replace(options, first=said["rows"] - said["streamed"], block=said["block"]))
    run = chosen(contenders(table, Probes(table)), (policy,))[0].run(REPORTED_SHARE * table.never)
    return agreement(deeds_of_replay(said), deeds_of_run(run), within=said["block"])
