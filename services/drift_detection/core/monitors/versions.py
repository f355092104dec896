"""Which version the rows belong to, when they change over and stragglers are among them."""

from dataclasses import dataclass, field
from typing import Any

NEWCOMER = 25
"""Rows in a row that a version never seen before needs to be taken for the serving one."""
RETURN = 200
"""Rows in a row that an earlier version needs to be taken for serving again: late labels are not a roll-back."""


@dataclass
class ServingVersion:
    """The version that a stream of rows belongs to.

    A canary's rows (now and then another version) change nothing; a run of them does.
    """

    current: str | None = None
    _earlier: list[str] = field(default_factory=list)
    _candidate: str | None = None
    _run: int = 0

    def would_change(self, version: str) -> bool:
        """Whether a row of `version`, coming next, makes it the current one."""
        if version == self.current:
            return False
        run = self._run + 1 if version == self._candidate else 1
        return self.current is None or run >= (RETURN if version in self._earlier else NEWCOMER)

    def see(self, version: str) -> bool:
        """Take in a row's version; true if it has just become the current one."""
        if version == self.current:
            self._candidate, self._run = None, 0
            return False
        changes = self.would_change(version)
        self._run = self._run + 1 if version == self._candidate else 1
        self._candidate = version
        if not changes:
            return False
        if self.current is not None:
            self._earlier = [*(one for one in self._earlier if one != version), self.current][-20:]
        self.current, self._candidate, self._run = version, None, 0
        return True

    @property
    def candidate(self) -> str | None:
        """The version of the last rows, if it is not the current one."""
        return self._candidate

    def was_current(self, version: str) -> bool:
        """Whether `version` was the current one before: late labels of it are to be expected."""
        return version in self._earlier

    def is_candidate(self, version: str) -> bool:
        """Whether the last rows were of `version`, though it is not the current one."""
        return version == self._candidate

    def snapshot(self) -> list[Any]:
        """The whole state, for JSON."""
        return [self.current, self._earlier, self._candidate, self._run]

    def restore(self, state: list[Any]) -> None:
        """Take it up again."""
        self.current, self._earlier, self._candidate, self._run = state
