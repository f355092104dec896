"""The dummy that every detector must beat."""

import numpy as np

from drift_detection.core.detectors.protocol import DetectorDefaults, Floats, LossReference, State


class EveryKRows(DetectorDefaults):
    """Alarms every `rows` rows, whatever it sees.

    Parameters
    ----------
    reference
        Is told again and not used.
    rows
        Rows from one alarm to the next; at least 1.

    Examples
    --------
    >>> from drift_detection.core.detectors.protocol import LossReference
    >>> EveryKRows(LossReference(), rows=3).update_many(np.zeros(9))
    2
    """

    def __init__(self, reference: LossReference = LossReference(), *, rows: float = 1000) -> None:  # noqa: B008
        if rows < 1:
            raise ValueError(f"rows must be at least 1, not {rows}")
        self._every = int(rows)
        self._mean = reference.mean, reference.rows
        self._seen = 0

    @property
    def average_run_length(self) -> float | None:
        """The number of rows, exactly."""
        return float(self._every)

    @property
    def statistic(self) -> float:
        """Rows since the last alarm."""
        return float(self._seen)

    @property
    def threshold(self) -> float:
        """Rows between alarms."""
        return float(self._every)

    @property
    def onset_rows_ago(self) -> int:
        """Always 0: it estimates no onset."""
        return 0

    @property
    def reference_level(self) -> tuple[float, int]:
        """The reference that it was given and does not use."""
        return self._mean

    def update(self, value: float) -> bool:
        """Count one row."""
        return self.update_many(np.array([value])) is not None

    def update_many(self, values: Floats) -> int | None:
        """Count rows up to the next alarm."""
        left = self._every - self._seen
        if not np.isfinite(values[:left]).all():
            raise ValueError("a detector takes finite losses")
        if len(values) < left:
            self._seen += len(values)
            return None
        self._seen = 0
        return left - 1

    def snapshot(self) -> State:
        """The count."""
        return {"seen": self._seen}

    def restore(self, state: State) -> None:
        """Take up the count."""
        self._seen = state["seen"]
