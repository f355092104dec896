"""Does retraining pay? The rule of the `default` policy.

Why debts and not alarms: a drift is worth a run only when the loss it costs exceeds the run's price,
and nobody knows how long it will last. So the rule keeps books: what the champion has lost beyond
what is attainable, since it began to serve, is a debt; when the debt has passed a few prices the run
would have paid already, and it is bought. That is how one rents skis, and it never pays more than a
constant factor of what hindsight would have paid.

Everything here is pure. The coordinator feeds `observe` with what a running service knows, asks
`verdict`, and tells `began_serving` and `ended_training` what came of it.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Action = Literal["retrain", "reuse", "wait"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PayoffRule(_Part):
    """What the rule is told once.

    `price` is what a run costs, in units of loss (a run that costs as much as 40 wrong answers has
    price 40). `auto` prices a run at `price_share` of what the champion loses over
    `horizon_windows` times the rows that it was trained on, at the loss it had when it was new.
    """

    price: float | Literal["auto"] = "auto"
    price_share: float = Field(default=0.01, gt=0)
    horizon_windows: float = Field(default=10.0, gt=0)
    patience: float = Field(default=2.0, gt=0)
    """Prices of debt that buy a run."""
    reference_rows: int = Field(default=1000, ge=1)
    """Rows after a training in which the champion shows what it can do."""
    chunk_rows: int = Field(default=250, ge=1)
    """Rows over which a reference loss is averaged."""


class Evidence(_Part):
    """Mean losses over the same `rows` consecutive labelled rows.

    `loss` is the champion's; `alternatives` those of archived versions that are scored beside it;
    `attainable` what a cheap model of the newest rows loses there. Both may be absent.
    """

    rows: int = Field(ge=1)
    loss: float
    version: str
    alternatives: dict[str, float] = Field(default_factory=dict)
    attainable: float | None = None


class PayoffState(_Part):
    """What the rule remembers of one model: bounded, and JSON both ways."""

    version: str | None = None
    served_rows: int = 0
    trained_rows: int = 0
    reference: float | None = None
    chunk_loss: float = 0.0
    chunk_rows: int = 0
    debt: float = 0.0


class Verdict(_Part):
    """What would pay now. `rows` is the window to train on, the `fresh_rows` newest of which belong
    to the present concept; `version` is the archived version to reuse."""

    action: Action
    reason: str
    rows: int | None = None
    fresh_rows: int | None = None
    version: str | None = None
    evidence: dict[str, float | str | None] = Field(default_factory=dict)


def price_of(state: PayoffState, rule: PayoffRule) -> float | None:
    """The price of a run in units of loss; None while it cannot be told yet."""
    if rule.price != "auto":
        return rule.price
    if state.reference is None:
        return None
    return rule.price_share * rule.horizon_windows * max(state.trained_rows, rule.reference_rows) * state.reference


def observe(state: PayoffState, rule: PayoffRule, evidence: Evidence) -> PayoffState:
    """The books after one more run of labelled rows. Evidence on another version than the one that
    serves is left out."""
    if state.version is not None and evidence.version != state.version:
        return state
    served = state.served_rows + evidence.rows
    reference, chunk_loss, chunk_rows = state.reference, state.chunk_loss, state.chunk_rows
    if state.served_rows < rule.reference_rows:
        chunk_loss += evidence.loss * evidence.rows
        chunk_rows += evidence.rows
        if chunk_rows >= rule.chunk_rows:
            mean = chunk_loss / chunk_rows
            reference = mean if reference is None else min(reference, mean)
            chunk_loss, chunk_rows = 0.0, 0
    debt = state.debt if reference is None else max(0.0, state.debt + (evidence.loss - reference) * evidence.rows)
    return state.model_copy(
        update={
            "version": evidence.version,
            "served_rows": served,
            "reference": reference,
            "chunk_loss": chunk_loss,
            "chunk_rows": chunk_rows,
            "debt": debt,
        }
    )


def verdict(state: PayoffState, rule: PayoffRule, *, maximum_rows: int) -> Verdict:
    """What would pay now, given that at most `maximum_rows` rows may be trained on.

    >>> rule = PayoffRule(price=10.0, reference_rows=100, chunk_rows=50)
    >>> state = PayoffState()
    >>> for loss in [0.1] * 10 + [0.6] * 3:
    ...     state = observe(state, rule, Evidence(rows=25, loss=loss, version="1.0.0"))
    >>> verdict(state, rule, maximum_rows=2000).action
    'retrain'
    """
    price = price_of(state, rule)
    evidence: dict[str, float | str | None] = {
        "debt": state.debt,
        "price": price,
        "reference_loss": state.reference,
        "served_rows": float(state.served_rows),
    }
    if price is None or state.reference is None:
        return Verdict(action="wait", reason="the champion has not yet shown what it can do", evidence=evidence)
    if state.debt <= rule.patience * price:
        reason = f"the debt of {state.debt:.3g} is below {rule.patience:g} prices of {price:.3g}"
        return Verdict(action="wait", reason=reason, evidence=evidence)
    reason = f"the debt of {state.debt:.3g} has passed {rule.patience:g} prices of {price:.3g}"
    return Verdict(action="retrain", reason=reason, rows=maximum_rows, evidence=evidence)


def began_serving(state: PayoffState, version: str, *, trained_rows: int) -> PayoffState:
    """The books of a champion that begins to serve: promoted, reused, or the predecessor come back."""
    fresh = PayoffState(version=version, trained_rows=trained_rows)
    return state.model_copy(update=fresh.model_dump())


def ended_training(state: PayoffState, *, promoted: bool) -> PayoffState:
    """The books after a run. One that gave no better model has been paid all the same: its debt is
    settled, and the loss as it is now becomes the reference."""
    return state if promoted else state.model_copy(update={"debt": 0.0})
