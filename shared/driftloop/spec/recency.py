"""How much less an older row counts in a training run."""

from typing import Self

from pydantic import Field, model_validator

from driftloop.spec.part import SpecPart


class RecencyRule(SpecPart):
    """Exponential weights by age: a row that is a half-life older than the newest one counts half as much.

    The weight multiplies that of the label's source and the row's own. Age is counted from the newest row that is
    learnt from. A learner that cannot weigh rows refuses the run, with a sentence.
    """

    half_life_rows: int | None = Field(default=None, ge=1)
    """Age in rows: how many newer rows are learnt from too."""
    half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Age in days between the two predictions."""

    @model_validator(mode="after")
    def _one_half_life(self) -> Self:
        if (self.half_life_rows is None) == (self.half_life_days is None):
            raise ValueError("training.recency needs one of half_life_rows and half_life_days")
        return self
