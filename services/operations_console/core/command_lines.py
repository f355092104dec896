"""The command line that asks for the same as a decision did, or shows how it came about."""

import shlex

from operations_console.core.view.heads import DecisionHead

_OF_A_VERSION = {"promote": "promote", "roll_back": "rollback", "reuse": "promote", "reject": "veto"}
_PLAIN = {"retrain": "retrain", "freeze": "freeze", "unfreeze": "unfreeze", "cancel": "cancel"}


def command_line(decision: DecisionHead) -> str:
    """What to type to ask for it again; where nothing was done, what shows the model as it stands.

    >>> from datetime import UTC, datetime
    >>> command_line(DecisionHead(message_id="1", model_id="plant", occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
    ...     action="promote", trigger="proof", reason="better", policy="default", candidate="1.0.1"))
    'driftloop promote plant 1.0.1 --reason better'
    """
    words = _words(decision)
    return shlex.join(words)


def _words(decision: DecisionHead) -> list[str]:
    reason = ["--reason", decision.reason[:200]]
    if decision.action in _OF_A_VERSION and decision.candidate:
        return ["driftloop", _OF_A_VERSION[decision.action], decision.model_id, decision.candidate, *reason]
    if decision.action in _PLAIN:
        return ["driftloop", _PLAIN[decision.action], decision.model_id, *reason]
    return ["driftloop", "status", decision.model_id]
