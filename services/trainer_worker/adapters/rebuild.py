"""Makes a version again from its manifest and the archive, and says whether it is the same to the last bit."""

from collections.abc import Iterator
from dataclasses import dataclass

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import ArtifactError, verify_artifact
from driftloop.contracts.message import FramePosition
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.train import train
from trainer_worker.core.train.run_report import Reused, Run


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The version made again. `same` is whether its hash is that of the original; `differences` say what is not."""

    artifact: str
    sha256: str
    same: bool
    differences: tuple[str, ...] = ()


def rebuild(artifact: str, sha256: str | None, *, archive_uri: str, into: str) -> Rebuilt:
    """Train the version of `artifact` again, from the rows its manifest names, into the folder `into`.

    Raises `ArtifactError` where the artifact is damaged or does not say how it was made, and
    ValueError where its rows, its base or its champion cannot be had any more.
    """
    original = verify_artifact(artifact, sha256)
    manifest = original.manifest
    if manifest.request is None:
        raise ArtifactError(f"the artifact {artifact} does not say how it was made")
    if manifest.spec.training.executor != "child":
        raise ArtifactError(f"the artifact {artifact} was not trained here, so it cannot be made again here")
    request = manifest.request.model_copy(update={"candidates": ()})
    run = Run(request=request, spec=manifest.spec, position=FramePosition(partition=0, offset=0))
    job = Job(run=run, archive_uri=archive_uri, artifact_uri=into, archive_wait_seconds=1.0)
    made = train(job, lambda _: None)
    if isinstance(made, Reused) or made.artifact is None or made.artifact_sha256 is None:
        raise ArtifactError(f"the run of {artifact} trained nothing")
    now = verify_artifact(made.artifact, made.artifact_sha256).manifest
    same = made.artifact_sha256 == original.sha256
    return Rebuilt(made.artifact, made.artifact_sha256, same, tuple(_differences(manifest, now)))


def _differences(before: Manifest, now: Manifest) -> Iterator[str]:
    """What of two manifests is not the same, as sentences."""
    if before.data != now.data:
        yield "the rows are others than they were: labels were corrected since, or the archive was changed"
    for name in sorted(before.libraries.keys() | now.libraries.keys()):
        if before.libraries.get(name) != now.libraries.get(name):
            yield f"{name} was {before.libraries.get(name, 'not there')} and is {now.libraries.get(name, 'not there')}"
    for name in sorted(before.files.keys() | now.files.keys()):
        if before.files.get(name) != now.files.get(name):
            yield f"the file {name} is not the same"
