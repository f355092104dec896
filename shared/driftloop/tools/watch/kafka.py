"""The same rows through the real services over a real Kafka."""

from collections.abc import Callable, Sequence
from pathlib import Path

from driftloop.contracts.model_profiles import ModelProfile
from driftloop.contracts.topics import MODEL_PROFILES, MODEL_SPECS
from driftloop.kafka.clients.sender import Sender
from driftloop.tools.registry.declaring import spec_message
from driftloop.tools.replay.run import replay_loop
from driftloop.tools.replay.wire import KafkaWire
from driftloop.tools.watch.outcomes import RecordedOutcomes, start_of
from driftloop.tools.watch.play import ROWS_A_RECORD, Found, Progress
from driftloop.tools.watch.telling import tellings


class OverKafka:
    """A `Player` that starts a loop of its own (or uses a cluster) and removes it afterwards."""

    def __init__(self, bootstrap_servers: str | None, said: Callable[[str], None], home: Path | None = None) -> None:
        self._bootstrap_servers, self._said, self._home = bootstrap_servers, said, home

    def play(self, recorded: RecordedOutcomes, profiles: Sequence[ModelProfile], progress: Progress) -> Found:
        """All rows in their order, each batch settled before the next; raises UserError where the loop breaks."""
        spec, found = recorded.spec, Found()
        with (
            replay_loop(self._home, self._bootstrap_servers, self._said, spec.learner.name) as loop,
            KafkaWire(spec.model_id, loop.kafka, loop.check) as wire,
        ):
            wire.control(MODEL_SPECS, spec_message(spec, start_of(recorded.columns["predicted_at"])))
            sender = Sender(loop.kafka)
            for profile in profiles:
                sender.send(MODEL_PROFILES, f"{spec.model_id}/{profile.version}", profile.to_json())
            sender.close()
            done = 0
            for telling in tellings(recorded, ROWS_A_RECORD):
                batch = telling.batch
                if batch is None:
                    wire.label(telling.labels)
                else:
                    wire.publish(batch.column("prediction_id")[0].as_py(), batch)
                    wire.flush()
                    done += batch.num_rows
                wire.settle()
                progress(done, len(recorded))
            found.signals = list(wire.journal.signals)
        return found
