"""The versions that a run has to do with beside its own: the champion, its base, candidates for reuse."""

from collections.abc import Sequence

from driftloop.artifacts.store import Artifact, ArtifactError, StoreAwayError, open_artifact
from driftloop.learners.protocol import Model
from driftloop.spec.compatibility import predicts_the_same, target_of, target_words
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.adapters.patience import patiently
from trainer_worker.core.train.run_report import WaitsFor


class Store:
    """The artifact store of one run. `remarks` says which versions could not be compared with, and why.

    A damaged champion ends the run: a person has to know. A damaged candidate only is not reused, and a version
    that predicts another target is not compared with: the rows are there to learn from. With `keys`, one of them
    must have signed each artifact.
    """

    def __init__(self, wait_seconds: float, waits: WaitsFor, keys: Sequence[str] = ()) -> None:
        self._wait_seconds, self._waits, self._keys = wait_seconds, waits, keys
        self.remarks: list[str] = []

    def open(self, artifact: str, sha256: str | None) -> tuple[Artifact, Model]:
        """A verified artifact and its model; a store that does not answer is asked again for `wait_seconds`.

        Raises `ArtifactError`.
        """
        return patiently(
            lambda: open_artifact(artifact, sha256, keys=self._keys), self._show, seconds=self._wait_seconds
        )

    def _show(self, away: int) -> None:
        self._waits("store" if away else "")

    def candidate(
        self, version: str, artifact: str, sha256: str | None, spec: ModelSpec
    ) -> tuple[Artifact, Model] | None:
        """A version that may be reused; None, and a remark, where it is gone or damaged, or predicts another target.

        Raises `StoreAwayError`.
        """
        try:
            return self.comparable(f"version {version}", artifact, sha256, spec)
        except StoreAwayError:
            raise
        except ArtifactError as error:
            self.remarks.append(f"version {version} is not reused: {error.sentence}")
            return None

    def comparable(self, who: str, artifact: str, sha256: str | None, spec: ModelSpec) -> tuple[Artifact, Model] | None:
        """A version to hold against one of `spec`; None, and a remark, where it predicts another target.

        Raises `ArtifactError`.
        """
        found = self.open(artifact, sha256)
        learnt = found[0].manifest.spec
        if not predicts_the_same(learnt, spec):
            other, asked = (target_words(target_of(one)) for one in (learnt, spec))
            self.remarks.append(f"{who} was not compared: it predicts {other}, the spec asks for {asked}")
            return None
        return found
