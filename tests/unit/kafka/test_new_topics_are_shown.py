"""New topics are served once one answer shows all of them: the brokers of a cluster hear of them one by one."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin import topics

NAMES = ("a", "b", "c")


class Brokers:
    """Answers as one broker after the other does: each shows its own part of the topics, the last one all."""

    def __init__(self, answers):
        self.answers, self.asked = answers, 0

    def list_topics(self, timeout):
        assert timeout > 0
        shown = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return SimpleNamespace(
            topics={name: SimpleNamespace(partitions=dict.fromkeys(range(count))) for name, count in shown.items()}
        )


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3)), max_size=6))
def test_partitions_are_those_of_the_first_answer_that_shows_every_topic(partial):
    everything = dict.fromkeys(NAMES, 4)
    brokers = Brokers([*partial, everything])
    found = topics._await_visible(brokers, NAMES)
    first = next(answer for answer in [*partial, everything] if all(answer.get(name) for name in NAMES))
    assert found == first


def test_a_broker_that_has_not_heard_of_what_another_one_showed_is_asked_again():
    brokers = Brokers([{"a": 1, "b": 1, "c": 1}, {"a": 1}, {"a": 1, "b": 1, "c": 1}])
    assert topics._await_visible(brokers, NAMES) == dict.fromkeys(NAMES, 1)
    assert topics._await_visible(brokers, NAMES) == dict.fromkeys(NAMES, 1)
    assert brokers.asked == 3


def test_a_topic_that_is_never_shown_is_named(monkeypatch):
    monkeypatch.setattr(topics, "_TIMEOUT_S", 0.01)
    with pytest.raises(UserError, match="Kafka created c and does not show it") as stop:
        topics._await_visible(Brokers([{"a": 1, "b": 2}]), NAMES)
    assert stop.value.exit_code == ExitCode.BROKER_AWAY
