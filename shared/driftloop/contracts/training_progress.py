"""`training-progress`: how a run is getting on. Lost ones do no harm."""

from uuid import UUID

from pydantic import Field

from driftloop.contracts.message import ControlMessage


class TrainingProgress(ControlMessage):
    """A step of a run: `step` of `steps` (epochs, trees), its losses, and the seconds still to go."""

    run_id: UUID
    step: int = Field(ge=0)
    steps: int = Field(ge=1)
    training_loss: float | None = None
    validation_loss: float | None = None
    seconds_left: float | None = None
