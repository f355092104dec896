"""Publishes what a model said, and the truth when it comes."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import pyarrow as pa

from driftloop.codec.arrow import encode_batch
from driftloop.codec.content_types import ARROW, JSON, content_header
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.contracts.topics import PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.kafka.clients.sender import Delivered, Sender
from driftloop.kafka.settings import KafkaSettings


class OutcomePublisher:
    """Sends outcomes and labels in the background; thread-safe.

    A queue that is full (`queue_records`) blocks up to `full_queue_seconds` and then raises UserError.
    `on_delivery` is called with each prediction id and None, or the reason why it was not delivered.
    `flush()` and `close()` raise `DeliveryError` where something did not arrive: nothing is dropped
    silently.

        with OutcomePublisher(KafkaSettings(bootstrap_servers="broker:9092")) as publisher:
            publisher.publish({"prediction_id": "p-1", "model_id": "pricing", "model_version": "1.0.0",
                               "predicted_at": "2026-01-05T06:00:00Z",
                               "features": {"area": 71.5, "city": "Ulm"}, "prediction": 312_000})
            publisher.label({"prediction_id": "p-1", "model_id": "pricing", "label": 305_000,
                             "labelled_at": "2026-02-01T09:00:00Z"})
    """

    def __init__(
        self,
        kafka: KafkaSettings | None = None,
        *,
        queue_records: int = 500_000,
        full_queue_seconds: float = 10.0,
        on_delivery: Delivered | None = None,
    ) -> None:
        self._sender = Sender(
            kafka or KafkaSettings(),
            queue_records=queue_records,
            full_queue_seconds=full_queue_seconds,
            on_delivery=on_delivery,
        )

    def __enter__(self) -> "OutcomePublisher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, outcome: PredictionOutcome | Mapping[str, Any], *, key: str | None = None) -> None:
        """Send one outcome; raises ValueError if it breaks the contract.

        `key` is the entity of a forecast whose truth comes as observations; of any other the prediction id is the key.
        """
        checked = outcome if isinstance(outcome, PredictionOutcome) else PredictionOutcome.model_validate(outcome)
        value = checked.model_dump_json(exclude_unset=True).encode()
        self._sender.send(PREDICTION_OUTCOMES, key or checked.prediction_id, value, content_header(JSON))

    def publish_batch(self, key: str, batch: pa.RecordBatch) -> None:
        """Send many outcomes of one model as one message: the fastest way in. Rows are checked on arrival.

        Columns as in `driftloop.codec.frames` (`feature.NAME`, `prediction.FIELD`, `label.FIELD`); the
        schema's metadata names the `model_id`. `key` is any text, the first row's id for example.
        """
        self._sender.send(PREDICTION_OUTCOMES, key, encode_batch(batch), content_header(ARROW))

    def label(self, label: PredictionLabel | Mapping[str, Any]) -> None:
        """Send the truth about an earlier prediction, a correction or a rating of it, or a value of a series."""
        checked = label if isinstance(label, PredictionLabel) else PredictionLabel.model_validate(label)
        value = checked.model_dump_json(exclude_unset=True).encode()
        self._sender.send(PREDICTION_LABELS, checked.key, value, content_header(JSON))

    def flush(self, seconds: float = 30.0) -> None:
        """Wait until everything is on the log; raises DeliveryError if something is not."""
        self._sender.flush(seconds)

    def close(self, seconds: float = 30.0) -> None:
        """Flush and end."""
        self._sender.close(seconds)
