"""How a challenger does beside the champion, as its scores come in."""

from dataclasses import dataclass
from math import sqrt

from operations_console.core.view.heads import ScoresHead


@dataclass(slots=True)
class Paired:
    """Losses of a challenger and of the champion on the same rows, summed up."""

    champion: str
    rows: int = 0
    champion_loss: float = 0.0
    challenger_loss: float = 0.0
    squares: float = 0.0
    """Of the differences."""
    last_frame: int = -1

    @property
    def gain(self) -> float:
        """By how much the mean loss is lower than the champion's."""
        return (self.champion_loss - self.challenger_loss) / self.rows if self.rows else 0.0

    @property
    def error(self) -> float:
        """The gain's standard error; 0 for fewer than two rows."""
        if self.rows < 2:
            return 0.0
        return sqrt(max(0.0, self.squares / self.rows - self.gain**2) / (self.rows - 1))


def take_scores(paired: dict[str, Paired], head: ScoresHead) -> bool:
    """Add a frame's scores; one that was added before is left out. Whether anything was added."""
    champion = head.losses.get(head.champion, ())
    added = False
    for version, losses in head.losses.items():
        if version == head.champion or not losses or len(losses) != len(champion):
            continue
        known = paired.get(version)
        if known is None or known.champion != head.champion:
            known = paired[version] = Paired(head.champion, last_frame=known.last_frame if known else -1)
        if head.position.offset <= known.last_frame:
            continue
        known.last_frame = head.position.offset
        known.rows += len(losses)
        known.champion_loss += sum(champion)
        known.challenger_loss += sum(losses)
        known.squares += sum((one - other) ** 2 for one, other in zip(champion, losses, strict=True))
        added = True
    return added
