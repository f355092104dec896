import pytest

from driftloop.contracts.topics import DEAD_LETTERS, PREDICTION_OUTCOMES
from driftloop.kafka.admin.dead_letters_topic import delete_dead_letters, read_dead_letters, send_again
from driftloop.kafka.admin.removal import remove_prefixed
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.settings import KafkaSettings

pytestmark = pytest.mark.broker


@pytest.fixture
def buried(kafka: KafkaSettings) -> KafkaSettings:
    apply_topics(kafka, partitions=1)
    sender = Sender(kafka)
    for number in range(3):
        why = (("content-type", b"application/json"), ("dlq.error.class", b"BadJson"))
        topic = ("dlq.error.topic", PREDICTION_OUTCOMES.encode())
        sender.send(DEAD_LETTERS, b"\xff%d" % number, b"{%d" % number, (*why, topic))
    sender.close()
    return kafka


def test_letters_sent_again_keep_key_value_and_headers(buried):
    letters = read_dead_letters(buried)
    assert [letter.error["class"] for letter in letters] == ["BadJson"] * 3
    assert send_again(buried, letters[1:]) == 2
    reader = LogReader(buried, [PREDICTION_OUTCOMES])
    records = list(reader.read_to(reader.ends()))
    reader.close()
    assert [(record.key(), record.value()) for record in records] == [(b"\xff1", b"{1"), (b"\xff2", b"{2")]
    assert records[0].headers() == [("content-type", b"application/json")]


def test_deleting_up_to_a_letter_leaves_the_later_ones(buried):
    delete_dead_letters(buried, read_dead_letters(buried)[:2])
    assert [letter.offset for letter in read_dead_letters(buried)] == [2]


def test_only_what_has_a_prefix_of_its_own_can_be_removed(buried):
    assert len(remove_prefixed(buried)) > 10
    assert remove_prefixed(buried) == []
    with pytest.raises(ValueError, match="prefix"):
        remove_prefixed(KafkaSettings(bootstrap_servers=buried.bootstrap_servers))
