"""The rows that a version learnt from, found again by the rule in its manifest."""

from collections.abc import Sequence

import structlog

from driftloop.artifacts.store import verify_artifact
from driftloop.errors import UserError
from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.adapters.data_set import data_set, rows_of_rule

log = structlog.get_logger(__name__)


class ArchivedLearntRows:
    """Satisfies `LearntRows`, from the archive."""

    def __init__(self, archive_uri: str, keys: Sequence[str] = ()) -> None:
        self._archive_uri, self._keys = archive_uri, keys

    def rows(self, artifact: str, sha256: str | None, spec: ModelSpec) -> Rows | None:
        """The rows that a version learnt from; None, and a line in the log, where they cannot be had."""
        try:
            manifest = verify_artifact(artifact, sha256, self._keys).manifest
            if manifest.rule is None:
                return None
            found = rows_of_rule(self._archive_uri, manifest.model_id, manifest.rule)
            return data_set(found, spec, manifest.rule).rows
        except (UserError, ValueError) as error:
            log.warning("the rows that a version learnt from cannot be read", artifact=artifact, reason=str(error))
            return None
