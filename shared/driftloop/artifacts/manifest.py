"""What an artifact says about itself: everything needed to trust it, to use it, and to make it again."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from driftloop.contracts.message import Name, Version
from driftloop.contracts.training_requests import DataRule, TrainingMode, TrainingRequest
from driftloop.contracts.training_results import TrainingData
from driftloop.spec.model_spec import ModelSpec

FORMAT = 1


class Manifest(BaseModel):
    """`manifest.json`. It holds no clock and no host, so that the same run gives the same bytes.

    `files` maps each file's path inside the artifact to its SHA-256. The SHA-256 of the manifest
    itself is the artifact's hash: it vouches for every file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    format: int = Field(default=FORMAT, ge=1, le=FORMAT)
    model_id: Name
    version: Version
    run_id: UUID | None = None
    learner: Name
    parameters: dict[str, Any] = Field(default_factory=dict)
    mode: TrainingMode = "full"
    base_version: Version | None = None
    base_sha256: str | None = None
    seed: int = 0
    spec_version: int = Field(ge=1)
    spec: ModelSpec
    rule: DataRule | None = None
    data: TrainingData | None = None
    golden_sha256: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    request: TrainingRequest | None = None
    """The command that the version was trained by: with the rows, it makes the same version again."""
    libraries: dict[str, str] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The file's content: JSON, keys as declared."""
        return (self.model_dump_json(indent=1) + "\n").encode()
