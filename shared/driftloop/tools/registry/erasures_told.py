"""What the archive remembers of erasures, as messages on the log: consoles have no access to the archive."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from driftloop.archive.erasing import Erasure, erasures
from driftloop.contracts.archive_erasures import RowsErased
from driftloop.contracts.message import derive_id
from driftloop.contracts.reading import readable
from driftloop.contracts.topics import ARCHIVE_ERASURES
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.registry.erased_rows import since_erased
from driftloop.tools.registry.lineage import lineage
from driftloop.tools.registry.view import RegistryView


def told_of(erasure: Erasure, view: RegistryView) -> RowsErased:
    """The message of an erasure; of the same one it has the same id."""
    return RowsErased(
        message_id=_id_of(erasure),
        model_id=erasure.model_id,
        occurred_at=erasure.done or erasure.at,
        erasure=erasure.name,
        rows=erasure.rows,
        began_at=None if erasure.done is None else erasure.at,
        versions=tuple(_versions(erasure, view)),
    )


def _id_of(erasure: Erasure) -> UUID:
    return derive_id("rows-erased", erasure.model_id, erasure.name, (erasure.done or erasure.at).isoformat())


def _versions(erasure: Erasure, view: RegistryView) -> Iterable[str]:
    """Versions that learnt from the rows, or go on from one that did, in the registry's order."""
    for one in view.versions(erasure.model_id):
        story = lineage(view, erasure.model_id, one.version)
        if story is not None and since_erased(view, story, [erasure]):
            yield one.version


def tell_erasures(kafka: KafkaSettings, view: RegistryView, uri: str, model_id: str) -> int:
    """Put those erasures of a model on the log that it lacks, also those of earlier releases; how many.

    Raises UserError where the topic is not there or cannot be written.
    """
    known = erasures(uri, model_id)
    messages = [told_of(one, view) for one in _lacking(kafka, known)] if known else []
    if messages:
        sender = Sender(kafka)
        for message in messages:
            sender.send(ARCHIVE_ERASURES, message.model_id, message.to_json())
        sender.close()
    return len(messages)


def _lacking(kafka: KafkaSettings, known: Sequence[Erasure]) -> list[Erasure]:
    with Tail(kafka, [ARCHIVE_ERASURES]) as tail:
        found = [readable(RowsErased, record.value) for record in tail.read_to_end() if record.value]
    told = {one.message_id for one in found if one is not None}
    return [one for one in known if _id_of(one) not in told]
