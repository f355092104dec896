"""The core of role translate: records of one declared source to outcomes, labels or halves of exchanges."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import ValidationError

from driftloop.contracts.model_sources import ModelSourcePublished
from driftloop.contracts.topics import MODEL_SOURCES
from driftloop.cores.effects_builder import EffectsBuilder
from driftloop.cores.record_fields import key_text
from driftloop.errors import AwayError, ExitCode
from driftloop.processor import DeadLetter, Effects, KeptOut, Outgoing, Record
from driftloop.spec.model_source import ModelSource
from outcome_ingestion.core.refusal import Refusal
from outcome_ingestion.core.translate.assembly import label, outcome
from outcome_ingestion.core.translate.debezium import PassedOver
from outcome_ingestion.core.translate.document import Document, DocumentReader
from outcome_ingestion.core.translate.halves import Exchanges
from outcome_ingestion.core.translate.paths import Paths
from outcome_ingestion.core.translate.plain_rows import plain_rows
from outcome_ingestion.core.translate.schemas import FindForeign

NOT_OURS = "not where"
"""Why a record of another model on the same topic is passed over: it is no loss, so it is counted apart."""


@dataclass(slots=True)
class Translated:
    """What became of one record."""

    messages: list[Outgoing] = field(default_factory=list)
    refusal: Refusal | None = None
    passed_over: list[str] = field(default_factory=list)
    """Why the record, or rows of it, are right to drop."""


class Translator:
    """Translates the records of one source. A record is never an error: what it cannot become is said."""

    def __init__(self, source: ModelSource, find: FindForeign | None = None) -> None:
        self.source = source
        self._reader, self._paths = DocumentReader(source, find), Paths(source)
        self._exchanges = Exchanges(source, self._paths)
        self.short = plain_rows(source)
        """The short way of plain records, where the source has one."""

    def translate(self, record: Record) -> Translated:
        """The messages of a record. Of several rows the good ones go on, and the first bad one is named."""
        done = Translated()
        try:
            document = self._reader.read(record)
            if self._paths.is_wanted(document):
                self._translate(document, done)
            else:
                done.passed_over = [NOT_OURS]
        except PassedOver as passed:
            done.passed_over = [passed.reason]
        except Refusal as refusal:
            done.refusal = refusal
        except RecursionError:
            done.refusal = Refusal("decode", "Undecodable", "the record is nested too deep")
        return done

    def _translate(self, document: Document, done: Translated) -> None:
        if self.source.in_halves:
            done.messages.append(self._exchanges.half(document).outgoing())
            return
        found = self._paths.rows(document) if self.source.server == "none" else self._exchanges.whole(document)
        build, number = label if self.source.gives == "labels" else outcome, -1
        for number, row in enumerate(found):
            try:
                if isinstance(row, Refusal | PassedOver):
                    raise row
                done.messages.append(build(row, self.source.model_id))
            except PassedOver as passed:
                done.passed_over.append(passed.reason)
            except Refusal as refusal:
                done.refusal = done.refusal or Refusal(
                    refusal.stage, refusal.error_class, f"row {number}: {refusal.sentence}" if number else str(refusal)
                )
        if number < 0:
            done.passed_over = ["no_rows"]


@dataclass(slots=True)
class TranslateCounts:
    """What the core has done since the start."""

    records: int = 0
    left_to_others: int = 0
    """Records for which the source's `where` is not true."""
    messages: dict[str, int] = field(default_factory=dict)
    """By topic."""


class Translate:
    """The `Processor` of role translate: see the service card. It holds no state."""

    def __init__(self, source: ModelSource, find: FindForeign | None = None) -> None:
        self.counts = TranslateCounts()
        self._find, self._started_with = find, source
        self._translator = Translator(source, find)
        self._ended: str | None = None

    @property
    def source(self) -> ModelSource:
        """The declaration that is followed."""
        return self._translator.source

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:  # noqa: ARG002
        """The messages of a batch. Raises AwayError once the source was withdrawn or its topics are others."""
        if self._ended is not None:
            raise AwayError(self._ended, ExitCode.ERROR)
        built = EffectsBuilder()
        short, sent = self._translator.short, 0
        for record in records:
            plain = None if short is None else short.message(record)
            if plain is not None:
                built.send(plain)
                sent += 1
                continue
            done = self._translator.translate(record)
            built.send(*done.messages)
            for message in done.messages:
                self.counts.messages[message.topic] = self.counts.messages.get(message.topic, 0) + 1
            if done.refusal is not None:
                refusal = done.refusal
                built.bury(DeadLetter(record, refusal.stage, refusal.error_class, refusal.sentence))
            for why in done.passed_over:
                if why == NOT_OURS:
                    self.counts.left_to_others += 1
                else:
                    built.ignore(why)
        self.counts.records += len(records)
        if short is not None and sent:
            self.counts.messages[short.topic] = self.counts.messages.get(short.topic, 0) + sent
        return built.effects()

    def wake(self, now: datetime) -> Effects:  # noqa: ARG002
        """Never asked for."""
        return Effects()

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        """There is no state."""

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002
        """There is no state."""
        return ()

    def revoke(self, partition: int) -> None:
        """There is no state."""

    def take_table(self, topic: str, records: Sequence[Record]) -> Sequence[KeptOut] | None:
        """The newest declaration of our source counts; one that cannot be used is kept out."""
        if topic != MODEL_SOURCES:
            return None
        mine = [record for record in records if key_text(record) == self._started_with.name]
        return [kept for record in mine if (kept := self._take(record)) is not None]

    def _take(self, record: Record) -> KeptOut | None:
        name, value = self._started_with.name, record.value()
        if value is None:
            self._ended = f"the source {name} was withdrawn: declare it with `driftloop sources apply`"
            return None
        try:
            source = ModelSourcePublished.from_json(value).source
        except (ValidationError, ValueError) as error:
            return KeptOut(record, "unusable", f"the source {name} cannot be used: {str(error)[:300]}")
        self._ended = None
        if source.topics != self._started_with.topics:
            self._ended = f"the source {name} has other topics now: the process starts anew with them"
        elif source != self._translator.source:
            self._translator = Translator(source, self._find)
        return None
