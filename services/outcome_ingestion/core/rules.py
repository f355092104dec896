"""What an operator may tune of ingestion. Plain data: the core reads no environment."""

from dataclasses import dataclass

from outcome_ingestion.core.frames.frame_sizes import Most


@dataclass(frozen=True, slots=True)
class IngestRules:
    """Bounds of memory and sanity.

    `remembered_rows`: within that many newest rows of a partition a repeated prediction id is
    recognised. `correctable_rows`: within that many a label that came with its prediction, or has
    joined already, may still be corrected; older corrections are ignored and counted.
    `waiting_rows` and `early_labels` bound, per partition, what waits for its other half; beyond
    that the oldest are given up. `observed_values`: so many values of a model's series are
    remembered, per partition. `future_seconds`: how far ahead of its record's timestamp a row
    may claim to be (models on the wall clock). `laid_together`: so many small batches become one.
    `frame_rows` and `frame_bytes` bound a frame and a state entry: whichever comes first.
    """

    frame_rows: int = 5_000
    frame_bytes: int = 8 << 20
    remembered_rows: int = 1_000_000
    correctable_rows: int = 100_000
    waiting_rows: int = 1_000_000
    early_labels: int = 200_000
    observed_values: int = 200_000
    future_seconds: float = 86_400.0
    laid_together: int = 16

    @property
    def most(self) -> Most:
        """What a frame holds at most."""
        return Most(self.frame_rows, self.frame_bytes)
