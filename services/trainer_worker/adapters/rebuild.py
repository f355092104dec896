"""Makes a version again from its manifest and the archive, and says whether it is the same to the last bit."""

from dataclasses import dataclass

from driftloop.contracts.message import FramePosition
from driftloop.registry.artifacts import ArtifactError, verify_artifact
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.train import train
from trainer_worker.core.train.run_report import Reused, Run


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The version made again. `same` is whether its hash is that of the original."""

    artifact: str
    sha256: str
    same: bool


def rebuild(artifact: str, sha256: str | None, *, archive_uri: str, into: str) -> Rebuilt:
    """Train the version of `artifact` again, from the rows its manifest names, into the folder `into`.

    Raises `ArtifactError` where the artifact is damaged or does not say how it was made, and
    ValueError where its rows, its base or its champion cannot be had any more.
    """
    original = verify_artifact(artifact, sha256)
    manifest = original.manifest
    if manifest.request is None:
        raise ArtifactError(f"the artifact {artifact} does not say how it was made")
    request = manifest.request.model_copy(update={"candidates": ()})
    run = Run(request=request, spec=manifest.spec, position=FramePosition(partition=0, offset=0))
    job = Job(run=run, archive_uri=archive_uri, artifact_uri=into, archive_wait_seconds=1.0)
    made = train(job, lambda _: None)
    if isinstance(made, Reused):
        raise ArtifactError(f"the run of {artifact} trained nothing")
    return Rebuilt(made.artifact, made.artifact_sha256, made.artifact_sha256 == original.sha256)
