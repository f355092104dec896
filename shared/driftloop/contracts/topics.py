"""The map of the data flow: every topic, who writes it, who reads it, how it is kept.

The map itself is data, in `schemas/topics/*.yaml`; this module reads it and names the topics.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

PREDICTION_OUTCOMES = "prediction-outcomes"
PREDICTION_LABELS = "prediction-labels"
DEAD_LETTERS = "prediction-outcomes-dlq"
OUTCOME_FRAMES = "outcome-frames"
DRIFT_SIGNALS = "drift-signals"
DRIFT_STATUS = "drift-status"
CHALLENGE_SCORES = "challenge-scores"
TRAINING_REQUESTS = "training-requests"
TRAINING_PROGRESS = "training-progress"
TRAINING_RESULTS = "training-results"
TRAINING_ANSWERS = "training-answers"
MODEL_COMMANDS = "model-commands"
RETRAIN_DECISIONS = "retrain-decisions"
MODEL_EVENTS = "model-events"
MODEL_SPECS = "model-specs"
MODEL_PROFILES = "model-profiles"
MODEL_CHECKPOINTS = "model-checkpoints"
MODEL_SOURCES = "model-sources"
NOTIFICATION_MUTES = "notification-mutes"
ARCHIVE_ERASURES = "archive-erasures"
PREDICTION_HALVES = "prediction-halves"


class Topic(BaseModel):
    """A topic as declared. `retention_days=None` keeps for ever; `group` names topics that must
    have one partition count, because a service reads them side by side."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    encodings: tuple[str, ...]
    contract: str | None = None
    schema_version: int = Field(default=1, ge=1)
    compatibility: Literal["backward", "none"] = "backward"
    partition_group: Literal["predictions", "models"]
    partitions: int = Field(ge=1)
    retention_days: float | None
    cleanup: Literal["delete", "compact"] = "delete"


def schemas_root() -> Path:
    """The folder of topic files, schemas and examples: the packaged one, else the checkout's.

    Raises FileNotFoundError where neither is there.
    """
    packaged = Path(str(files("driftloop"))) / "_schemas"
    checkout = Path(__file__).parents[3] / "schemas"
    for folder in (packaged, checkout):
        if (folder / "topics").is_dir():
            return folder
    raise FileNotFoundError("driftloop's schemas folder is missing: reinstall driftloop")


@cache
def topics() -> Mapping[str, Topic]:
    """Every declared topic by name."""
    found = (Topic.model_validate(yaml.safe_load(path.read_text())) for path in schemas_root().glob("topics/*.yaml"))
    return {topic.name: topic for topic in sorted(found, key=lambda topic: topic.name)}
