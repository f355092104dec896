"""New topics and partitions are there once one answer shows all: the brokers of a cluster hear of them one by one."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin import topics

NAMES = ("a", "b", "c")
ONE_EACH = dict.fromkeys(NAMES, 1)


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


@given(
    partial=st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 5)), max_size=6),
    least=st.dictionaries(st.sampled_from(NAMES), st.integers(1, 4), min_size=1),
)
def test_partitions_are_those_of_the_first_answer_that_shows_enough_of_every_topic(partial, least):
    answers = [*partial, dict.fromkeys(NAMES, 4)]
    found = topics._await_visible(Brokers(answers), least)
    first = next(shown for shown in answers if all(shown.get(name, 0) >= count for name, count in least.items()))
    assert found == {name: first[name] for name in least}


def test_a_broker_that_has_not_heard_of_what_another_one_showed_is_asked_again():
    brokers = Brokers([ONE_EACH, {"a": 1}, ONE_EACH])
    assert topics._await_visible(brokers, ONE_EACH) == ONE_EACH
    assert topics._await_visible(brokers, ONE_EACH) == ONE_EACH
    assert brokers.asked == 3


def test_a_broker_that_still_shows_the_old_partitions_is_asked_again():
    brokers = Brokers([{"a": 2}, {"a": 4}])
    assert topics._await_visible(brokers, {"a": 4}) == {"a": 4}


@pytest.mark.parametrize("shown", [{"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 2}], ids=["none", "too few"])
def test_a_topic_that_is_never_shown_is_named(monkeypatch, shown):
    monkeypatch.setattr(topics, "_TIMEOUT_S", 0.01)
    with pytest.raises(UserError, match="Kafka took c with 3 partitions and does not show them") as stop:
        topics._await_visible(Brokers([shown]), {"a": 1, "b": 1, "c": 3})
    assert stop.value.exit_code == ExitCode.BROKER_AWAY
