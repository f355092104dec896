"""How a stream is cut: the rows of the first model, the rows of a block, and the windows to train on."""

from dataclasses import dataclass

from driftloop.learners.probe import windows_of
from driftloop.tools.replay.inference import default_block_rows, default_train_rows

BENCHMARK = {
    "elec2": (2000, 250),
    "insects_gradual_balanced": (2000, 150),
    "noaa_weather": (2000, 150),
    "sea_50k": (2000, 250),
    "bike_hourly_reg": (1344, 168),
    "beijing_pm25_reg": (2000, 250),
    "keystroke": (200, 25),
    "iks_insects_abrupt": (800, 75),
    "powersupply": (2000, 250),
}
"""First rows and block rows of the nine streams that published figures are about."""

_BY_ROWS = ((2_000, (200, 25)), (8_000, (800, 75)), (25_000, (2000, 150)))
_LONG = (2000, 250)


@dataclass(frozen=True, slots=True)
class Layout:
    """`first` rows train the first model; then blocks of `block` rows; `windows` ascend."""

    first: int
    block: int
    windows: tuple[int, ...]

    def edges(self, rows: int) -> tuple[int, ...]:
        """Where blocks begin, and last where the stream ends; the last block may be short.

        >>> Layout(10, 4, (10,)).edges(20)
        (10, 14, 18, 20)
        """
        return (*range(self.first, rows, self.block), rows)


def layout_of(
    name: str,
    rows: int,
    *,
    first: int | None = None,
    block: int | None = None,
    windows: tuple[int, ...] = (),
    recorded: bool = False,
) -> Layout:
    """The layout of a stream: what is given, else what the benchmark says of it, else by its length.

    A `recorded` stream of no benchmark is cut as a replay cuts it.

    Raises ValueError where fewer than two blocks would be left.

    >>> layout_of("bike_hourly_reg", 17_379)
    Layout(first=1344, block=168, windows=(336, 672, 1344))
    >>> layout_of("mine", 900, recorded=True).first
    180
    >>> layout_of("mine", 900, block=50, windows=(400, 100)).windows
    (100, 400)
    """
    made = next((cut for most, cut in _BY_ROWS if rows <= most), _LONG)
    replayed = (default_train_rows(rows), default_block_rows(rows))
    usual = BENCHMARK.get(name) or (replayed if recorded else made)
    first = first or usual[0]
    block = block or usual[1]
    if rows < first + 2 * block:
        raise ValueError(f"{name} has {rows} rows: too few for {first} rows to begin with and two blocks of {block}")
    return Layout(first, block, tuple(sorted(set(windows))) or windows_of(first, first))
