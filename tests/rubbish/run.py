"""One run: good records with rubbish among them through the real services, and the count after it."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from tests.quiescence import Quiescence
from tests.rubbish import bad, good
from tests.rubbish.good import Sent
from tests.rubbish.verdict import Found, verdict_of
from tests.rubbish.watched import Watched

from driftloop.contracts.topics import (
    MODEL_COMMANDS,
    PREDICTION_LABELS,
    PREDICTION_OUTCOMES,
    TRAINING_REQUESTS,
)
from driftloop.kafka.admin.dead_letters_topic import read_dead_letters
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.settings import KafkaSettings

MARK = "rubbish"
"""The header that names a bad record, so that it is known again among the dead letters."""

SHARES = {PREDICTION_OUTCOMES: 0.6, PREDICTION_LABELS: 0.3, MODEL_COMMANDS: 0.1}
MODULES = (("outcome_ingestion", "--role", "ingest"), ("retrain_coordinator",), ("trainer_worker", "--role", "train"))
GROUPS = {
    "outcome_ingestion": (PREDICTION_OUTCOMES, PREDICTION_LABELS),
    "retrain_coordinator": (MODEL_COMMANDS,),
    "trainer_worker": (TRAINING_REQUESTS, MODEL_COMMANDS),
}
_SMALL_MEMORY = {
    "DRIFTLOOP_OUTCOME_INGESTION_REMEMBERED_ROWS": "10000",
    "DRIFTLOOP_OUTCOME_INGESTION_CORRECTABLE_ROWS": "2000",
    "DRIFTLOOP_OUTCOME_INGESTION_WAITING_ROWS": "1000000",
}
"""What is remembered of good rows is bounded early, so that only what should not grow can grow."""
_GOOD = {PREDICTION_OUTCOMES: good.good_outcome, PREDICTION_LABELS: good.good_label, MODEL_COMMANDS: good.command}
PARTS = 4
_PAST_ALL_GOOD = 50_000_000


@dataclass
class Plan:
    """What is to be sent: `good_each` good records for a bad one."""

    messages: int
    good_each: int = 20
    seed: int = 1
    huge_each: int = PARTS
    """So many records of 20 MB a topic."""
    classes: dict[str, int] = field(default_factory=dict)
    """Topic: class → how many were sent."""

    def records(self) -> Iterator[Sent]:
        """Everything in the order in which it is sent; the labels come behind their rows."""
        dice = Random(self.seed)
        counts = {topic: round(self.messages * share) for topic, share in SHARES.items()}
        rows = counts[PREDICTION_OUTCOMES] * self.good_each
        numbers: dict[str, Iterator[int]] = {
            PREDICTION_OUTCOMES: iter(range(rows)),
            PREDICTION_LABELS: (number for number in range(rows) if not good.brings_label(number)),
            MODEL_COMMANDS: iter(range(rows)),
        }
        groups = {topic: self._groups(topic, count, numbers[topic], dice) for topic, count in counts.items()}
        for _ in range(counts[MODEL_COMMANDS]):
            for topic in (*[PREDICTION_OUTCOMES, PREDICTION_OUTCOMES, PREDICTION_LABELS] * 3, MODEL_COMMANDS):
                yield from next(groups[topic], ())

    def _groups(self, topic: str, count: int, numbers: Iterator[int], dice: Random) -> Iterator[list[Sent]]:
        """Good records with a bad one among them."""
        for record in self._bad(topic, count, dice):
            sound = [_GOOD[topic](number) for number in islice(numbers, self.good_each)]
            sound.insert(dice.randint(0, len(sound)), record)
            yield sound

    def _bad(self, topic: str, count: int, dice: Random) -> Iterator[Sent]:
        makes = bad.BAD[topic]
        names = [name for name in makes if name != bad.HUGE]
        huge = min(self.huge_each, count)
        chosen = [names[n % len(names)] for n in range(count - huge)]
        for part in range(huge):
            chosen.insert((2 * part + 1) * count // (2 * huge), bad.HUGE)
        for n, name in enumerate(chosen):
            self.classes[f"{topic}: {name}"] = self.classes.get(f"{topic}: {name}", 0) + 1
            record = makes[name](_PAST_ALL_GOOD + 4 * n + 1)
            mark = (MARK, f"{topic}/{n}/{name}".encode())
            yield record._replace(headers=(*record.headers, mark))


def run(kafka: KafkaSettings, plan: Plan, *, seconds: float = 1800.0) -> dict[str, Any]:
    """Send it all through the services, wait until nothing is on its way, and count."""
    apply_topics(kafka, partitions=4)
    with tempfile.TemporaryDirectory() as scratch:
        services = start(kafka, Path(scratch))
        try:
            found = Found()
            quiescence = Quiescence(kafka, GROUPS)
            for part in _sent_in_parts(kafka, plan, found):
                quiescence.wait(seconds, pause_s=0.2, alive=lambda: _alive(services))
                for service in services:
                    service.note_memory(part)
            found.read(kafka, MARK)
        finally:
            crashes = sum(service.crashed for service in services)
            for service in services:
                service.stop()
        return {"classes": len(plan.classes), **verdict_of(found, services), "crashes": crashes}


def start(kafka: KafkaSettings, folder: Path, modules: tuple[tuple[str, ...], ...] = MODULES) -> list[Watched]:
    """The services that read the three topics, or those of them that are named."""
    return [
        Watched(module, kafka, folder / f"{module[0]}.log", **_SMALL_MEMORY, **_homes(folder)) for module in modules
    ]


def _homes(folder: Path) -> dict[str, str]:
    return {
        "DRIFTLOOP_TRAINER_WORKER_ARCHIVE_URI": str(folder / "lake"),
        "DRIFTLOOP_TRAINER_WORKER_ARTIFACT_URI": str(folder / "artifacts"),
    }


def _alive(services: list[Watched]) -> None:
    for service in services:
        if service.crashed:
            raise AssertionError(f"{service.name} ended by itself: {service.log.read_text()[-2000:]}")


def _sent_in_parts(kafka: KafkaSettings, plan: Plan, found: Found) -> Iterator[str]:
    """Send it in parts, each delivered when its name is given: after each one memory is looked at, at rest."""
    sender = Sender(kafka, queue_records=20_000)
    sender.send(*good.spec()[:3])
    sender.flush()
    a_part = plan.messages * (plan.good_each + 1) // PARTS
    records = plan.records()
    for part in range(PARTS):
        for record in records if part == PARTS - 1 else islice(records, a_part):
            found.sent(record, MARK)
            sender.send(record.topic, record.key, record.value, record.headers)
        sender.flush(120.0)
        yield f"part {part + 1}"
    sender.close()


def only_rubbish(kafka: KafkaSettings, seconds: float = 300.0) -> dict[str, Any]:
    """Nothing but rubbish: each service reads all of it, buries all of it, says whom it refuses, and goes on."""
    apply_topics(kafka, partitions=1)
    plan = Plan(4_000, good_each=1)
    sent = 0
    with tempfile.TemporaryDirectory() as scratch:
        sender = Sender(kafka)
        sender.send(*good.spec()[:3])
        for record in plan.records():
            if not record.says and len(record.value or b"") < 100_000:
                for _ in range(3):
                    sender.send(record.topic, record.key, record.value, record.headers)
                    sent += record.topic != MODEL_COMMANDS
        sender.close()
        services = start(kafka, Path(scratch), MODULES[:2])
        groups = {name: topics for name, topics in GROUPS.items() if name != "trainer_worker"}
        try:
            Quiescence(kafka, groups).wait(seconds, pause_s=0.2, alive=lambda: _alive(services))
            refused = {service.name: service.said("a source is refused") for service in services}
        finally:
            codes = {service.name: service.process.poll() for service in services}
            for service in services:
                service.stop()
    letters = sum(letter.topic != MODEL_COMMANDS for letter in read_dead_letters(kafka))
    went_on = all(code is None for code in codes.values()) and letters == sent and all(refused.values())
    return {"went_on": went_on, "exit_codes": codes, "sent": sent, "letters": letters, "refused": refused}
