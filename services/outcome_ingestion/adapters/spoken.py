"""The core of ingestion, and a line in the log for whatever a person should hear of once."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from driftloop.processor import Effects, Record
from outcome_ingestion.core.ingest import Ingest


class SpokenIngest(Ingest):
    """Says each sentence about classes that never meet, and each spec that cannot be used, when it is new."""

    _said: frozenset[str] = frozenset()

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        """As the core does."""
        effects = super().process(records, now, tables_current=tables_current)
        self._say(dict.fromkeys(self.classes_apart.values(), "predictions and labels never meet"))
        return effects

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        """As the core does."""
        super().take_table(topic, records)
        self._say({f"{model_id}: {why}": "spec not used" for model_id, why in self.refused_specs.items()})

    def _say(self, sentences: dict[str, str]) -> None:
        for sentence in sentences.keys() - self._said:
            structlog.get_logger(service="outcome_ingestion").warning(sentences[sentence], reason=sentence)
        self._said |= sentences.keys()
