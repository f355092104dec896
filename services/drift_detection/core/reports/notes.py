"""What of a model is not watched, or is watched otherwise than its spec lets expect: in sentences, for its status."""

from collections.abc import Iterator

from drift_detection.core.concerns import WORDS
from drift_detection.core.model import WatchedModel

SHOWN_ROWS = 10_000
"""Labelled rows for which it is said that something began anew."""

REASONS = {
    "late": "labels of a version that was replaced",
    "no_loss": "without a prediction and a label of the target",
    "versions": "of more versions than are watched",
    "spec_changed": "the spec changed while they waited for their version to be judged",
}
"""Why nobody judges a labelled row."""


def notes(model: WatchedModel) -> tuple[str, ...]:
    """The sentences, the most general first; none where all is watched."""
    return (*_anew(model), *_references(model), *_labels(model), *_versions(model), *_segments(model))


def is_learning(model: WatchedModel) -> bool:
    """Whether labels come and their losses are not judged yet: too few are known to compare with."""
    errors = model.monitors[""].errors
    return errors is not None and errors.rows > 0 and errors.is_learning


def lacks_profile(model: WatchedModel) -> bool:
    """Whether the version that serves has no profile that is of the model's target."""
    return model.roster.serving.current is not None and not model.roster.has_profile


def _anew(model: WatchedModel) -> Iterator[str]:
    for part, (version, row) in sorted(model.begun_anew.items()):
        if model.labelled_rows - row < SHOWN_ROWS:
            yield f"since labelled row {row:,} (spec {version}): {WORDS[part]}"


def _references(model: WatchedModel) -> Iterator[str]:
    roster = model.roster
    if lacks_profile(model):
        version = roster.serving.current
        if roster.reference is None:
            yield f"version {version} has no profile: its columns are not watched"
        else:
            yield f"version {version} learnt another target: its predictions and labels are not compared"
    if is_learning(model):
        yield "losses are not judged yet: their first rows become the reference"


def _labels(model: WatchedModel) -> Iterator[str]:
    errors = model.monitors[""].errors
    if errors is not None and errors.excused is not None:
        compared = "what held-out rows of these classes showed" if errors.excused.profile else "their own first rows"
        yield f"labels come for some predicted classes rather than for others: losses are compared with {compared}"
    unjudged = model.losses.sharing.unjudged
    for reason, words in REASONS.items():
        if unjudged[reason]:
            yield f"{unjudged[reason]:,} labelled rows are not judged: {words}"


def _versions(model: WatchedModel) -> Iterator[str]:
    for version, one in sorted(model.losses.sharing.others.watched.items()):
        reference, _ = one.errors.reference
        state = "harmed" if one.errors.alarmed else "no alarm"
        yield (
            f"version {version} shares traffic: {one.errors.rows:,} labelled rows, mean loss"
            f" {one.errors.recent_loss or 0.0:.4g} over the newest, {reference:.4g} in the reference, {state}"
        )


def _segments(model: WatchedModel) -> Iterator[str]:
    slots = model.roster.slots
    if slots.unwatched_share > 0:
        yield (
            f"{slots.unwatched:,} segments with a hundredth of the rows or more are not watched;"
            f" {slots.unwatched_share:.1%} of the rows are in segments that are not"
        )
