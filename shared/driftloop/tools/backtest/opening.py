"""Opens what a person names: a made stream, or a file."""

from driftloop.files.options import FileOptions
from driftloop.tools.backtest.generated import generated
from driftloop.tools.backtest.stream import Stream, read_stream
from driftloop.tools.replay.archived import Archived
from driftloop.tools.replay.choices import Choices


def open_stream(
    name: str, choices: Choices | None = None, *, seed: int = 0, reading: FileOptions | Archived | None = None
) -> Stream:
    """The stream of that name; raises `UserError` where it is neither a made one nor a table that can be read."""
    return generated(name, seed) or read_stream(name, choices or Choices(""), reading)
