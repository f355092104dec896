"""How far a long command is: a spinner on a terminal, else a line on stderr now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(
    console: "Console", name: str, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[str], None]]:
    """What to call with a few words about how far the work on `name` is; cheap to call often.

    Without a terminal the first words are a line at once, others at most one in ten seconds.
    """
    if console.is_terminal:
        with console.status(name) as status:
            yield lambda words: status.update(f"{name}: {words}")
        return
    said: list[float] = []

    def tell(words: str) -> None:
        now = monotonic()
        if not said or now - said[-1] >= SECONDS_BETWEEN_LINES:
            said.append(now)
            console.print(f"{name}: {words}", highlight=False, markup=False, soft_wrap=True)

    yield tell
