"""How many records a batch may have: less after one that failed, more again while all goes well."""

_CALM = 20
"""Batches that must go well before one grows that the broker had refused for its size: the next size is refused too."""


class BatchSize:
    """Between 1 and `largest`.

    >>> size = BatchSize(1_000)
    >>> size.halve(600)
    >>> size.limit
    300
    >>> size.went_well()
    >>> size.limit
    600
    """

    def __init__(self, largest: int) -> None:
        self.limit = self._largest = largest
        self._calm_for = 0

    def halve(self, records: int, *, too_large: bool = False) -> None:
        """A batch of so many records failed, or could not be written for its size."""
        self.limit = max(1, records // 2)
        self._calm_for = _CALM if too_large else 0

    def went_well(self) -> None:
        """A batch was committed."""
        if self._calm_for:
            self._calm_for -= 1
        else:
            self.limit = min(self._largest, self.limit * 2)
