"""Watches the topics that a service reads side by side, and its tables: their ids, and how many partitions each has.

Why while running too: a partition that one topic has and its twin lacks is assigned and never read, without a log
line or a lag; so is a new partition of a table, whose specs nobody would take up; and a topic that is deleted looks
like one without news. One request a while, answered in the background: a turn of the loop compares two numbers.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.kafka.clients.clients import CLIENT_LOG
from driftloop.kafka.clients.retries import patiently
from driftloop.kafka.deadlines import DEADLINES
from driftloop.kafka.loop.transport import Position
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import LogIdentity

LOOK_EVERY_S = 5.0
_GONE_LOOKS = 3
"""A broker that has just started may know less than there is."""
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""What a cluster that gives topics no ids says."""


class TopicWatch:
    """Knows the topics as of the start, and raises a UserError where they do not fit, change, or are gone."""

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
        self._due, self._gone = clock() + LOOK_EVERY_S, 0
        every = identity_of(kafka, admin, [*topics, *settings.tables], exact=exact)
        self.identity, self._tables = _part(every, topics), _part(every, settings.tables)
        self._check(self.identity)

    def look(self) -> None:
        """Ask where it is time, and judge an answer that has come. Never waits."""
        if self._asked:
            if all(future.done() for future in self._asked.values()):
                self._judge()
        elif self._clock() >= self._due:
            self._asked = _describe(self._admin, self._prefix, [*self._topics, *self._settings.tables])

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
            self._count_gone(asked)
            return
        self._gone = 0
        every = _identity(self.identity.cluster, found, exact=self.identity.exact)
        self._check(_part(every, self._topics))
        self._check_tables(_part(every, self._settings.tables))

    def _count_gone(self, asked: Mapping[str, Future[Any]]) -> None:
        gone = [topic for topic, future in asked.items() if _says_gone(future)]
        self._gone = self._gone + 1 if gone else 0
        if self._gone >= _GONE_LOOKS:
            raise AwayError(gone_sentence(self._settings, gone), ExitCode.NOT_FOUND)

    def _check_tables(self, now: LogIdentity) -> None:
        if (sentence := table_refusal(self._settings.service, self._tables, now)) is not None:
            raise AwayError(sentence)

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


def table_refusal(service: str, then: LogIdentity, now: LogIdentity) -> str | None:
    """Why a service is to be started again for its tables as they are `now`; None where it is not."""
    anew = [topic for topic, known in then.topics.items() if known != now.topics[topic]]
    if anew:
        return (
            f"{service} stops: its table {', '.join(anew)} was deleted and made anew while it ran, and what it knows "
            "is on no log any more; publish its rows again (specs: `driftloop models apply`), then start it again"
        )
    for topic, count in now.partitions.items():
        if count != (before := then.partitions[topic]):
            return (
                f"{service} stops: its table {topic} has {count} partitions, before it had {before}; it reads them "
                "all when it is started again"
            )
    return None


def gone_sentence(settings: LoopSettings, gone: Sequence[str]) -> str:
    """What a service says of topics that are not there any more."""
    return (
        f"{settings.service} stops: {', '.join(gone)} is not there any more; make it with `driftloop topics apply`, "
        f"then see the way on with `driftloop recover {settings.group}` (it changes nothing without --yes)"
    )


def _says_gone(future: Future[Any]) -> bool:
    error = future.exception(0)
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def _part(every: LogIdentity, topics: Sequence[str]) -> LogIdentity:
    """What is said of some of the topics."""
    return replace(
        every,
        topics={topic: every.topics[topic] for topic in topics},
        partitions={topic: every.partitions[topic] for topic in topics},
    )


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
