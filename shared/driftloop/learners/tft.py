"""`tft`: a compact Temporal Fusion Transformer for task forecast, trained and run by torch, kept as arrays.

A row is a forecast: its features hold the past of the series and what is known of the horizon, so that what a
version learns from is what was sent when it was asked. What a gap hides is masked in the inputs and left out of the
loss; it is never filled in. An entity that was not learnt has a place of its own, which is trained by forgetting who
a row is of now and then.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from driftloop.learners.parameters import Parameters, read_parameters
from driftloop.learners.protocol import Checkpoint, KeepsCheckpoints, Model, Rows, Step
from driftloop.learners.series_coder import SeriesCoder
from driftloop.learners.targets import check_rows
from driftloop.learners.tft_model import TftModel, load_tft
from driftloop.learners.tft_width import learnt_until, misses, newest_apart, unlearnt, widened
from driftloop.plugins import require
from driftloop.spec.model_spec import ModelSpec

Floats = NDArray[np.float64]


class TftParameters(Parameters):
    """The regime. `incremental_epochs` is the number of passes of a warm start; `forget` the share of rows of which
    a step of training is not told the entity.

    A step of a warm start takes `incremental_batch_rows`, or `batch_rows` if that is less. What five passes can
    learn is limited by the number of their steps: with half of the rows in a step there are twice as many, for about
    1.3 times the CPU time.
    """

    hidden: int = Field(default=16, ge=4, le=512)
    heads: int = Field(default=2, ge=1, le=16)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    learning_rate: float = Field(default=0.005, gt=0)
    weight_decay: float = Field(default=1e-5, ge=0)
    batch_rows: int = Field(default=32, ge=1)
    epochs: int = Field(default=24, ge=1)
    incremental_epochs: int = Field(default=5, ge=1)
    incremental_batch_rows: int = Field(default=32, ge=1)
    patience: int = Field(default=8, ge=1)
    clip: float = Field(default=1.0, gt=0)
    forget: float = Field(default=0.05, ge=0, lt=1)
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    threads: int = Field(default=1, ge=1, le=64)


class TemporalFusion(KeepsCheckpoints):
    """The learner. `stops_early` tells the trainer to give it later rows to watch."""

    stops_early = True
    weighs_rows = True
    forecasts = True

    def __init__(self, spec: ModelSpec, parameters: TftParameters) -> None:
        self._spec = spec
        self._parameters = parameters
        self._missed: Floats = np.empty(0)

    def fit(
        self,
        rows: Rows,
        held_out: Rows | None,
        *,
        warm_start: Model | None,
        seed: int,
        progress: Callable[[Step], None],
    ) -> Model:
        """The network of the best epoch by loss on `held_out` (training loss without it).

        With `held_out` rows the intervals are drawn so wide that they cover as many of their truths as declared. A
        fit without any after one with some is the refit of a run: its width is what its newest rows ask of a second
        fit, that has not learnt them, nor has the base of a warm start. If those are too few, it keeps the width of
        the fit before.
        """
        require("torch", "torch", "learner tft")
        check_rows(rows, self._spec.target)
        base = self._base(warm_start)
        model = self._trained(rows, held_out, base, seed=seed, progress=progress, checkpoint=self._checkpoint)
        if held_out is not None:
            self._missed = misses(model, unlearnt(held_out, base))
        apart = newest_apart(self._spec, rows, base) if held_out is None and len(self._missed) else None
        if apart is None:
            return widened(model, self._missed)
        before, newest = apart
        return widened(model, misses(self._trained(before, None, base, seed=seed, progress=progress), newest))

    def _trained(
        self,
        rows: Rows,
        held_out: Rows | None,
        base: TftModel | None,
        *,
        seed: int,
        progress: Callable[[Step], None],
        checkpoint: Checkpoint | None = None,
    ) -> TftModel:
        from driftloop.learners.tft_training import train_tft

        name = next(iter(self._spec.target))
        coder = base.coder if base else SeriesCoder.fit(self._spec, rows, np.asarray(rows.labels[name]))
        coder = coder.with_entities(rows)
        model = train_tft(
            self._parameters, self._spec, coder, rows, held_out=held_out, start=base, seed=seed, progress=progress,
            checkpoint=checkpoint,
        )  # fmt: skip
        return replace(model, learnt_until=learnt_until(self._spec, rows, base))

    def _base(self, model: Model | None) -> TftModel | None:
        if model is None:
            return None
        if not isinstance(model, TftModel):
            raise ValueError("the base version was made by another learner: train in full")  # noqa: TRY004
        rule = self._spec.forecast
        if rule is None or not model.coder.fits(self._spec) or model.quantiles != rule.quantiles:
            raise ValueError("the base version has other features, or forecasts other steps: train in full")
        return model

    def load(self, folder: Path) -> Model:
        """The model that was saved there."""
        return load_tft(folder, self._spec)


def make(spec: ModelSpec, parameters: Mapping[str, Any]) -> TemporalFusion:
    """The entry point; raises ValueError for a spec without `forecast`."""
    read = read_parameters(TftParameters, "tft", parameters)
    if spec.forecast is None:
        raise ValueError("learner tft learns series: declare `forecast` in the spec, or choose another learner")
    return TemporalFusion(spec, read)
