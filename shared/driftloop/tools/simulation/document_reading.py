"""The documents as a scenario: S4's numbers, a live canary, a roll-back, and LoRA beside full fine-tuning."""

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np

from driftloop.contracts.model_events import ModelEvent
from driftloop.learners.entry_points import make_learner
from driftloop.learners.lora_text import LoraTextParameters
from driftloop.learners.protocol import Model, Rows
from driftloop.learners.text.base import base_model
from driftloop.learners.text.model import TextModel
from driftloop.spec.challenge import ChallengeRule
from driftloop.spec.model_spec import (
    Detection,
    Feature,
    LearnerChoice,
    ModelSpec,
    TargetField,
    TrainingRule,
)
from driftloop.statistics.losses import row_losses
from driftloop.tools.replay.recording import Predict, Recording
from driftloop.tools.replay.result import ReplayResult
from driftloop.tools.replay.stream import EventTime, row_of
from driftloop.tools.simulation.documents import FIELDS, NEW_SHARE, Office, documents, macro_f1, turned
from driftloop.tools.simulation.scenario import Change, Claim

TRAIN_ROWS, CHANGE, PSEUDO_UNTIL, ROWS, BLOCK_ROWS = 1000, 1500, 2500, 13_900, 500
NEW_ROWS = 1000
COMPARED_ROWS, PROBE_ROWS = 450, 500
POISONED = 0.3
CPU_SHARE = 0.6
"""Of the CPU time of full fine-tuning, what LoRA may need."""
REGIME = {"epochs": 3, "incremental_epochs": 2, "tokens": 24, "minimum_steps": 0, "batch_rows": 32}
FULL = {**REGIME, "method": "full"}


def documents_spec() -> ModelSpec:
    """What the source's paper asks for stands in the preset; a run takes the newest 2,000 rows here.

    It is refitted on all of them: those that are held out and watched are the newest, which the drift is in.
    A run waits for as many new labels as the source asks for in all: the first window of new wording breaks the limit
    of PSI when hardly one new document is labelled. A version that has learnt none of them can only fail its canary,
    and the canary lasts 10,000 rows.
    """
    return ModelSpec(
        model_id="document-fields",
        task="multi-field",
        features={"body": Feature(kind="text")},
        target={name: TargetField() for name in FIELDS},
        clock="event",
        detection=Detection(preset="document-extraction", window_rows=500, minimum_rows=250),
        learner=LearnerChoice(name="lora-text", parameters=REGIME),
        training=TrainingRule(minimum_rows=1000, maximum_rows=2000),
        policy={"preset": "document-extraction", "safeguards": {"minimum_new_rows": NEW_ROWS}},
    )


class DocumentsScenario:
    """S4: fields of documents, LoRA on corrections and pseudo-labels, 90/10 canary, promotion and roll-back."""

    name = "documents"
    title = "New suppliers write, and the reader of their documents learns"
    changes = (Change(CHANGE, ROWS, "new suppliers"),)

    def __init__(self) -> None:
        base_model(LoraTextParameters().base)  # said now where it is not installed, and not by a run later
        self.world = Office(ROWS, CHANGE, PSEUDO_UNTIL)
        self.first: Predict | None = None
        self.second: Predict | None = None
        self.turned_at: int | None = None

    def recording(self) -> Recording:
        """The documents, and what people say of them."""
        world = self.world
        return Recording(
            spec=documents_spec(),
            features={"body": world.texts},
            labels=world.labels,
            train_rows=TRAIN_ROWS,
            block_rows=BLOCK_ROWS,
            time=EventTime(interval=timedelta(minutes=1)),
            also=world.also,
            act=self.act,
        )

    def act(self, rows: slice, predict: Predict) -> None:
        """Label what nobody reads; once a new version serves, inject a regression."""
        self.first = self.first or predict
        if predict != self.first and self.second is None:
            self.second, self.turned_at = predict, rows.start
            self.world.turn(rows.start)
        self.world.label(rows, predict)

    # -- what is held against the paper ------------------------------------------------------------

    def claims(self, result: ReplayResult) -> dict[str, Claim]:
        """What the source's paper says that it does."""
        journal, world = result.played.journal, self.world
        asked = [d.trigger or "" for d in journal.decisions if d.action == "retrain"]
        stop = self.turned_at or ROWS
        promoted, back = journal.events_of("promoted"), journal.events_of("rolled_back")
        return {
            **{f"f1_before_{name}": Claim.at_least(0.9, self._f1(result, name, TRAIN_ROWS, CHANGE)) for name in FIELDS},
            "f1_of_first_model_on_new_suppliers": Claim.at_most(0.85, self._of_model(self.first)),
            "f1_of_new_model_on_new_suppliers": Claim.at_least(0.9, self._of_model(self.second)),
            **drift_of_texts([row_of(s.raised.prediction_id) for s in journal.signals if s.kind == "feature"]),
            "asked_by_accuracy_drop": Claim.at_least(1, asked.count("concept_drift")),
            "pseudo_labels_at_least_0.9_sure": Claim.at_least(100, world.sure),
            "promotions": Claim.at_least(1, len(promoted)),
            "canary_rows_of_challenger": Claim.at_least(1000, _challenger_rows(promoted)),
            "rolled_back": Claim.at_least(1, len(back)),
            "rows_until_roll_back": Claim.at_most(2000, _rows_after(back, stop, result.recording.time)),
            "false_signals_of_harm_before": Claim.at_most(
                0, sum(s.harmful and row_of(s.raised.prediction_id) < CHANGE for s in journal.signals)
            ),
            **self.learning,
        }

    @cached_property
    def fits(self) -> tuple[TextModel, TextModel, float, float]:
        """LoRA and full fine-tuning on the same documents, and the CPU seconds of both.

        A first fit of a few other documents is not counted: torch loads parts of itself when a process first trains.
        That takes CPU seconds, up to as many as LoRA needs here, and whoever came first would pay for both.
        """
        _fitted(documents(REGIME["batch_rows"], 6, NEW_SHARE).rows(), {**REGIME, "epochs": 1})
        learnt = documents(COMPARED_ROWS, 7, NEW_SHARE).rows()
        lora, lora_cpu = _fitted(learnt, REGIME)
        full, full_cpu = _fitted(learnt, FULL)
        return lora, full, lora_cpu, full_cpu

    @cached_property
    def learning(self) -> dict[str, Claim]:
        """LoRA beside full fine-tuning, and pseudo-labels of which 30 % are wrong."""
        later, (lora, full, lora_cpu, full_cpu) = documents(PROBE_ROWS, 8, NEW_SHARE).rows(), self.fits
        base = base_model(LoraTextParameters().base)
        adapter = 4 * lora.trained_parameters / base.bytes
        return {
            "trained_share_of_parameters": Claim.at_most(0.02, lora.trained_parameters / base.parameters),
            "adapter_share_of_bytes": Claim.at_most(0.02, adapter),
            "f1_behind_full_fine_tuning": Claim.at_most(0.02, _f1(full, later) - _f1(lora, later)),
            "lora_cpu_ms": Claim.at_most(round(1000 * CPU_SHARE * full_cpu), 1000 * lora_cpu),
            "poisoned_versions_promoted": Claim.at_most(0, _poisoned_promoted(lora)),
        }

    def _f1(self, result: ReplayResult, name: str, first: int, last: int) -> float:
        said = result.played.served[name][first - TRAIN_ROWS : last - TRAIN_ROWS]
        return macro_f1(self.world.truth[name][first:last], said)

    def _of_model(self, predict: Predict | None) -> float:
        """Mean over the fields, on documents of new suppliers that are drawn anew (some read like one learnt from)."""
        assert self.first is not None
        probe = documents(PROBE_ROWS, 11, 1.0)
        said = (predict or self.first)({"body": probe.texts}).fields
        return float(np.mean([macro_f1(probe.fields[name], said[name]) for name in FIELDS]))

    def story(self, result: ReplayResult) -> list[str]:
        """What happened."""
        claims = self.claims(result)
        return [
            (
                "A small transformer reads kind, currency and department off short documents. People correct what it "
                f"says; for {self.world.sure} documents its own word is the label, because it was at least 90 % sure."
            ),
            (
                f"From row {CHANGE:,} on, new suppliers write {NEW_SHARE:.0%} of the documents. On such documents the "
                f"first model has an F1 of {claims['f1_of_first_model_on_new_suppliers'].seen}, the new one of "
                f"{claims['f1_of_new_model_on_new_suppliers'].seen}. That their texts differ was seen after "
                f"{float(claims['rows_until_drift_of_texts'].seen):,.0f} documents, without a label. The new model got "
                "a tenth of the traffic and was promoted after one look at 1,000 documents of each."
            ),
            (
                f"LoRA trained {float(claims['trained_share_of_parameters'].seen):.2%} of the parameters in "
                f"{self.fits[2] / self.fits[3]:.0%} of the CPU time of full fine-tuning, as this machine was just now."
            ),
            (
                "Then what the new suppliers write came to mean something else. The new version was sent back after "
                f"{float(claims['rows_until_roll_back'].seen):,.0f} rows."
            ),
        ]


def drift_of_texts(rows: Sequence[int]) -> dict[str, Claim]:
    """That the texts themselves drift is seen, and not before they do, by the rows of the signals of features."""
    after = min((row - CHANGE for row in rows if row >= CHANGE), default=ROWS)
    return {
        "rows_until_drift_of_texts": Claim.at_most(2000, after),
        "false_signals_of_texts_before": Claim.at_most(0, sum(row < CHANGE for row in rows)),
    }


def _challenger_rows(promoted: list[ModelEvent]) -> float:
    return max((float(event.evidence.get("challenger_rows") or 0) for event in promoted), default=0.0)


def _rows_after(events: list[ModelEvent], row: int, time: EventTime) -> float:
    """Rows until the first of some events, by the time of the stream."""
    return float(min(((event.occurred_at - time.at(row)) / time.interval for event in events), default=ROWS))


def _fitted(rows: Rows, parameters: dict[str, Any], start: Model | None = None) -> tuple[TextModel, float]:
    """A fit and its CPU seconds: those of this thread, which trains, and not those of the client of Kafka beside."""
    began = time.thread_time()
    learner = make_learner(documents_spec(), "lora-text", parameters)
    model = learner.fit(rows, None, warm_start=start, seed=1, progress=lambda _step: None)
    assert isinstance(model, TextModel)
    return model, time.thread_time() - began


def _f1(model: Model, rows: Rows) -> float:
    said = model.predict(rows).fields
    return float(np.mean([macro_f1(rows.labels[name], said[name]) for name in FIELDS]))


def _poisoned_promoted(champion: TextModel) -> int:
    """How many of versions that learnt from poisoned pseudo-labels the canary's one look lets through.

    A third of the rows of a run are pseudo-labels; of those 30 % are wrong in every field.
    """
    from retrain_coordinator.core.proof.canary import after, one_look
    from retrain_coordinator.core.proof.challenge import unproven

    rule = ChallengeRule.model_validate(documents_spec().challenge)
    told, guessed = documents(COMPARED_ROWS * 2 // 3, 21, NEW_SHARE), documents(COMPARED_ROWS // 3, 22, NEW_SHARE)
    wrong = np.random.default_rng(23).random(len(guessed.texts)) < POISONED
    labels = {}
    for name, column in guessed.fields.items():
        bad = np.where(wrong, turned(column, sorted({*column.tolist()})), column)
        labels[name] = np.concatenate([told.fields[name], bad])
    rows = Rows({"body": np.concatenate([told.texts, guessed.texts])}, labels, np.r_[
        np.ones(len(told.texts)), np.full(len(guessed.texts), documents_spec().training.label_weights["pseudo"])
    ])  # fmt: skip
    challenger, _ = _fitted(rows, REGIME, champion)
    later = documents(2 * rule.look_rows, 24, NEW_SHARE).rows()
    losses = {
        version: row_losses(documents_spec().target, model.predict(later).fields, later.labels).tolist()
        for version, model in (("1.0.0", champion), ("1.0.1", challenger))
    }
    served = {"1.0.0": range(rule.look_rows), "1.0.1": range(rule.look_rows, 2 * rule.look_rows)}
    entry = after(unproven("1.0.1", "1.0.0", rule, None, 0), losses, served, rule.look_rows)
    return int(one_look(entry, rule)[0] == "promote")
