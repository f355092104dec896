"""The `default` policy: the very rule of the coordinator, fed with what the services would tell it."""

from dataclasses import dataclass, field

import numpy as np

from driftloop.tools.backtest.layout import Layout
from driftloop.tools.backtest.moment import Choice, Moment, Reuse, Train
from driftloop.tools.backtest.probes import Probes
from driftloop.tools.backtest.table import Fit
from retrain_coordinator.core.payoff.rule import (
    Evidence,
    PayoffRule,
    PayoffState,
    Verdict,
    began_serving,
    observe,
    verdict,
)

BLOCK_ROWS = 25
"""Rows of an evidence block, as a spec's `detection.loss_block_rows`."""
ARCHIVED = 3
"""Archived versions that are scored beside the champion: the newest."""


def rule_for(layout: Layout) -> PayoffRule:
    """The rule for a layout: it remembers at the pace of the middle window, and speaks once a block."""
    middle = layout.windows[len(layout.windows) // 2]
    return PayoffRule(
        memory_rows=middle,
        settling_rows=max(BLOCK_ROWS, middle // 2),
        decision_rows=max(BLOCK_ROWS, layout.block // BLOCK_ROWS * BLOCK_ROWS),
    )


@dataclass(slots=True)
class Pays:
    """Retrains when that pays, reuses what it already has.

    `priced` gives the rule the price of the moment; without, the rule finds its own (`price: auto`).
    """

    rule: PayoffRule
    probes: Probes
    priced: bool = True
    _state: PayoffState = field(default_factory=PayoffState)
    _seen: int = 0
    _serving: Fit | None = None

    def decide(self, moment: Moment) -> Choice | None:
        """Take in the rows whose labels came, in whole blocks, and ask the rule after each."""
        if self._serving != moment.champion:
            self._serve(moment.champion)
            self._seen = max(self._seen, moment.first)
        rule = self.rule.model_copy(update={"price": moment.price}) if self.priced else self.rule
        while self._seen + BLOCK_ROWS <= moment.last:
            evidence = self._evidence(moment, self._seen, self._seen + BLOCK_ROWS)
            self._state = observe(self._state, rule, evidence)
            self._seen += BLOCK_ROWS
            word = verdict(self._state, rule, maximum_rows=moment.table.layout.windows[-1])
            if word.action != "wait":
                return self._choice(word, moment)
        return None

    def _serve(self, model: Fit) -> None:
        self._state = began_serving(self._state, _name(model), trained_rows=model.rows)
        self._serving = model

    def _evidence(self, moment: Moment, first: int, last: int) -> Evidence:
        table = moment.table
        scored = moment.archive[-ARCHIVED:]
        return Evidence(
            _name(moment.champion),
            table.losses(moment.champion, first, last),
            archived={_name(model): table.losses(model, first, last) for model in scored},
            fresh={window: self.probes.fresh(window, first, last) for window in table.layout.windows},
            twin=self.probes.twin(moment.champion, first, last),
        )

    def _choice(self, word: Verdict, moment: Moment) -> Choice | None:
        if word.action == "reuse":
            return Reuse(next(model for model in moment.archive if _name(model) == word.version), word.reason)
        if word.action == "retrain" and word.rows is not None:
            windows = np.array(moment.table.layout.windows)
            return Train(int(windows[np.argmin(np.abs(windows - word.rows))]), word.reason)
        return None


def _name(model: Fit) -> str:
    return f"{model.start}-{model.end}"
