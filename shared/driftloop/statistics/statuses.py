"""What a row's `status` means."""

SUCCESS = frozenset({"ok", "success", "succeeded", "successful", "completed", "done", "passed"})
"""Values of `status` that mean success; any other is a failure."""


def is_failure(status: str | None) -> bool:
    """Whether a request failed; one without a status is not known to have.

    >>> is_failure("OK"), is_failure("timeout"), is_failure(None)
    (False, True, False)
    """
    return status is not None and status.lower() not in SUCCESS
