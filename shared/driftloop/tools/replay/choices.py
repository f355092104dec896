"""What a person says about a recorded file beyond its target; whatever is not said is inferred."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choices:
    """`time` is a column, or `none` for the order of the file. `ids` and `without` are never learnt from."""

    target: str
    task: str | None = None
    features: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    time: str | None = None
    categories: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that is named, so that a name that is none can be refused."""
        times = () if self.time in (None, "none") else (str(self.time),)
        return (self.target, *self.features, *self.without, *self.ids, *times, *self.categories)
