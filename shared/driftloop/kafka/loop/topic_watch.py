"""Watches the topics that a service reads side by side: their ids, and how many partitions each has.

Why while running too: a partition that one topic has and its twin lacks is assigned and never read, without a log
line or a lag. One request a while, answered in the background: a turn of the loop compares two numbers.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.clients import CLIENT_LOG
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.deadlines import DEADLINES
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import LogIdentity

LOOK_EVERY_S = 5.0
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""What a cluster that gives topics no ids says."""


class TopicWatch:
    """Knows the topics as of the start, and raises a UserError where they do not fit, or change."""

    def __init__(
        self,
        kafka: KafkaSettings,
        admin: AdminClient,
        settings: LoopSettings,
        topics: Sequence[str],
        *,
        exact: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kafka, self._admin, self._settings, self._prefix = kafka, admin, settings, kafka.topic_prefix
        self._topics, self._clock = list(topics), clock
        self._asked: dict[str, Future[Any]] = {}
        self._due = clock() + LOOK_EVERY_S
        self.identity = identity_of(kafka, admin, topics, exact=exact)
        self._check(self.identity)

    def look(self) -> None:
        """Ask where it is time, and judge an answer that has come. Never waits."""
        if self._asked:
            if all(future.done() for future in self._asked.values()):
                self._judge()
        elif self._clock() >= self._due:
            self._asked = _describe(self._admin, self._prefix, self._topics)

    def require_known(self, positions: Iterable[Position]) -> None:
        """Raises UserError where a partition is handed over that was not there at the start: the client knows
        nothing of it yet, and to ask for its offsets would fail for as long as it is asked."""
        if any(number >= self.identity.partitions.get(topic, 0) for topic, number in positions):
            self._check(identity_of(self._kafka, self._admin, self._topics))

    def _judge(self) -> None:
        asked, self._asked = self._asked, {}
        self._due = self._clock() + LOOK_EVERY_S
        try:
            found = {topic: future.result(0) for topic, future in asked.items()}
        except KafkaException as error:  # the broker is away for now, which others say; or a topic is
            CLIENT_LOG.warning("looking at the topics did not work: %s", error.args[0].str())
            return
        self._check(_identity(self.identity.cluster, found, exact=self.identity.exact))

    def _check(self, now: LogIdentity) -> None:
        unlike = refusal(self._settings, self.identity, now)
        if unlike is not None:
            raise UserError(unlike, ExitCode.STATE_MISMATCH)


def refusal(settings: LoopSettings, then: LogIdentity, now: LogIdentity) -> str | None:
    """Why a service cannot work on topics as they are `now`; None where it can."""
    counts = ", ".join(f"{topic} {count}" for topic, count in now.partitions.items())
    way_on = f"see the way on with `driftloop recover {settings.group}` (it changes nothing without --yes)"
    if len(set(now.partitions.values())) > 1:
        return f"{settings.service} stops: its topics must have one number of partitions, they have {counts}; {way_on}"
    if now.partitions != then.partitions:
        before = ", ".join(f"{topic} {count}" for topic, count in then.partitions.items())
        return f"{settings.service} stops: its topics have {counts} partitions, before they had {before}; {way_on}"
    anew = [topic for topic, known in then.topics.items() if known != now.topics[topic]]
    if anew:
        return f"{settings.service} stops: {', '.join(anew)} was deleted and made anew while it ran; {way_on}"
    return None


def identity_of(kafka: KafkaSettings, admin: AdminClient, topics: Sequence[str], *, exact: bool = True) -> LogIdentity:
    """The cluster and these topics as they are; raises UserError after a minute.

    `exact`: state and offsets are written together, so that each says where the other must be.
    """

    def ask() -> LogIdentity:
        cluster = str(admin.list_topics(timeout=DEADLINES.call_s).cluster_id or "")
        asked = _describe(admin, kafka.topic_prefix, topics)
        found = {topic: future.result(DEADLINES.call_s) for topic, future in asked.items()}
        return _identity(cluster, found, exact=exact)

    return patiently(ask, "asking for the topics")


def _describe(admin: AdminClient, prefix: str, topics: Sequence[str]) -> dict[str, Future[Any]]:
    asked = admin.describe_topics(
        TopicCollection([prefix + topic for topic in topics]), request_timeout=DEADLINES.call_s
    )
    return {topic: asked[prefix + topic] for topic in topics}


def _identity(cluster: str, found: Mapping[str, Any], *, exact: bool) -> LogIdentity:
    ids = {topic: str(one.topic_id) for topic, one in found.items()}
    return LogIdentity(
        cluster,
        {topic: "" if name == _NO_ID else name for topic, name in ids.items()},
        {topic: len(one.partitions) for topic, one in found.items()},
        exact,
    )
