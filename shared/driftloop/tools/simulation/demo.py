"""The demo: the plant's history as a recording, and what is said about it in the end."""

from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec

import numpy as np

from driftloop.tools.replay.recording import Recording
from driftloop.tools.replay.result import ReplayResult, in_order
from driftloop.tools.replay.stream import EventTime
from driftloop.tools.simulation.plant import NOISE_D50_UM, NOISE_LOD_PERCENT, Plant, plant_spec
from driftloop.tools.simulation.scenario import Change, Claim

TRAIN_ROWS = 1500
FOULING_STARTS, FOULING_FULL, LOT_CHANGE, ROWS = 2500, 3700, 5000, 6500
LAST_ROWS = 500


@dataclass(frozen=True, slots=True)
class DemoFigures:
    """Mean errors in units of an ordinary day's (1 = as good as the healthy plant allows, about)."""

    before_drift: float
    frozen_model: float
    after: float


def demo_plant() -> Plant:
    """The plant of the demo: healthy, then fouled slowly, then fed with another raw material."""
    return Plant(ROWS, fouling_starts=FOULING_STARTS, fouling_full=FOULING_FULL, lot_change=LOT_CHANGE)


def demo_learner() -> str:
    """The network where torch is installed (`make setup`); else what the small installation brings."""
    return "torch-mlp" if find_spec("torch") else "gradient-boosting"


def demo_recording(plant: Plant, block_rows: int = 100) -> Recording:
    """The plant's history; the first version learns from its healthy first day."""
    rows = plant.take(0, plant.rows)
    return Recording(
        spec=plant_spec(learner=demo_learner()),
        features=rows.features,
        labels=rows.labels,
        train_rows=TRAIN_ROWS,
        block_rows=block_rows,
        time=EventTime(plant.started_at, timedelta(minutes=1)),
    )


def demo_figures(result: ReplayResult) -> DemoFigures:
    """Errors of the served models before the drift, and of both at the very end."""
    first = result.recording.train_rows
    served, frozen = result.losses.served, result.losses.never_retrained
    return DemoFigures(
        before_drift=float(np.mean(served[: FOULING_STARTS - first])),
        frozen_model=float(np.mean(frozen[-LAST_ROWS:])),
        after=float(np.mean(served[-LAST_ROWS:])),
    )


def demo_story(result: ReplayResult) -> list[str]:
    """What happened, for somebody who never heard of drift."""
    journal, errors = result.played.journal, demo_figures(result)
    harmful = [s for s in in_order(journal.signals) if s.harmful]
    promoted = len(journal.events_of("promoted"))
    d50 = {name: _mean_error(result, name) for name in ("served", "frozen")}
    return [
        (
            "A model predicts the size and the moisture of granules from the settings of a plant. At first it is as "
            f"good as the noise of the laboratory allows: its mean error is {errors.before_drift:.2f}, where 1 is one "
            f"noise of the measurement ({NOISE_D50_UM:.0f} µm and {NOISE_LOD_PERCENT:.2f} % moisture)."
        ),
        (
            f"From row {FOULING_STARTS:,} on the nozzles foul, too slowly to be noticed in an hour; at row "
            f"{LOT_CHANGE:,} a new lot of raw material arrives. Nobody tells the software."
        ),
        (
            f"driftloop raised {_count(len(harmful), 'alarm')} that the error had really risen, retrained "
            f"{_count(len(journal.retrain_results), 'time')}, and let {_count(promoted, 'new version')} serve, "
            "each only after it had beaten its predecessor on the same labelled rows."
        ),
        (
            f"In the last {LAST_ROWS} rows the error is {errors.after:.2f}. The first model, left alone, would be at "
            f"{errors.frozen_model:.2f}: it would miss the particle size by {d50['frozen']:.0f} µm on average instead "
            f"of {d50['served']:.0f} µm."
        ),
    ]


def _mean_error(result: ReplayResult, which: str) -> float:
    said = result.played.served if which == "served" else result.played.frozen
    truth = result.recording.labels["d50"][-LAST_ROWS:]
    return float(np.mean(np.abs(said["d50"][-LAST_ROWS:] - truth)))


def _count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> _count(1, "alarm"), _count(2, "alarm")
    ('1 alarm', '2 alarms')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


class PlantScenario:
    """The plant as a scenario."""

    name = "plant"
    title = "A plant drifts, and its model keeps up"
    changes = (Change(FOULING_STARTS, FOULING_FULL, "fouling"), Change(LOT_CHANGE, ROWS, "new raw material"))

    def recording(self) -> Recording:
        """Its history."""
        return demo_recording(demo_plant())

    def claims(self, result: ReplayResult) -> dict[str, Claim]:
        """The loop sees the drift, answers it, and ends far below the model that was left alone."""
        errors, journal = demo_figures(result), result.played.journal
        return {
            "error_before_drift": Claim.at_most(1.2, errors.before_drift),
            "error_at_the_end": Claim.at_most(1.5, errors.after),
            "error_at_the_end_over_first_model": Claim.at_most(0.7, errors.after / errors.frozen_model),
            "harmful_signals": Claim.at_least(1, sum(signal.harmful for signal in journal.signals)),
            "promotions": Claim.at_least(1, len(journal.events_of("promoted"))),
        }

    def story(self, result: ReplayResult) -> list[str]:
        """As `demo_story` tells it."""
        return demo_story(result)
