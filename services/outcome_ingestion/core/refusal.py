"""Why a record cannot be processed."""

from dataclasses import dataclass

from driftloop.processor import WRONG_PARTITION, wrong_partition


@dataclass(slots=True)
class Refusal(Exception):  # noqa: N818  (a fate, not an accident)
    """A record, or a row of one, that must be buried.

    `stage` is where (`route`, `decode`, `validate`), `error_class` a stable name to count by,
    `sentence` for a person.
    """

    stage: str
    error_class: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def undecodable(error: BaseException) -> Refusal:
    """The refusal of bytes that are no message."""
    text = str(error) or type(error).__name__
    return Refusal("decode", "Undecodable", text[:500])


def invalid(error_class: str, sentence: str) -> Refusal:
    """The refusal of a message that breaks the contract or its model's spec."""
    return Refusal("validate", error_class, sentence[:500])


def unknown_model(model_id: str) -> Refusal:
    """The refusal of a row whose model has no spec."""
    return invalid("UnknownModel", f"no spec is applied for the model '{model_id[:120]}'")


def misplaced(found: int, right: int, count: int) -> Refusal:
    """The refusal of a record that is not in its key's partition: its label, or its repeat, would be in another."""
    return invalid(WRONG_PARTITION, wrong_partition(found, right, count))


def unknown_kind(kind: str) -> Refusal:
    """The refusal of a content type."""
    return Refusal("decode", "UnknownContentType", f"nothing here reads the content type '{kind[:100]}'")
