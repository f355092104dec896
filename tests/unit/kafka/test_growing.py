"""When topics may have more partitions, and the one sentence where they may not."""

import pytest

from driftloop.contracts.topics import topics
from driftloop.kafka.admin.growing import PARTITION_GROUPS, judge_growth

EMPTY = {"prediction-outcomes": 12, "prediction-labels": 12, "outcome_ingestion-changelog": 12}
CASES = {
    "empty and at rest": (24, EMPTY, (), (), ""),
    "cut off half way": (24, {**EMPTY, "prediction-labels": 24}, (), (), ""),
    "fewer": (6, EMPTY, (), (), "prediction-outcomes has 12 partitions already, and Kafka takes none back"),
    "as many": (12, EMPTY, (), (), "every topic has 12 partitions already"),
    "one is larger than asked for": (24, {**EMPTY, "prediction-labels": 30}, (), (), "prediction-labels has 30"),
    "records": (24, EMPTY, ("prediction-outcomes",), (), "prediction-outcomes held records already"),
    "records and members": (24, EMPTY, tuple(EMPTY), ("outcome_ingestion",), "more partitions would send their keys"),
    "members": (24, EMPTY, (), ("outcome_ingestion",), "outcome_ingestion are at work"),
}


@pytest.mark.parametrize("case", CASES)
def test_topics_grow_only_where_no_key_can_move(case):
    wanted, partitions, used, at_work, sentence = CASES[case]
    growth = judge_growth("predictions", wanted, partitions, used, at_work)
    assert growth.refusal.startswith(sentence) if not used else sentence in growth.refusal
    assert bool(growth.refusal) == bool(sentence)
    assert set(growth.grows) == {topic for topic, count in partitions.items() if count < wanted}


def test_a_refusal_for_records_names_three_topics_and_the_way_on():
    used = [f"topic-{number}" for number in range(5)]
    refusal = judge_growth("models", 24, dict.fromkeys(used, 12), used, ()).refusal
    assert refusal.startswith("topic-0, topic-1, topic-2 and 2 more held records already")
    assert "DRIFTLOOP_KAFKA_TOPIC_PREFIX" in refusal
    assert "docs/operations/growing.md" in refusal


def test_every_topic_belongs_to_a_group_that_can_be_named():
    assert {topic.partition_group for topic in topics().values()} == set(PARTITION_GROUPS)
