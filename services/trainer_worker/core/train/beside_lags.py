"""A forecaster beside what costs nothing: the value a day ago, or whatever lag a spec declares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from driftloop.learners.protocol import Predictions, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.forecasts import errors_beside_lag


@dataclass(frozen=True, slots=True)
class BesideLags:
    """Of each lag the mean absolute errors on held-out rows, of the version's medians and of the lag itself."""

    errors: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, spec: ModelSpec, said: Predictions, held_out: Rows) -> Self:
        """Empty where a spec declares no lag, or where none is known beside a truth."""
        rule = spec.forecast
        if rule is None:
            return cls({})
        name = next(iter(spec.target))
        lags = {lag: held_out.features[lag] for lag in rule.lags if lag in held_out.features}
        truth = held_out.labels[name]
        found = {lag: errors_beside_lag(rule, said.fields[name], column, truth) for lag, column in lags.items()}
        return cls({lag: errors for lag, errors in found.items() if errors is not None})

    def metrics(self) -> dict[str, float]:
        """`lag_mae.<lag>`, and `skill.<lag>`: 1 is perfect, 0 as good as the lag, below 0 worse."""
        told = {f"lag_mae.{lag}": theirs for lag, (_, theirs) in self.errors.items()}
        return told | {f"skill.{lag}": 1 - ours / theirs for lag, (ours, theirs) in self.errors.items() if theirs > 0}

    def remark(self) -> str | None:
        """What a person is told where a lag alone forecasts better; None where none does."""
        worse = {lag: errors for lag, errors in self.errors.items() if errors[1] < errors[0]}
        if not worse:
            return None
        best = min(worse, key=lambda lag: worse[lag][1])
        ours, theirs = worse[best]
        return (
            f"{best} alone forecasts better than the new version: its mean absolute error on the held-out rows is "
            f"{theirs:.4g}, the version's {ours:.4g}"
        )
