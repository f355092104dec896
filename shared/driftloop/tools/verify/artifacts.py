"""Whether the artifacts of a model's versions are still the ones that were registered."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftloop.artifacts.store import ArtifactError, StoreAwayError, verify_artifact
from driftloop.contracts import topics
from driftloop.errors import ExitCode
from driftloop.tools.verify.recorded import Recorded, json_of, offset_of
from driftloop.tools.verify.said import Difference


@dataclass(frozen=True, slots=True)
class Artifacts:
    """How many are right, and how many are gone (retention deletes those of old versions)."""

    right: int
    gone: int
    differences: tuple[Difference, ...]


def verify_artifacts(recorded: Recorded, models: Sequence[str], keys: Sequence[str] = ()) -> Artifacts:
    """Read every file of every registered version that is still there; raises `StoreAwayError`.

    With `keys` (public), one of them must have signed each.
    """
    right, gone, differences = 0, 0, []
    for model in models:
        for record in recorded.of(topics.MODEL_EVENTS, model):
            event = json_of(record)
            uri, sha256 = event.get("artifact"), event.get("artifact_sha256")
            if event["event"] != "registered" or not uri or not sha256:
                continue
            try:
                verify_artifact(str(uri), str(sha256), keys)
            except StoreAwayError:
                raise
            except ArtifactError as error:
                if error.exit_code == ExitCode.NOT_FOUND:
                    gone += 1
                    continue
                named = f"the artifact of version {event['version']}"
                differences.append(
                    Difference(model, "artifacts", offset_of(record), named, "as it was registered", error.sentence)
                )
            else:
                right += 1
    return Artifacts(right, gone, tuple(differences))
