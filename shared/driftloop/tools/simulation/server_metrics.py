"""S2: a forecaster of server load, retrained by four scores and a combined one, under safeguards."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.entry_points import make_learner
from driftloop.learners.protocol import Model, Rows
from driftloop.spec.forecast import ForecastRule
from driftloop.statistics.forecasts import coverage, series_losses
from driftloop.tools.replay.recording import Recording
from driftloop.tools.replay.result import ReplayResult
from driftloop.tools.replay.stream import EventTime
from driftloop.tools.simulation.baselines import baseline_losses
from driftloop.tools.simulation.scenario import Change, Claim
from driftloop.tools.simulation.server_rows import (
    HORIZON,
    STEPS_A_ROW,
    ForecastRows,
    forecast_rows,
    servers_spec,
)
from driftloop.tools.simulation.server_world import DAY_STEPS, HISTORY_STEPS, STARTED_AT, STEP_SECONDS, servers_of

Floats = NDArray[np.float64]

TRAIN_ROWS, BLOCK_ROWS, RELEASE, ROWS = 480, 30, 960, 2400
LABEL_DELAY_ROWS = HORIZON // STEPS_A_ROW
ROW_SECONDS = STEPS_A_ROW * STEP_SECONDS
DAY_ROWS = DAY_STEPS // STEPS_A_ROW
LAST_ROWS = 360
BUSY_HOURS = (9, 17)


class ServerMetricsScenario:
    """Twenty servers, 96 steps of 30 s with three quantiles, one loss a forecast."""

    name = "server-metrics"
    title = "A release changes what jobs cost, and the forecaster learns it"
    changes = (Change(RELEASE, ROWS, "jobs are heavy"),)

    def __init__(self) -> None:
        days = 2 + ROWS / DAY_ROWS + 0.1
        world = servers_of(days, HISTORY_STEPS + STEPS_A_ROW * RELEASE)
        self.rows: ForecastRows = forecast_rows(world, ROWS)
        self.spec = servers_spec()
        self._beside: dict[str, Claim] = {}

    def recording(self) -> Recording:
        """The forecasts, one every four minutes; truths come a horizon later."""
        return Recording(
            spec=self.spec,
            features=self.rows.features,
            labels=self.rows.labels,
            train_rows=TRAIN_ROWS,
            block_rows=BLOCK_ROWS,
            time=EventTime(
                STARTED_AT + timedelta(seconds=HISTORY_STEPS * STEP_SECONDS), timedelta(seconds=ROW_SECONDS)
            ),
            readings=_host(),
            label_delay_rows=LABEL_DELAY_ROWS,
        )

    @property
    def rule(self) -> ForecastRule:
        """What is forecast."""
        assert self.spec.forecast is not None
        return self.spec.forecast

    def claims(self, result: ReplayResult) -> dict[str, Claim]:
        """What the source asks for, and what its updates cost beside training anew.

        How much better than the first version it gets, and how often it retrains before the release, is told in the
        story and not claimed: see docs/five-systems.md.
        """
        journal = result.played.journal
        last = slice(-LAST_ROWS, None)
        served = float(result.losses.served[last].mean())
        naive = min(baseline_losses(self.rule, self.rows, ROWS, LAST_ROWS).values())
        inside = coverage(self.rule, result.played.served["cpu"][last], self.rows.labels["cpu"][last]) or 0.0
        asked = [d for d in journal.decisions if d.action == "retrain" and (d.row or 0) > TRAIN_ROWS]
        early = _before_release(result)
        modes = [request.mode for request in journal.requests.values()][1:]
        starts = sorted(request.occurred_at.timestamp() for request in journal.requests.values())
        gaps = [(one - other) / 3600 for one, other in zip(starts[2:], starts[1:-1], strict=True)]
        self._beside = self._beside or self._update_beside_full()
        return {
            "pinball_over_best_baseline": Claim.at_most(0.9, served / naive),
            "coverage_of_the_interval": Claim.between(0.75, 0.85, inside),
            "runs_after_the_release": Claim.between(1, 3, len(asked) - early),
            "runs_are_updates": Claim("incremental", " ".join(sorted({*modes})) or "none", {*modes} == {"incremental"}),
            "hours_between_runs": Claim.at_least(6.0, min(gaps, default=168.0)),
            "runs_in_busy_hours": Claim.at_most(0, sum(_is_busy(d.row or 0) for d in asked)),
            "promotions": Claim.at_least(1, len(journal.events_of("promoted"))),
            **self._beside,
        }

    def _update_beside_full(self) -> dict[str, Claim]:
        """Five epochs more on the newest rows beside a training from nothing, both judged on the rows that follow."""
        rows = self._learnable()
        cut = ROWS - LAST_ROWS
        learnt, watched = slice(cut - TRAIN_ROWS, cut - 96), slice(cut - 84, cut - LABEL_DELAY_ROWS)
        learner = make_learner(self.spec)
        steps = {"full": 0, "update": 0}

        def fitted(kind: str, base: Model | None) -> Model:
            def told(_step: object) -> None:
                steps[kind] += 1

            return learner.fit(rows.take(learnt), rows.take(watched), warm_start=base, seed=7, progress=told)

        early, later = slice(0, TRAIN_ROWS - 84), slice(TRAIN_ROWS - 72, TRAIN_ROWS)
        first = learner.fit(rows.take(early), rows.take(later), warm_start=None, seed=7, progress=lambda _step: None)
        loss = {kind: self._loss(model) for kind, model in (
            ("first", first), ("full", fitted("full", None)), ("update", fitted("update", first))
        )}  # fmt: skip
        gain = (loss["first"] - loss["update"]) / (loss["first"] - loss["full"])
        return {
            "update_passes_over_full": Claim.at_most(0.25, steps["update"] / steps["full"]),
            "update_gain_over_full": Claim.at_least(0.95, gain),
        }

    def _loss(self, model: Model) -> float:
        rows = self._learnable().take(slice(ROWS - LAST_ROWS, ROWS))
        said = model.predict(Rows(rows.features, at=rows.at)).fields["cpu"]
        return float(series_losses(self.rule.quantiles, said, rows.labels["cpu"]).mean())

    def _learnable(self) -> Rows:
        at = self.recording().time.microseconds(np.arange(ROWS, dtype=np.int64)) // 1000
        return Rows(self.rows.features, self.rows.labels, at=at)

    def story(self, result: ReplayResult) -> list[str]:
        """What happened."""
        claims = self.claims(result)
        return [
            (
                f"A network forecasts the load of twenty servers, {HORIZON} steps of {STEP_SECONDS} s ahead, with an "
                "interval that eight truths in ten should lie in. Each forecast is one row with one loss."
            ),
            (
                f"From row {RELEASE:,} on a release makes planned jobs heavy. Nobody tells the software, and what was "
                "a day ago does not say it: jobs are planned at other times every day."
            ),
            (
                f"Runs that updated the network: {_before_release(result)} before the release, "
                f"{claims['runs_after_the_release'].seen:g} after it, in quiet hours, six hours apart at least. In the "
                f"last {LAST_ROWS} rows its loss is {_over_frozen(result):.2f} of the first version's, and "
                f"{float(claims['coverage_of_the_interval'].seen):.0%} of the truths lie in the interval."
            ),
        ]


def _host() -> dict[str, NDArray[np.float64]]:
    """The host that trains is busy in the day, quiet at night."""
    busy = np.array([_is_busy(row) for row in range(ROWS)])
    return {
        "cpu_percent": np.where(busy, 85.0, 25.0),
        "memory_percent": np.where(busy, 75.0, 45.0),
        "free_disk_gb": np.full(ROWS, 60.0),
    }


def _is_busy(row: int) -> bool:
    """Whether the host is busy at the time of a row."""
    return BUSY_HOURS[0] <= (row * ROW_SECONDS / 3600) % 24 < BUSY_HOURS[1]


def _before_release(result: ReplayResult) -> int:
    """Runs after the first version's and before the release."""
    rows = [d.row or 0 for d in result.played.journal.decisions if d.action == "retrain"]
    return sum(TRAIN_ROWS < row <= RELEASE for row in rows)


def _over_frozen(result: ReplayResult) -> float:
    """The loss of the last rows, as a share of what it is without retraining."""
    losses, last = result.losses, slice(-LAST_ROWS, None)
    return float(losses.served[last].mean() / losses.never_retrained[last].mean())
