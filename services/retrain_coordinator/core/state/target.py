"""The declared target, and since when it is what it is."""

from retrain_coordinator.core.state.entries import Part


class TargetPart(Part):
    """What the newest spec that was seen declares to be predicted."""

    target: str = ""
    """Empty in entries of earlier releases."""
    spec_seen: int = 0
    """The newest spec version that was seen."""
    target_row: int = 0
    """Labelled rows before it: they tell another target."""
    target_spec: int = 0
    """The spec version that declared it first; 0 where the target never changed."""

    def declare_target(self, target: str) -> None:
        """This is predicted from here on."""
        self.target = target

    def see_spec(self, spec_version: int) -> None:
        """The newest spec."""
        self.spec_seen = spec_version

    def begin_target(self, labelled_rows: int, spec_version: int) -> None:
        """A new target: from this labelled row on, declared by this spec version."""
        self.target_row, self.target_spec = labelled_rows, spec_version

    def count_former(self, labelled_rows: int) -> None:
        """Rows of the former target still came."""
        self.target_row = labelled_rows
