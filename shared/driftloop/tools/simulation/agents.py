"""Software agents that sell: a model says what each would sell on a task, and the best is picked.

A run ends with a nested outcome (`{"sales": 9500}`), a status, a duration, tokens and a cost. The model is
right where it misses the sales by no more than the tolerance. What changes: at `SLUMP` the agent that is best
at renewals sells far less of them; at `SLOW` another becomes slow, and at `FAILING` it fails too.

Only the picked agent's outcome is ever seen; one task in ten goes to an agent at random, or a model that
believes something false of an agent would never find out.
"""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Column
from driftloop.spec.model_spec import Detection, Feature, LearnerChoice, ModelSpec, TargetField, TrainingRule
from driftloop.spec.policy import preset
from driftloop.tools.replay.recording import Predict, Recording
from driftloop.tools.replay.result import ReplayResult
from driftloop.tools.replay.stream import EventTime
from driftloop.tools.simulation.scenario import Change, Claim

Floats = NDArray[np.float64]

AGENTS = ("ada", "bert", "cleo")
KINDS = ("renewal", "quote", "complaint")
KIND_SHARES = (0.31, 0.35, 0.34)
SKILL = np.array([[2600, 0, 900], [300, 2500, 0], [1100, 900, 2400]], dtype=np.float64)
"""What each agent sells of each kind beyond the usual."""
USUAL, SIZE_EFFECT, NOISE, TOLERANCE = 8000.0, 1500.0, 150.0, 500.0
LOST_SHARE, LOST_SALES, EXPLORED_SHARE = 0.03, 1200.0, 0.10
TRAIN_ROWS, BLOCK_ROWS, SLUMP, SLOW, FAILING, ROWS = 1000, 50, 1600, 3050, 3500, 4600
SLUMP_SALES, LAST_ROWS = 3200.0, 400
INTERVAL = timedelta(minutes=2)


class Agents:
    """Tasks, and who does them; wholly determined by the seed and by what the model says."""

    def __init__(self, seed: int = 42) -> None:
        random = np.random.default_rng(seed)
        self.kind = random.choice(len(KINDS), ROWS, p=KIND_SHARES)
        self.size = random.random(ROWS).round(3)
        self.agent = random.integers(len(AGENTS), size=ROWS)
        self.noise = random.normal(0.0, NOISE, ROWS)
        self.lost = random.random(ROWS) < LOST_SHARE
        self.explored = random.random(ROWS) < EXPLORED_SHARE
        self.luck = random.random((ROWS, 3))
        self.first_picks = self.agent.copy()
        self.first: Predict | None = None
        self.features: dict[str, Column] = {
            "pairing": np.empty(ROWS, dtype=object),
            "size": self.size,
        }
        self.labels: dict[str, Column] = {"sales": np.zeros(ROWS)}
        self.also: dict[str, Column] = {name: np.zeros(ROWS) for name in ("latency_ms", "cost", "tokens")}
        self.also["status"] = np.empty(ROWS, dtype=object)
        self._run(slice(0, ROWS))

    def expected(self, rows: slice, agent: NDArray[np.int64]) -> Floats:
        """What an agent sells of each task on average, lost ones aside."""
        row, kind = np.arange(ROWS)[rows], self.kind[rows]
        slump = SLUMP_SALES * ((row >= SLUMP) & (kind == 0) & (agent == 0))
        return np.asarray(USUAL + SKILL[agent, kind] + SIZE_EFFECT * self.size[rows] - slump, dtype=np.float64)

    def act(self, rows: slice, predict: Predict) -> None:
        """Pick the agent that the champion expects most of, but for the tasks that are for trying."""
        self.first = self.first or predict
        self.first_picks[rows] = self._picks(rows, self.first)
        self.agent[rows] = np.where(self.explored[rows], self.agent[rows], self._picks(rows, predict))
        self._run(rows)

    def _picks(self, rows: slice, predict: Predict) -> NDArray[np.int64]:
        size, kind = self.size[rows], self.kind[rows]
        candidates = [np.full(len(size), agent) for agent in range(len(AGENTS))]
        said = [predict({"pairing": _pairings(one, kind), "size": size}).fields["sales"] for one in candidates]
        return np.asarray(np.argmax(said, axis=0), dtype=np.int64)

    def _run(self, rows: slice) -> None:
        row, agent, luck = np.arange(ROWS)[rows], self.agent[rows], self.luck[rows]
        slow, failing = (row >= SLOW) & (agent == 1), (row >= FAILING) & (agent == 1)
        sales = self.expected(rows, agent) + self.noise[rows]
        self.features["pairing"][rows] = _pairings(agent, self.kind[rows])
        self.labels["sales"][rows] = np.where(self.lost[rows], sales - LOST_SALES, sales).round(2)
        self.also["latency_ms"][rows] = (1500 + 1500 * luck[:, 0] + 6000 * slow).round(1)
        self.also["tokens"][rows] = (800 + 1200 * luck[:, 1]).round()
        self.also["cost"][rows] = (self.also["tokens"][rows] * 2e-5).round(6)
        failed = luck[:, 2] < np.where(failing, 0.9, 0.03)
        self.also["status"][rows] = np.where(failed, "failed", "success").astype(object)


def _pairings(agent: NDArray[np.int64], kind: NDArray[np.int64]) -> Column:
    """Who does what, as one category: what an agent sells of one kind says nothing of another."""
    return np.array([f"{AGENTS[a]}/{KINDS[k]}" for a, k in zip(agent, kind, strict=True)], dtype=object)


def agents_spec() -> ModelSpec:
    """Right within 500; the numbers of the source are those of the presets.

    The ceiling on errors is left out: the source means failed runs, which the floor on success knows, and here
    an error is a wrong prediction, so that it would always ask before the floor on accuracy.
    """
    rules = [r.model_dump() for r in preset("agent-outcomes").triggers.metrics if r.name != "error_rate_ceiling"]
    return ModelSpec(
        model_id="agent-selection",
        task="regression",
        features={"pairing": Feature(kind="category"), "size": Feature()},
        target={"sales": TargetField(kind="number", tolerance=TOLERANCE)},
        clock="event",
        detection=Detection(preset="agent-outcomes", window_rows=500, minimum_rows=200),
        learner=LearnerChoice(name="linear"),
        training=TrainingRule(minimum_rows=50),
        policy={"preset": "agent-outcomes", "triggers": {"metrics": rules}},
    )


class AgentsScenario:
    """S1: 90 % and then 65 %; below 70 % the selection model learns again, incrementally first."""

    name = "agents"
    title = "Agents change, and the model that picks them keeps up"
    changes = (Change(SLUMP, ROWS, "renewals slump"), Change(SLOW, ROWS, "an agent is slow, then fails"))

    def __init__(self) -> None:
        self.world = Agents()

    def recording(self) -> Recording:
        """The runs of the agents."""
        world = self.world
        return Recording(
            spec=agents_spec(),
            features=world.features,
            labels=world.labels,
            train_rows=TRAIN_ROWS,
            block_rows=BLOCK_ROWS,
            time=EventTime(interval=INTERVAL),
            also=world.also,
            act=world.act,
        )

    def claims(self, result: ReplayResult) -> dict[str, Claim]:
        """What the source's paper says that it does."""
        right, journal = 1.0 - result.losses.served, result.played.journal
        asked = [d for d in journal.decisions if d.action == "retrain" and (d.row or 0) >= TRAIN_ROWS + BLOCK_ROWS]
        triggers = [d.trigger or "" for d in asked]
        floor = next((d.row or 0 for d in asked if d.trigger == "accuracy_floor"), 0)
        modes = [request.mode for request in journal.requests.values()][1:]
        costs = [r.cost.seconds for r in journal.retrain_results if r.cost is not None and r.status == "succeeded"]
        promoted = len(journal.events_of("promoted"))
        stop = max(floor - TRAIN_ROWS, SLUMP - TRAIN_ROWS + 1)
        return {
            "accuracy_before": Claim.between(0.87, 0.95, float(right[: SLUMP - TRAIN_ROWS].mean())),
            "accuracy_after_the_slump": Claim.between(0.6, 0.72, float(right[SLUMP - TRAIN_ROWS : stop].mean())),
            "accuracy_at_the_end": Claim.at_least(0.85, float(right[-LAST_ROWS:].mean())),
            "first_run_is_incremental": Claim(
                "incremental", modes[0] if modes else "none", modes[:1] == ["incremental"]
            ),
            "full_runs": Claim.at_least(1, modes.count("full")),
            "asked_below_accuracy_floor": Claim.at_least(1, triggers.count("accuracy_floor")),
            "asked_below_success_floor": Claim.at_least(1, triggers.count("success_rate_floor")),
            "asked_above_latency_ceiling": Claim.at_least(1, triggers.count("latency_ceiling")),
            "promotions": Claim.at_least(1, promoted),
            "sales_a_task_over_first_model": Claim.at_least(100.0, self._gain()),
            "incremental_run_p50_ms": Claim.at_most(200.0, 1000 * float(np.median(costs)) if costs else float("inf")),
        }

    def _gain(self) -> float:
        rows, world = slice(ROWS - LAST_ROWS, ROWS), self.world
        tried = world.explored[rows]
        gain = world.expected(rows, world.agent[rows]) - world.expected(rows, world.first_picks[rows])
        return float(gain[~tried].mean())

    def story(self, result: ReplayResult) -> list[str]:
        """What happened."""
        claims, runs = self.claims(result), len(result.played.journal.retrain_results)
        return [
            (
                "A model says what each of three agents would sell on a task, and the task goes to the best of them. "
                f"It is right within {TOLERANCE:.0f} in {float(claims['accuracy_before'].seen):.0%} of the runs."
            ),
            (
                f"From row {SLUMP:,} on one agent sells far less of what it was best at: "
                f"{float(claims['accuracy_after_the_slump'].seen):.0%}. From row {SLOW:,} on another is slow, and then "
                "fails."
            ),
            (
                f"driftloop ran {runs} trainings, incremental ones first, and in the last {LAST_ROWS} rows the model "
                f"is right in {float(claims['accuracy_at_the_end'].seen):.0%}. The agents that it picks sell "
                f"{float(claims['sales_a_task_over_first_model'].seen):,.0f} more a task than those of the first model."
            ),
        ]
