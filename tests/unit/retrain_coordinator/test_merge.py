"""However the topics of evidence interleave, the decisions are the same, byte for byte."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from driftloop.contracts import topics

POLICY = {"policy": {"preset": "default", "triggers": {"harmful_drift": True, "payoff": None}}}


def challenged(story):
    """1.0.0 serves; 1.0.1 is under proof and not proven."""
    told = story(**POLICY).first_version()
    told.signal(onset=400)
    told.status(100, 0.5)
    told.result([0.0, 1.0], [1.0, 0.0])
    assert list(told.state.challenges) == ["1.0.1"]
    return told


def evidence(told, frames):
    """The messages of some frames by topic, not yet said; each frame's loss and challenger gain by its number."""
    by_topic = {topics.DRIFT_SIGNALS: [], topics.DRIFT_STATUS: [], topics.CHALLENGE_SCORES: []}
    for harmful, better in frames:
        if harmful is not None:
            by_topic[topics.DRIFT_SIGNALS].append(told.signal(harmful=harmful, say=False))
        by_topic[topics.DRIFT_STATUS].append(told.status(40, 0.3, signals=int(harmful is not None), say=False))
        losses = {"1.0.0": [1.0] * 8, "1.0.1": [0.0 if better else 1.0] * 8}
        by_topic[topics.CHALLENGE_SCORES].append(told.scores(losses, say=False))
    return by_topic


def say(told, by_topic, order):
    """Say everything, topic by topic as `order` picks, each topic in its own order."""
    left = {topic: list(messages) for topic, messages in by_topic.items()}
    for pick in order:
        waiting = [topic for topic in sorted(left) if left[topic]]
        if waiting:
            topic = waiting[pick % len(waiting)]
            told.say(topic, left[topic].pop(0))
    for topic in sorted(left):
        for message in left[topic]:
            told.say(topic, message)


frames_of = st.lists(st.tuples(st.sampled_from([None, True, False]), st.booleans()), min_size=1, max_size=8)


def stories(story, frames, order):
    for way in ((), order):
        told = challenged(story)
        told.sent.clear()
        say(told, evidence(told, frames), way)
        yield told


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=frames_of, order=st.lists(st.integers(0, 2), max_size=30))
@example(
    frames=[(True, True), (False, False), (True, False), (False, False), (None, True), (True, True), (False, True),
            (None, False)],
    order=[1, 0, 0, 1, 2, 2, 1, 1, 2, 2, 2, 1, 2, 2, 2, 2, 2, 1, 1, 1, 1, 0, 2, 2, 0, 1, 0, 1, 2],
)  # fmt: skip
def test_any_interleaving_gives_the_same_bytes(story, frames, order):
    one, other = stories(story, frames, order)
    assert one.sent == other.sent
    assert one.state.to_json() == other.state.to_json()


def test_a_frame_told_again_does_not_count_again(story):
    told = challenged(story)
    status = told.status(40, 0.3, say=False)
    scores = told.scores({"1.0.0": [1.0] * 3, "1.0.1": [1.0] * 3}, say=False)
    told.say(topics.DRIFT_STATUS, status)
    told.say(topics.CHALLENGE_SCORES, scores)
    rows = told.state.challenges["1.0.1"].gain.rows
    effects = told.say(topics.CHALLENGE_SCORES, scores)
    assert effects.ignored == {"frame already taken in": 1}
    assert told.state.challenges["1.0.1"].gain.rows == rows


def test_scores_that_were_told_without_the_challenger_are_waited_for_again(story):
    told = challenged(story)
    told.status(40, 0.3)
    told.scores({"1.0.0": [1.0] * 3})
    assert told.state.waiting
    told.scores({"1.0.0": [1.0] * 3, "1.0.1": [1.0] * 3})
    assert not told.state.waiting


def test_a_scorer_that_is_down_does_not_keep_drift_unanswered_for_ever(story, monkeypatch):
    from retrain_coordinator.core import merge

    monkeypatch.setattr(merge, "FRAMES_WAITING", 5)
    told = challenged(story)
    for _ in range(8):
        told.status(40, 0.3)
    assert len(told.state.waiting) == 5


def test_a_signal_that_is_read_after_its_status_is_waited_for(story):
    told = story(**POLICY).first_version()
    signal = told.signal(onset=400, say=False)
    told.status(100, 0.5, signals=1)
    assert told.actions[-1] == "promote"
    told.say(topics.DRIFT_SIGNALS, signal)
    assert told.actions[-1] == "retrain"
