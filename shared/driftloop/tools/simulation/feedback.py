"""An assistant that answers in three channels, and the people who rate and correct its answers.

The model says which of three answers a person wants. Each batch of ten answers comes back with corrections
(weight 1) and ratings (a label that the rating implies, weight 0.5), and the network learns from it at once.
At `CHANGE` the wishes of one half of the people change; those of the other half stay what they were, so that a
model that forgets is found out.
"""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Column
from driftloop.spec.challenge import ChallengeRule
from driftloop.spec.model_spec import (
    Detection,
    Feature,
    LearnerChoice,
    ModelSpec,
    TargetField,
    TrainingRule,
)
from driftloop.statistics.scores import improvement, stability
from driftloop.statistics.thompson import Bandit, Belief, choose, learn, switch_variant
from driftloop.tools.replay.recording import Predict, Recording
from driftloop.tools.replay.result import ReplayResult
from driftloop.tools.replay.stream import EventTime
from driftloop.tools.simulation.scenario import Change, Claim

CHANNELS = ("web", "mobile", "mail")
ANSWERS = ("advice", "offer", "silence")
TRAIN_ROWS, BATCH_ROWS, CHANGE, ROWS = 400, 10, 550, 1000
NOISE_SHARE, RATED_SHARE, RATING_WEIGHT, PROBE_ROWS, LAST_ROWS = 0.05, 0.4, 0.5, 400, 150
VARIANTS = Bandit(("champion", "first", "always"), floor=0.05)


class People:
    """Requests and wishes; wholly determined by the seed."""

    def __init__(self, seed: int = 42) -> None:
        random = np.random.default_rng(seed)
        self.features = _requests(random, ROWS)
        after = np.arange(ROWS) >= CHANGE
        wanted = wishes(self.features, changed=after)
        noisy = random.random(ROWS) < NOISE_SHARE
        wanted[noisy] = random.choice(np.array(ANSWERS, dtype=object), int(noisy.sum()))
        self.labels: dict[str, Column] = {"answer": wanted}
        rated = random.random(ROWS) < RATED_SHARE
        self.also: dict[str, Column] = {
            "segment.channel": self.features["channel"],
            "label_source": np.full(ROWS, "user", dtype=object),
            "weight": np.where(rated, RATING_WEIGHT, 1.0),
        }
        self.probe = _requests(np.random.default_rng(seed + 1), PROBE_ROWS)
        self.first: Predict | None = None
        self.newest: Predict | None = None
        self.versions = 0
        self.random = np.random.default_rng(seed + 2)
        self.beliefs: Mapping[tuple[str, str], Belief] = {}

    def act(self, rows: slice, predict: Predict) -> None:
        """Route each request of the batch to a variant, then learn from the outcomes of the batch."""
        self.first = self.first or predict
        self.newest = predict
        features = {name: column[rows] for name, column in self.features.items()}
        said = {
            "champion": predict(features).fields["answer"],
            "first": self.first(features).fields["answer"],
            "always": np.full(rows.stop - rows.start, ANSWERS[0], dtype=object),
        }
        channels = features["channel"].tolist()
        routed = [choose(VARIANTS, self.beliefs, channel, self.random) for channel in channels]
        for place, (channel, variant) in enumerate(zip(channels, routed, strict=True)):
            right = said[variant][place] == self.labels["answer"][rows][place]
            self.beliefs = learn(VARIANTS, self.beliefs, channel, variant, right=float(right))

    def accuracy(self, predict: Predict | None, *, changed: bool) -> float:
        """Right answers on requests that nobody ever learnt from: of the changed half, or of the other."""
        assert predict is not None
        half = _changes(self.probe) == changed
        probe = {name: column[half] for name, column in self.probe.items()}
        wanted = wishes(probe, changed=np.ones(int(half.sum()), dtype=np.bool_))
        return float(np.mean(predict(probe).fields["answer"] == wanted))


def _requests(random: np.random.Generator, count: int) -> dict[str, Column]:
    return {
        "age": random.uniform(18, 80, count).round(1),
        "urgency": random.random(count).round(3),
        "visits": random.poisson(4, count).astype(np.float64),
        "channel": random.choice(np.array(CHANNELS, dtype=object), count),
    }


def _changes(features: Mapping[str, Column]) -> NDArray[np.bool_]:
    """Whose wishes change: those who are older than 50."""
    return np.asarray(features["age"] > 50)


def wishes(features: Mapping[str, Column], *, changed: NDArray[np.bool_]) -> Column:
    """What each person wants; after the change, the older half wants an offer where it wanted advice, and so on."""
    place = np.where(features["urgency"] > 0.6, 0, np.where(features["visits"] > 4, 1, 2))
    moved = _changes(features) & changed
    return np.array([ANSWERS[at] for at in np.where(moved, (place + 1) % 3, place)], dtype=object)


def feedback_spec() -> ModelSpec:
    """Learns from each batch of ten, and serves what it learnt at once: the source knows no proof."""
    return ModelSpec(
        model_id="assistant",
        task="multiclass",
        features={
            "age": Feature(),
            "urgency": Feature(),
            "visits": Feature(),
            "channel": Feature(kind="category"),
        },
        target={"answer": TargetField()},
        segments=("channel",),
        clock="event",
        detection=Detection(preset="adaptive-feedback", window_rows=200, minimum_rows=100),
        learner=LearnerChoice(name="online-net", parameters={"learning_rate": 0.01}),
        training=TrainingRule(minimum_rows=10),
        policy="adaptive-feedback",
        challenge=ChallengeRule(mode="none", probation_rows=0),
    )


class FeedbackScenario:
    """S3: a network that learns from every ten answers that people rate or correct."""

    name = "feedback"
    title = "People change their mind, and the assistant learns from what they say"
    changes = (Change(CHANGE, ROWS, "one half wants something else"),)

    def __init__(self) -> None:
        self.world = People()

    def recording(self) -> Recording:
        """The requests, ten at a time."""
        world = self.world
        return Recording(
            spec=feedback_spec(),
            features=world.features,
            labels=world.labels,
            train_rows=TRAIN_ROWS,
            block_rows=BATCH_ROWS,
            time=EventTime(interval=timedelta(seconds=30)),
            also=world.also,
            act=world.act,
        )

    def claims(self, result: ReplayResult) -> dict[str, Claim]:
        """What the source's paper asks for."""
        world, losses = self.world, result.losses.served
        batches = losses.reshape(-1, BATCH_ROWS).mean(axis=1).tolist()
        first = (CHANGE - TRAIN_ROWS) // BATCH_ROWS
        leaders = switch_variant(VARIANTS, world.beliefs, CHANNELS)
        updates = sum(run.status == "succeeded" for run in result.played.journal.retrain_results)
        return {
            "updates_a_batch_of_ten": Claim.at_least(0.9, updates / len(batches)),
            "accuracy_before": Claim.at_least(0.8, 1 - float(np.mean(batches[:first]))),
            "accuracy_at_the_end": Claim.at_least(0.75, 1 - float(losses[-LAST_ROWS:].mean())),
            "first_model_at_the_end": Claim.at_most(0.65, 1 - float(result.losses.never_retrained[-LAST_ROWS:].mean())),
            "new_concept_after_updates": Claim.at_least(0.75, world.accuracy(world.newest, changed=True)),
            "old_concept_before_updates": Claim.at_least(0.85, world.accuracy(world.first, changed=False)),
            "old_concept_after_updates": Claim.at_least(
                world.accuracy(world.first, changed=False) - 0.05, world.accuracy(world.newest, changed=False)
            ),
            "improvement_since_the_change": Claim.at_least(0.05, improvement(batches[first : first + 20]) or 0.0),
            "stability": Claim.at_least(0.9, stability(batches) or 0.0),
            "champion_leads_in_channels": Claim.at_least(3, sum(name == "champion" for name in leaders.values())),
        }

    def story(self, result: ReplayResult) -> list[str]:
        """What happened."""
        claims = self.claims(result)
        return [
            (
                "An assistant chooses one of three answers in three channels. People correct it or rate it, and "
                f"after every ten answers its network learns: {len(result.played.journal.retrain_results)} times here."
            ),
            (
                f"From row {CHANGE:,} on the older half of the people wants something else. At the end the assistant "
                f"is right in {float(claims['accuracy_at_the_end'].seen):.0%}; the first model would be in "
                f"{float(claims['first_model_at_the_end'].seen):.0%}."
            ),
            (
                "It has not forgotten the others: on them it is right in "
                f"{float(claims['old_concept_after_updates'].seen):.0%} after the updates, and was in "
                f"{float(claims['old_concept_before_updates'].seen):.0%} before."
            ),
        ]
