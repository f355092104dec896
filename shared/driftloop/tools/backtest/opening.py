"""Opens what a person names: a made stream, or a file."""

from collections.abc import Sequence
from pathlib import Path

from driftloop.tools.backtest.generated import generated
from driftloop.tools.backtest.stream import Stream, read_stream


def open_stream(
    name: str, *, target: str | None = None, task: str | None = None, features: Sequence[str] = (), seed: int = 0
) -> Stream:
    """The stream of that name; raises `UserError` where it is neither a made one nor a CSV that can be read."""
    return generated(name, seed) or read_stream(Path(name), target=target, task=task, features=features)
