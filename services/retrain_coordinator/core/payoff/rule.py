"""Does retraining pay? The rule of the `default` policy.

Why debts and not alarms: a drift is worth a run only when the loss it costs exceeds the run's price,
and nobody knows how long it will last. So the rule keeps books. What the champion loses beyond what
is attainable now is a debt; when the debt has reached the price, the run would have paid for itself,
and it is bought. For a loss that rises steadily that is the best moment there is (it balances price
and loss), and for one that jumps it costs at most twice what hindsight would have paid.

What is attainable is told by cheap models of the newest rows, one for each window that could be
trained on (`Evidence.fresh`), scaled by what a champion does better than a cheap model that learned
the same rows (`Evidence.twin`). So noise that no training removes is nobody's debt, a drift of which
too few rows are there yet is waited for, and the window that does best now is the one to train on.

Archived versions are scored beside the champion, and one that proves better serves again: that
costs no run. So that versions do not swap places for ever, a switch has a price too: a share of a
run's, which it must have been worth before it is made (hysteresis).

All decisions rest on losses that a running service has. Where there are no cheap models, the loss
that the champion began with is taken for attainable.

Everything here is pure. The coordinator feeds `observe`, asks `verdict`, and tells `began_serving`
and `ended_training` what came of it; `driftloop backtest` does the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from pydantic import Field

from retrain_coordinator.core.payoff.books import Account, Floats, Part, Recent, Settling, Twin, Usual

Action = Literal["retrain", "reuse", "wait"]
_FIRST_ROWS = 2000
"""What the first version is taken to have learned where nobody said."""
_LEAST_PRICED_ROWS = 1000
"""An automatic price counts on at least so many rows: a run is not cheap because its model is small,
and noise would buy one every few hundred rows."""
_NO_WINDOW = 0
"""The account that is kept where no cheap models tell what is attainable."""


class PayoffRule(Part):
    """What the rule is told once.

    `price` is what a run costs, in units of loss: a run that is worth 40 wrong answers has price 40.
    `auto` takes `price_share` of what the model would lose over `price_horizon` times the rows that
    its first version learned (1,000 at least), at its mean loss over the last so many rows. Older rows are
    forgotten, and a loss far beyond the usual is cut (`payoff_books.Usual`).
    """

    price: float | Literal["auto"] = "auto"
    price_share: float = Field(default=0.01, gt=0)
    price_horizon: float = Field(default=10.0, gt=0)
    loss_per_cpu_hour: float | None = Field(default=None, gt=0)
    """What an hour of processor time is worth, in units of loss. Where given, a run's price is what runs of this
    model were measured to take, at this rate; until one has ended, it is as `price` says."""
    patience: float = Field(default=0.75, gt=0)
    """Prices of debt that buy a run."""
    certainty: float = Field(default=1.0, ge=0)
    """Standard errors by which a debt must stand out."""
    margin: float = Field(default=0.15, ge=0)
    """Loss is avoidable beyond so much more than what is attainable, by share. Less may be the luck of
    the cheap models, and would add up to a debt in the end however long nothing happens."""
    indifference: float = Field(default=0.1, ge=0)
    """The share by which cheap models of a larger window may do worse and it is still trained on: a
    real model makes more of more rows than a cheap one."""
    decision_rows: int | None = Field(default=None, ge=1)
    """Rows of a champion after each of which the rule speaks: what does not last that long is no debt.
    None: an eighth of the rows that the first version learned."""
    reuse_certainty: float = Field(default=3.0, ge=0)
    """Standard errors by which an archived version must be better to serve again."""
    switch_share: float = Field(default=0.5, ge=0)
    """What a switch to an archived version is held to cost, in prices of a run: it must have been worth as
    much on the rows so far. A run costs nothing here, but a person who follows the model, its watchers and its
    probation do, and two versions that are each the better one for a hundred rows would swap places for ever."""
    memory_rows: int | None = Field(default=None, ge=1)
    """How fast the losses by window are forgotten, when one is chosen to train on. None: half of the
    rows that the first version learned."""
    settling_rows: int | None = Field(default=None, ge=1)
    """Rows that tell what a champion can do, where no cheap models do. None: a quarter of them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Losses on the same consecutive labelled rows, none of which any of these models has learned.

    `losses` are the champion's, whichever version served the rows. `archived` has versions that are
    scored beside it. `fresh` has, by window, what a cheap model of the last so many rows loses; `twin`
    what cheap models of the champion's own rows lose (their mean). The last three may be absent.
    """

    version: str
    losses: Floats
    archived: Mapping[str, Floats] = field(default_factory=dict)
    fresh: Mapping[int, Floats] = field(default_factory=dict)
    twin: Floats | None = None


class PayoffState(Part):
    """What the rule remembers of one model: bounded by the versions and windows that are scored."""

    version: str | None = None
    served_rows: int = 0
    block_rows: int = 0
    """Rows of the newest evidence."""
    first_rows: int = 0
    loss: float = 0.0
    rows: float = 0.0
    """The losses that the price goes by, and the rows that they weigh: the horizon's at most."""
    usual: Usual = Usual()
    run_cpu_seconds: float | None = None
    """What a run takes, as measured: half of it by the last run, half by those before. None: none has ended."""
    twin: Twin = Twin()
    settling: Settling = Settling()
    debts: dict[int, Account] = Field(default_factory=dict)
    rivals: dict[str, Account] = Field(default_factory=dict)
    recent: dict[int, Recent] = Field(default_factory=dict)


class Verdict(Part):
    """What would pay now. `rows` is the window to train on, the `fresh_rows` newest of which belong
    to the present concept; `version` is the archived version to reuse."""

    action: Action
    reason: str
    rows: int | None = None
    fresh_rows: int | None = None
    version: str | None = None
    silent: bool = False
    """The rule does not speak at these rows: what it said last stands."""
    evidence: dict[str, float | str | None] = Field(default_factory=dict)


def price_of(state: PayoffState, rule: PayoffRule) -> float | None:
    """The price of a run in units of loss; None while it cannot be told yet.

    >>> price_of(PayoffState(first_rows=2000, loss=30.0, rows=100), PayoffRule())
    60.0
    >>> price_of(PayoffState(run_cpu_seconds=900.0), PayoffRule(loss_per_cpu_hour=40.0))
    10.0
    """
    if rule.loss_per_cpu_hour is not None and state.run_cpu_seconds is not None:
        return rule.loss_per_cpu_hour * state.run_cpu_seconds / 3600.0
    if rule.price != "auto":
        return rule.price
    if not state.rows:
        return None
    mean = state.loss / state.rows
    return rule.price_share * rule.price_horizon * max(state.first_rows or _FIRST_ROWS, _LEAST_PRICED_ROWS) * mean


def observe(state: PayoffState, rule: PayoffRule, evidence: Evidence) -> PayoffState:
    """The books after more rows. Evidence on another version than the one that serves is left out.

    Give rows in blocks of a fixed length (25 do well): accounts are settled once a block.
    """
    if not len(evidence.losses) or (state.version is not None and evidence.version != state.version):
        return state
    usual = state.usual.knowing(evidence.losses)
    evidence = _cut(evidence, usual.cap)
    losses = evidence.losses
    loss, rows = _within_horizon(state, rule, len(losses))
    twin = state.twin if evidence.twin is None else state.twin.after(losses, evidence.twin)
    settling = state.settling.after(losses, rule.settling_rows or _share(state, 4))
    memory = float(rule.memory_rows or _share(state, 2))
    attainable = {window: fresh * twin.ratio for window, fresh in evidence.fresh.items()}
    if not attainable and settling.level is not None:
        attainable = {_NO_WINDOW: np.full(len(losses), settling.level)}
    update = {
        "version": evidence.version,
        "served_rows": state.served_rows + len(losses),
        "block_rows": len(losses),
        "loss": loss + float(losses.sum()),
        "rows": rows + len(losses),
        "usual": usual.after(losses),
        "twin": twin,
        "settling": settling,
        "debts": {
            window: state.debts.get(window, Account()).after(losses - (1.0 + rule.margin) * best)
            for window, best in attainable.items()
        },
        "rivals": {
            version: state.rivals.get(version, Account()).after(losses - other)
            for version, other in evidence.archived.items()
        },
        "recent": {
            window: state.recent.get(window, Recent()).after(fresh, memory) for window, fresh in evidence.fresh.items()
        },
    }
    return state.model_copy(update=update)


def _horizon(state: PayoffState, rule: PayoffRule) -> float:
    """Rows over which a run has to pay for itself."""
    return rule.price_horizon * max(state.first_rows or _FIRST_ROWS, _LEAST_PRICED_ROWS)


def _within_horizon(state: PayoffState, rule: PayoffRule, more: int) -> tuple[float, float]:
    """Loss and rows that the price still goes by when `more` rows come: older ones lose weight past the horizon."""
    room = max(0.0, _horizon(state, rule) - more)
    if state.rows <= room:
        return state.loss, state.rows
    return state.loss * room / state.rows, room


def _cut(evidence: Evidence, cap: float) -> Evidence:
    """The evidence with every loss beyond the cap counted as the cap."""
    if not cap < float("inf"):
        return evidence
    return Evidence(
        evidence.version,
        np.minimum(evidence.losses, cap),
        {version: np.minimum(losses, cap) for version, losses in evidence.archived.items()},
        {window: np.minimum(losses, cap) for window, losses in evidence.fresh.items()},
        None if evidence.twin is None else np.minimum(evidence.twin, cap),
    )


def verdict(state: PayoffState, rule: PayoffRule, *, maximum_rows: int) -> Verdict:
    """What would pay now, given that at most `maximum_rows` rows may be trained on.

    >>> rule = PayoffRule(price=10.0, decision_rows=25)
    >>> state = PayoffState()
    >>> for loss in [0.1] * 20 + [0.6] * 3:
    ...     state = observe(state, rule, Evidence("1.0.0", np.full(25, loss)))
    >>> verdict(state, rule, maximum_rows=2000).action
    'retrain'
    """
    every = rule.decision_rows or _share(state, 8)
    if state.served_rows // every == (state.served_rows - state.block_rows) // every:
        return Verdict(action="wait", reason=f"{_stands(state, rule)} (decided every {every} rows)", silent=True)
    price = price_of(state, rule)
    switch = rule.switch_share * (price or 0.0)
    better = {version: rival for version, rival in state.rivals.items() if rival.stands_out(rule.reuse_certainty)}
    proven = {version: rival for version, rival in better.items() if rival.loss > switch}
    if proven:
        return _reuse(state, proven, switch)
    debt = max(state.debts.values(), key=lambda account: account.loss, default=Account())
    evidence: dict[str, float | str | None] = {
        "debt": debt.loss,
        "debt_rows": float(debt.rows),
        "price": price,
        "served_rows": float(state.served_rows),
        "twin_ratio": state.twin.ratio,
    }
    if rule.loss_per_cpu_hour is not None and state.run_cpu_seconds is not None:
        evidence["run_cpu_seconds"] = state.run_cpu_seconds
    if better:
        evidence |= {"switch_price": switch, "switch_worth": max(rival.loss for rival in better.values())}
    if price is None:
        return Verdict(action="wait", reason="no labelled row of the champion has been seen", evidence=evidence)
    owed = _owed(debt)
    if debt.loss <= rule.patience * price:
        return Verdict(action="wait", reason=f"{owed}; a run costs {price:.4g}", evidence=evidence)
    if not debt.stands_out(rule.certainty):
        return Verdict(action="wait", reason=f"{owed}, which may still be chance", evidence=evidence)
    rows = min(_window_of(state, rule) or maximum_rows, maximum_rows)
    return Verdict(action="retrain", reason=f"{owed}; a run costs {price:.4g}", rows=rows, evidence=evidence)


def _stands(state: PayoffState, rule: PayoffRule) -> str:
    """How the books stand, in a sentence."""
    debt, price = max(state.debts.values(), key=lambda account: account.loss, default=Account()), price_of(state, rule)
    if price is None:
        return "no labelled row of the champion has been seen"
    return f"{_owed(debt)}; a run costs {price:.4g}"


def _owed(debt: Account) -> str:
    return f"{debt.loss:.4g} of the champion's loss over {debt.rows} rows was avoidable"


def _share(state: PayoffState, parts: int) -> int:
    """One of so many parts of the first version's rows, in steps of 25."""
    return max(25, (state.first_rows or _FIRST_ROWS) // parts // 25 * 25)


def _window_of(state: PayoffState, rule: PayoffRule) -> int | None:
    """The largest window on which cheap models do as well as on any; None if there are none."""
    if not state.recent:
        return None
    enough = (1.0 + rule.indifference) * min(recent.mean for recent in state.recent.values())
    return max(window for window, recent in state.recent.items() if recent.mean <= enough)


def _reuse(state: PayoffState, proven: Mapping[str, Account], switch: float) -> Verdict:
    version = max(proven, key=lambda candidate: proven[candidate].loss)
    rival = proven[version]
    return Verdict(
        action="reuse",
        version=version,
        reason=f"{version} would have lost {rival.loss:.4g} less over the last {rival.rows} rows; "
        f"a switch must be worth {switch:.4g}",
        evidence={
            "avoided": rival.loss,
            "rows": float(rival.rows),
            "served_rows": float(state.served_rows),
            "switch_price": switch,
        },
    )


def began_serving(state: PayoffState, version: str, *, trained_rows: int) -> PayoffState:
    """The books of a champion that begins to serve: promoted, reused, or the predecessor come back.

    Its accounts are empty; what is known of twins, windows and the price stays.
    """
    update = {
        "version": version,
        "served_rows": 0,
        "block_rows": 0,
        "first_rows": state.first_rows or trained_rows,
        "settling": Settling(before=state.settling.level),
        "debts": {},
        "rivals": {},
    }
    return state.model_copy(update=update)


def began_training(state: PayoffState) -> PayoffState:
    """The books when a run is bought: what was owed is paid. What the champion loses until the new
    version has proven itself is a new debt, and buys another run only when it reaches a price again."""
    return state.model_copy(update={"debts": {}})


def measured(state: PayoffState, cpu_seconds: float) -> PayoffState:
    """The books with what a run was measured to take, whatever came of it.

    >>> measured(measured(PayoffState(), 10.0), 20.0).run_cpu_seconds
    15.0
    """
    before = state.run_cpu_seconds
    mean = cpu_seconds if before is None else 0.5 * (before + cpu_seconds)
    return state.model_copy(update={"run_cpu_seconds": mean})


def ended_training(state: PayoffState, *, promoted: bool) -> PayoffState:
    """The books after a run. One that gave no better model has been paid all the same: its debt is
    settled, and the loss as it is now is what the champion is held to from here on."""
    if promoted:
        return state
    return state.model_copy(update={"debts": {}, "settling": Settling(before=state.settling.level)})
