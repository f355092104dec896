"""Which combinations of state, offsets and log a service goes on with, and which it stops at."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.errors import UserError
from driftloop.kafka.admin.recovery_plan import plan
from driftloop.kafka.loop.identity import Facts, Mark, Stand, Trouble, judge, note_of, sentence
from driftloop.processor import LogIdentity

LOG = LogIdentity("east", {"a": "a1", "b": "b1", "g-changelog": "c1"}, {"a": 2, "b": 2, "g-changelog": 2})
NOTE = note_of(LOG, "g-changelog")
MARK = Mark("east", {"a": "a1", "b": "b1"}, 2, {"a": 10, "b": 20})


def stands(a=10, b=20, note=NOTE, start=0, end=50):
    return {"a": Stand(a, note if a is not None else "", start, end), "b": Stand(b, note if b else "", start, end)}


def facts(log=LOG, mark=MARK, has_state=True, replay=None, damage="", **how):
    return Facts(log, "g-changelog", stands(**how), mark, has_state, replay or {}, damage)


GONE = {"a": None, "b": None}
FIRST = facts(mark=None, has_state=False, **GONE)
OK = [
    ("a first start", FIRST),
    ("all as it was left", facts()),
    ("from before there were marks", facts(mark=None, note="")),
    ("from before there were marks, without state so far", facts(mark=None, has_state=False, note="")),
    ("an input that is new to the group", facts(mark=replace(MARK, offsets={"a": 10}, topics={"a": "a1"}), b=None)),
    ("everything read, to the very end", facts(end=20)),
    ("the snapshot can be replayed", facts(replay={"a": 5, "b": 20}, start=5)),
    ("the cluster gives topics no ids", facts(log=replace(LOG, topics=dict.fromkeys(LOG.topics, "")))),
    ("transactions are off", facts(log=replace(LOG, exact=False), a=11)),
]
WRONG = [
    ("group deleted or expired", facts(**GONE), Trouble.OFFSETS_GONE),
    ("offsets of one input gone", facts(b=None), Trouble.OFFSETS_GONE),
    ("group gone, state from before marks", facts(mark=None, **GONE), Trouble.OFFSETS_GONE),
    ("changelog deleted, made anew by the service", facts(mark=None, has_state=False), Trouble.STATE_GONE),
    ("changelog lost its mark only", facts(mark=None), Trouble.STATE_GONE),
    ("offsets set by hand", facts(a=11), Trouble.APART),
    ("offsets set back by hand", facts(b=3), Trouble.APART),
    ("another cluster", facts(log=replace(LOG, cluster="west")), Trouble.OTHER_CLUSTER),
    ("an input made anew", facts(log=replace(LOG, topics={**LOG.topics, "b": "b2"}), b=None), Trouble.TOPIC_ANEW),
    ("more partitions", facts(log=replace(LOG, partitions=dict.fromkeys(LOG.partitions, 3))), Trouble.OTHER_PARTITIONS),
    ("the log is shorter", facts(end=15), Trouble.BEYOND_END),
    ("retention was quicker", facts(start=12), Trouble.RETENTION),
    ("retention, no state kept", facts(log=replace(LOG, exact=False), mark=None, start=12), Trouble.RETENTION),
    ("input since the snapshot is gone", facts(replay={"a": 3, "b": 20}, start=5), Trouble.REPLAY_GONE),
    ("entries of a snapshot are lost", facts(damage="3 entries, 2 of them of generation 4"), Trouble.DAMAGED),
]


@pytest.mark.parametrize(("name", "found"), OK, ids=[name for name, _ in OK])
def test_a_service_goes_on_without_a_word(name, found):
    assert judge(found) is None
    assert plan(0, found) is None


@pytest.mark.parametrize(("name", "found", "trouble"), WRONG, ids=[name for name, *_ in WRONG])
def test_a_service_stops_at_what_does_not_belong_together(name, found, trouble):
    verdict = judge(found)
    assert verdict is not None
    assert verdict.trouble is trouble
    words = sentence("s", "g", 1, verdict)
    assert words.startswith("s stops: ")
    assert "`driftloop recover g`" in words


def test_every_trouble_has_a_case():
    told_by_the_client = {Trouble.TRUNCATED}  # see test_epochs
    assert {trouble for *_, trouble in WRONG} == set(Trouble) - told_by_the_client


def test_what_retention_took_is_counted_by_topic():
    verdict = judge(facts(a=10, b=20, mark=MARK, start=30))
    assert verdict.lost == {"a": 20, "b": 10}
    assert "20 records of a, 10 records of b were deleted before they were read" in verdict.detail


def recovered(found, step):
    """The same partition after the step."""
    now = {topic: replace(found.stands[topic], committed=offset, note=NOTE) for topic, offset in step.offsets.items()}
    mark = Mark(found.log.cluster, {t: found.log.topics[t] for t in now}, found.log.partitions["a"], step.offsets)
    replay = {} if step.forget else dict(step.snapshot_offsets or found.replay_from)
    has_state, damage = found.has_state and not step.forget, "" if step.forget else found.damage
    return replace(found, stands=now, mark=mark, has_state=has_state, replay_from=replay, damage=damage)


@pytest.mark.parametrize(("name", "found", "trouble"), WRONG, ids=[name for name, *_ in WRONG])
@pytest.mark.parametrize("start", [None, "earliest", "latest"])
def test_after_the_recovery_all_belongs_together(name, found, trouble, start):
    if start is None and name == "group gone, state from before marks":
        with pytest.raises(UserError, match="--from earliest"):
            plan(0, found)
        return
    step = plan(0, found, start, rebuilds=trouble is Trouble.DAMAGED)
    assert judge(recovered(found, step)) is None
    assert step.words


def test_a_group_that_is_gone_takes_its_offsets_from_the_state():
    assert plan(0, facts(**GONE)).offsets == {"a": 10, "b": 20}
    assert plan(0, facts(mark=None, replay={"a": 4, "b": 8}, **GONE)).offsets == {"a": 4, "b": 8}


def test_a_snapshot_that_cannot_be_replayed_counts_as_of_now():
    assert plan(0, facts(replay={"a": 3, "b": 20}, start=5)).snapshot_offsets == {"a": 10, "b": 20}
    assert plan(0, facts(replay={"a": 3, "b": 20}, **GONE)).snapshot_offsets is None


def test_a_damaged_state_is_not_asked_how_far_it_was_read_and_is_built_anew():
    step = plan(0, facts(a=11, damage="3 entries, 2 of them of generation 4"), rebuilds=True)
    assert step.offsets == {"a": 11, "b": 20}
    assert step.words[-1] == "the state is built anew from the input before that offset that the log still has"


def test_of_a_keyed_state_only_the_mark_can_be_damaged_which_is_written_anew():
    step = plan(0, facts(mark=None, damage="its mark is none of ours"))
    assert (step.forget, step.offsets) == (False, {"a": 10, "b": 20})
    assert step.words[-1] == "the state stays as it is"


def test_a_topic_made_anew_is_read_from_its_beginning_and_the_other_goes_on():
    anew = facts(log=replace(LOG, topics={**LOG.topics, "b": "b2"}), b=None, end=30)
    assert plan(0, anew).offsets == {"a": 10, "b": 0}


OFFSET = st.none() | st.integers(0, 12)
IDS = st.sampled_from(["1", "2"])


@st.composite
def any_facts(draw):
    start = draw(st.integers(0, 6))
    end = draw(st.integers(start, 12))
    note = draw(st.sampled_from(["", NOTE]))
    group = {topic: draw(OFFSET) for topic in "ab"}
    found = {topic: Stand(o, "" if o is None else note, start, end) for topic, o in group.items()}
    log = LogIdentity(
        draw(IDS),
        {"a": draw(IDS), "b": draw(IDS), "g-changelog": "c1"},
        dict.fromkeys(["a", "b", "g-changelog"], draw(st.integers(1, 2))),
    )
    offsets = {topic: draw(st.integers(0, 12)) for topic in "ab"}
    mark = draw(st.none() | st.builds(Mark, IDS, st.just({"a": "1", "b": "1"}), st.just(1), st.just(offsets)))
    replay = draw(st.just({}) | st.just({topic: max(0, offset - 2) for topic, offset in offsets.items()}))
    return Facts(log, "g-changelog", found, mark, bool(replay) or mark is not None or draw(st.booleans()), replay)


@given(any_facts(), st.sampled_from([None, "earliest", "latest"]), st.booleans())
def test_whatever_is_found_a_recovery_makes_it_belong_together(found, start, forget):
    try:
        step = plan(0, found, start, forget=forget)
    except UserError:
        assert start is None
        return
    if step is None:
        assert judge(found) is None
        return
    assert judge(recovered(found, step)) is None
    assert all(found.stands[topic].start <= offset <= found.stands[topic].end for topic, offset in step.offsets.items())


@given(any_facts())
def test_a_service_that_goes_on_reads_on_where_its_state_ends(found):
    if found.mark is not None and judge(found) is None:
        assert {topic: stand.committed for topic, stand in found.stands.items()} == dict(found.mark.offsets)
