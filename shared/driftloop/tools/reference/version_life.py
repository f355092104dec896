"""The page of a version's life, and of who writes which part of a model's state."""

from typing import get_args

from driftloop.tools.reference.tables import NOTICE, table
from retrain_coordinator.core.commands import ANSWERS
from retrain_coordinator.core.handlers import HANDLERS
from retrain_coordinator.core.state import PARTS
from retrain_coordinator.core.state.life import TRANSITIONS, Event, Refusal

_INTRODUCTION = """# Life of a version

What may happen to a version, and what it is afterwards. A row is what the version is now, a column is what happens to
it; the events are those of `model-events`. *Relieved* is not published: another version took over and this one is
scored beside it until the probation ends, with `archived`. An empty cell cannot happen; the second table says why.

"""

_HANDLERS = """
## What the coordinator handles

Each message type has one handler; each command within `model-commands` has one too.

"""

_PARTS = """
## Parts of a model's state

The state of a model is made of parts. Only the methods of a part write its fields.

"""


def version_life_page() -> str:
    """The page, from the tables that the coordinator itself goes by."""
    events = get_args(Event)
    rows = [
        (f"**{status}**", *("" if isinstance(moves[event], Refusal) else moves[event] for event in events))
        for status, moves in TRANSITIONS.items()
    ]
    refusals = [
        (status, event, f"{moves[event].format(version='…', status=status)}")
        for status, moves in TRANSITIONS.items()
        for event in events
        if isinstance(moves[event], Refusal)
    ]
    handled = [(f"`{kind.__name__}`", _first_line(handler)) for kind, handler in HANDLERS.items()]
    commands = [(f"`{name}`", _first_line(answer)) for name, answer in ANSWERS.items()]
    parts = [
        (f"`{part.__module__.rpartition('.')[2]}.{part.__name__}`", _first_line(part), _fields(part)) for part in PARTS
    ]
    return (
        NOTICE
        + _INTRODUCTION
        + table(("now", *events), rows)
        + "\n## What cannot happen\n\n"
        + table(("now", "event", "why"), refusals)
        + _HANDLERS
        + table(("message", "what is done"), handled)
        + "\n"
        + table(("command", "what is done"), commands)
        + _PARTS
        + table(("part", "what it holds", "fields"), parts)
    )


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]


def _fields(part: object) -> str:
    own = getattr(part, "model_fields", {})
    return ", ".join(f"`{name}`" for name in own)
