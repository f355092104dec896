"""What a running service says when people change topics under it."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.kafka.loop.topic_watch import LOOK_EVERY_S, TopicWatch
from driftloop.kafka.settings import KafkaSettings, LoopSettings

SETTINGS = LoopSettings(service="drift_detection", group="drift_detection", inputs=("outcome-frames",),
                        tables=("model-specs", "model-profiles"), state="snapshot")  # fmt: skip


class _Cluster:
    """Topics by name: id and partitions; what is not there is unknown. The clock stands until `pass_by`."""

    def __init__(self) -> None:
        self.topics = {name: (f"id-{name}", 4) for name in
                       ("outcome-frames", "drift_detection-changelog", "model-specs", "model-profiles")}  # fmt: skip
        self.error = KafkaError.UNKNOWN_TOPIC_OR_PART
        self.now = 0.0

    def list_topics(self, timeout: float) -> SimpleNamespace:
        return SimpleNamespace(cluster_id="cluster")

    def describe_topics(self, names: object, *, request_timeout: float) -> dict[str, Future[object]]:
        return {name: self._described(name) for name in names.topic_names}

    def _described(self, name: str) -> Future[object]:
        future: Future[object] = Future()
        if name in self.topics:
            topic_id, count = self.topics[name]
            future.set_result(SimpleNamespace(topic_id=topic_id, partitions=range(count)))
        else:
            future.set_exception(KafkaException(KafkaError(self.error)))
        return future


@pytest.fixture
def cluster() -> _Cluster:
    return _Cluster()


@pytest.fixture
def look(cluster):
    watch = TopicWatch(KafkaSettings(), cluster, SETTINGS, ["outcome-frames", "drift_detection-changelog"],
                       clock=lambda: cluster.now)  # fmt: skip

    def looked(times: int = 1) -> None:
        for _ in range(times):
            cluster.now += LOOK_EVERY_S
            watch.look()
            watch.look()

    return looked


def test_topics_that_stay_as_they_are_are_no_news(look):
    look(20)


@pytest.mark.parametrize("table", SETTINGS.tables)
def test_new_partitions_of_a_table_end_the_service_so_that_its_next_start_reads_them(cluster, look, table):
    cluster.topics[table] = (f"id-{table}", 6)
    with pytest.raises(AwayError, match=f"its table {table} has 6 partitions, before it had 4") as stop:
        look()
    assert stop.value.exit_code == ExitCode.ERROR, "a supervisor starts it again"


@pytest.mark.parametrize("table", SETTINGS.tables)
def test_a_table_made_anew_ends_the_service_and_names_the_way_on(cluster, look, table):
    cluster.topics[table] = ("id-another", 4)
    with pytest.raises(AwayError, match=f"its table {table} was deleted and made anew.*driftloop models apply"):
        look()


def test_an_input_that_grows_is_still_a_matter_of_recover(cluster, look):
    cluster.topics["outcome-frames"] = ("id-outcome-frames", 6)
    with pytest.raises(UserError, match="`driftloop recover drift_detection`") as stop:
        look()
    assert stop.value.exit_code == ExitCode.STATE_MISMATCH


@pytest.mark.parametrize("topic", ["outcome-frames", "drift_detection-changelog", *SETTINGS.tables])
def test_a_topic_that_is_gone_in_three_looks_ends_the_service(cluster, look, topic):
    del cluster.topics[topic]
    look(2)
    with pytest.raises(
        AwayError, match=f"{topic} is not there any more; make it with `driftloop topics apply`"
    ) as stop:
        look()
    assert stop.value.exit_code == ExitCode.NOT_FOUND


def test_a_broker_that_knows_less_for_a_moment_ends_nothing(cluster, look):
    kept = dict(cluster.topics)
    for _ in range(5):
        del cluster.topics["outcome-frames"]
        look(2)
        cluster.topics.update(kept)
        look()


def test_a_broker_that_is_away_ends_nothing(cluster, look):
    cluster.error = KafkaError._TRANSPORT
    cluster.topics.clear()
    look(20)
