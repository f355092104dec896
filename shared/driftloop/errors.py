"""Errors that a person caused or can mend: one clear sentence and an exit code."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a process of driftloop ends with."""

    OK = 0
    ERROR = 1
    USAGE = 2
    BROKER_AWAY = 3
    NOT_FOUND = 4
    TOO_MANY_DEAD_LETTERS = 5
    FENCED = 6
    STUCK = 7
    STATE_MISMATCH = 8
    NO_ACCESS = 9


class UserError(Exception):
    """A sentence for a person: what is wrong and what to do about it.

    >>> UserError("the file rows.csv is not there", ExitCode.NOT_FOUND).exit_code
    <ExitCode.NOT_FOUND: 4>
    """

    def __init__(self, sentence: str, exit_code: int = ExitCode.ERROR) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exit_code = exit_code


class AwayError(UserError):
    """What a service needs cannot be had now: a store, a registry, the broker, room on a disk.

    No record is to blame. A core that raises it ends its process, which goes on with the same records when it is
    started again; any other exception of a core is blamed on the records that it was given.
    """
