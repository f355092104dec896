"""Signs what runs have made.

Why in the worker, and not in the process that trains: that one runs code of others (a command, a learner of somebody's
own), on other machines even, and must not see the key.
"""

from collections.abc import Iterable
from uuid import UUID

import structlog

from driftloop.artifacts.store import ArtifactError, StoreAwayError, UnwritableError, sign_artifact
from driftloop.contracts.signing import SigningKey
from trainer_worker.core.train.run_report import Executor, Failed, Report, Succeeded

log = structlog.get_logger(__name__)


class SignedArtifacts:
    """Satisfies `Executor`: the end of a run is told once its artifact is signed.

    A store that does not answer, or takes nothing, is asked again with the next look; what is not the artifact that
    the run told of is not signed, and the run has failed.
    """

    def __init__(self, executor: Executor, key: SigningKey) -> None:
        self._executor, self._key = executor, key
        self._ends: dict[UUID, Report] = {}
        self.start, self.holds, self.cancel = executor.start, executor.holds, executor.cancel

    def reports(self) -> Iterable[tuple[UUID, Report]]:
        """As the executor tells them."""
        for run_id, report in self._executor.reports():
            if not isinstance(report, Succeeded) or report.artifact is None or report.artifact_sha256 is None:
                yield run_id, report
                continue
            end = self._ends.get(run_id) or self._signed(report, report.artifact, report.artifact_sha256)
            if end is not None:
                self._ends[run_id] = end
                yield run_id, end

    def keep(self, run_ids: frozenset[UUID]) -> None:
        """Forget the others."""
        self._executor.keep(run_ids)
        self._ends = {run_id: end for run_id, end in self._ends.items() if run_id in run_ids}

    def _signed(self, report: Succeeded, artifact: str, sha256: str) -> Report | None:
        try:
            sign_artifact(artifact, sha256, self._key)
        except (StoreAwayError, UnwritableError) as error:
            log.warning("an artifact cannot be signed now", artifact=artifact, reason=error.sentence)
            return None
        except ArtifactError as error:
            return Failed(reason=f"the artifact was not signed: {error.sentence}", cost=report.cost)
        return report
