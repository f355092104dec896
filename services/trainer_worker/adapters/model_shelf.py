"""Versions in memory: verified and loaded when they are first asked for, the least used ones let go."""

import time
from collections import OrderedDict
from collections.abc import Sequence

import structlog

from driftloop.artifacts.store import ArtifactError, StoreAwayError, check_artifact, load_model
from driftloop.learners.protocol import Model, Predictions, Rows
from trainer_worker.adapters.patience import patiently
from trainer_worker.core.score.ports import RefusedArtifactError
from trainer_worker.metrics import ScoreMetrics

log = structlog.get_logger(__name__)


class LoadedModels:
    """Satisfies `ModelShelf`; keeps at most `limit` models. With `keys`, one of them must have signed each artifact."""

    def __init__(self, limit: int, metrics: ScoreMetrics, keys: Sequence[str] = ()) -> None:
        self._limit, self._keys = limit, keys
        self._metrics = metrics
        self._models: OrderedDict[tuple[str, str | None], Model] = OrderedDict()

    def predict(self, artifact: str, sha256: str | None, rows: Rows) -> Predictions:
        """Run a version on rows; raises `RefusedArtifactError` where it is damaged or missing."""
        model = self._model(artifact, sha256)
        began = time.perf_counter()
        predictions = model.predict(rows)
        self._metrics.seconds.observe(time.perf_counter() - began)
        self._metrics.rows.inc(len(rows))
        return predictions

    def check(self, artifact: str, sha256: str | None) -> None:
        """Raises `RefusedArtifactError` where the artifact is not there now, or its manifest is another one."""
        try:
            patiently(lambda: check_artifact(artifact, sha256, self._keys), self._metrics.store_away.set)
        except StoreAwayError:
            raise
        except ArtifactError as error:
            raise self._refused(artifact, error) from error

    def _refused(self, artifact: str, error: ArtifactError) -> RefusedArtifactError:
        self._metrics.refused.inc()
        log.error("artifact refused", artifact=artifact, reason=error.sentence)
        return RefusedArtifactError(error.sentence)

    def _model(self, artifact: str, sha256: str | None) -> Model:
        key = (artifact, sha256)
        if key in self._models:
            self._models.move_to_end(key)
            return self._models[key]
        try:
            model = patiently(lambda: load_model(artifact, sha256, keys=self._keys), self._metrics.store_away.set)
        except StoreAwayError:
            raise
        except ArtifactError as error:
            raise self._refused(artifact, error) from error
        self._metrics.loaded.inc()
        log.info("model loaded", artifact=artifact)
        self._models[key] = model
        while len(self._models) > self._limit:
            self._models.popitem(last=False)
        return model
