"""What a child process is told: the run and where to find things."""

from pydantic import Field

from trainer_worker.adapters.cluster.ports import Clusters
from trainer_worker.adapters.sandbox.plan import Sandbox
from trainer_worker.core.train.run_report import Part, Run


class Job(Part):
    """One run to be trained. It goes over a socket as one line of JSON."""

    run: Run
    archive_uri: str
    artifact_uri: str
    archive_wait_seconds: float
    checkpoint_seconds: float = 2.0
    runs_path: str = ".driftloop/runs"
    commands: dict[str, str] = Field(default_factory=dict)
    clusters: Clusters = Clusters()
    trusted_keys: tuple[str, ...] = ()
    sandbox: Sandbox = Sandbox()
