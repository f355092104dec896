"""Verification starts at a checkpoint where older frames are gone, and names whatever was tampered with."""

import json

import pytest
from tests.verification.months import MODEL, log_of, recording

from driftloop.contracts import topics
from driftloop.contracts.model_checkpoints import ModelCheckpoint, digest, packed
from driftloop.contracts.signed_commands import drawn_key
from driftloop.contracts.signing import SigningKey
from driftloop.processor import Record
from driftloop.testing.records import FakeRecord
from driftloop.tools.verify.comparison import verify
from driftloop.tools.verify.recorded import Recorded, _kept, json_of, offset_of


@pytest.fixture(scope="module")
def log() -> list[FakeRecord]:
    """Five days of a model that was retrained, six frames a day and a checkpoint of each service each day."""
    return log_of(recording(5, 6, 20, 1.6), label_delay=15)


def of(log, topic):
    return [record for record in log if record.topic() == topic]


def without_frames_before(log, first):
    return [one for one in log if one.topic() != topics.OUTCOME_FRAMES or one.offset() >= first]


def changed(log, record, value: bytes):
    place = {"at_partition": record.partition(), "at_offset": record.offset(), "at_ms": record.timestamp()[1]}
    again = FakeRecord(record.topic(), key=record.key(), value=value, **place)
    return [again if one is record else one for one in log]


def checkpoints(log, service="retrain_coordinator"):
    return [one for one in of(log, topics.MODEL_CHECKPOINTS) if json_of(one)["service"] == service]


def sentences(found):
    return [one.sentence for one in found.differences]


def test_a_whole_log_comes_out_the_same_with_the_state_at_every_checkpoint(log):
    found = verify(Recorded(log))
    assert (sentences(found), found.incomplete, found.started) == ([], (), {})
    assert found.checkpoints == len(of(log, topics.MODEL_CHECKPOINTS)) >= 10
    assert {json_of(one)["event"] for one in of(log, topics.MODEL_EVENTS)} >= {"registered", "promoted", "challenged"}


@pytest.mark.parametrize("which", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(4, marks=pytest.mark.slow)])
def test_a_model_whose_first_frames_are_gone_is_run_from_the_oldest_checkpoint_before_the_rest(log, which):
    begun = json_of(checkpoints(log)[which])["position"]["offset"]
    rest = without_frames_before(log, begun)
    found = verify(Recorded(rest))
    assert (sentences(found), found.incomplete) == ([], ())
    assert found.started[MODEL].offset == begun
    assert 0 < found.compared < verify(Recorded(log)).compared


def test_since_starts_at_the_newest_checkpoint_before_it(log):
    offsets = [json_of(one)["position"]["offset"] for one in checkpoints(log)]
    found = verify(Recorded(log), since=offsets[3])
    assert (sentences(found), found.started[MODEL].offset) == ([], offsets[2])


def test_without_a_checkpoint_a_model_whose_first_frames_are_gone_is_incomplete(log):
    frames = of(log, topics.OUTCOME_FRAMES)
    rest = [one for one in without_frames_before(log, frames[9].offset()) if one.topic() != topics.MODEL_CHECKPOINTS]
    assert verify(Recorded(rest)).incomplete == (MODEL,)


def test_every_decision_names_the_hashes_of_configuration_and_state(log):
    decisions = [json_of(one) for one in of(log, topics.RETRAIN_DECISIONS)]
    assert decisions
    assert {len(one[name]) for one in decisions for name in ("spec_sha256", "state_sha256")} == {64}
    assert {one["spec_sha256"] for one in decisions} == {json_of(one)["spec_sha256"] for one in checkpoints(log)}


def test_a_decision_of_an_earlier_release_has_no_hashes_and_comes_out_the_same(log):
    first, second = of(log, topics.RETRAIN_DECISIONS)[:2]
    bare = {name: value for name, value in json_of(first).items() if not name.endswith("_sha256")}
    text = json.dumps(bare, separators=(",", ":"), ensure_ascii=False).encode()
    assert sentences(verify(Recorded(changed(log, first, text)))) == []
    bare = {name: value for name, value in json_of(second).items() if not name.endswith("_sha256")}
    text = json.dumps(bare, separators=(",", ":"), ensure_ascii=False).encode()
    found = verify(Recorded(changed(log, second, text)))  # hashes were written before: they cannot be taken away
    assert [one.topic for one in found.differences] == [topics.RETRAIN_DECISIONS]


# -- what was tampered with is named ----------------------------------------------------------------


def test_a_frame_taken_out_of_the_log_is_found(log):
    frames = of(log, topics.OUTCOME_FRAMES)
    found = verify(Recorded([one for one in log if one is not frames[5]]))
    assert topics.MODEL_CHECKPOINTS in {one.topic for one in found.differences}
    assert topics.DRIFT_STATUS in {one.topic for one in found.differences}


def test_a_changed_decision_is_found_and_its_field_named(log):
    decision = of(log, topics.RETRAIN_DECISIONS)[-1]
    value = json.dumps({**json_of(decision), "reason": "because"}, separators=(",", ":"), ensure_ascii=False).encode()
    (sentence,) = sentences(verify(Recorded(changed(log, decision, value))))
    assert sentence.startswith(f'retrain-decisions of months, at offset {decision.offset()}: reason was "because"')


def forged(record: Record, **update) -> bytes:
    return ModelCheckpoint.from_json(record.value()).model_copy(update=update).to_json()


def test_a_changed_state_of_a_checkpoint_is_found_and_no_run_starts_there(log):
    second = checkpoints(log)[1]
    content = ModelCheckpoint.from_json(second.value()).unpacked().replace(b"1.0.0", b"9.0.0")
    found = verify(Recorded(changed(log, second, forged(second, state=packed(content)))), since=10**9)
    assert len(found.differences) == 2  # its own hash, and the next one's that names it
    assert "its state has SHA-256" in found.differences[0].again
    assert found.differences[0].offset == second.offset()


def test_a_checkpoint_that_was_made_anew_with_its_own_hash_breaks_the_chain(log):
    second, third = checkpoints(log)[1:3]
    content = ModelCheckpoint.from_json(second.value()).unpacked().replace(b"1.0.0", b"9.0.0")
    value = forged(second, state=packed(content), state_sha256=digest(content))
    found = verify(Recorded(changed(log, second, value)))
    assert [one.offset for one in found.differences if "the hash of the one before" in one.again] == [third.offset()]
    assert any("state_sha256" in one.field and one.offset == second.offset() for one in found.differences)


def test_a_checkpoint_that_was_left_out_breaks_the_chain(log):
    second = checkpoints(log)[1]
    (sentence,) = sentences(verify(Recorded([one for one in log if one is not second])))
    assert "it is number 3 of its chain, and the one before is number 1" in sentence


def test_with_a_key_every_checkpoint_must_be_signed_by_it(log):
    key = SigningKey(drawn_key())
    signed = log
    for record in of(log, topics.MODEL_CHECKPOINTS):
        message = ModelCheckpoint.from_json(record.value())
        signed = changed(signed, record, forged(record, signature=key.sign(message.signed_bytes)))
    last = max(checkpoints(signed), key=offset_of)
    assert sentences(verify(Recorded(signed), keys=[key.public])) == []
    foreign = SigningKey(drawn_key())
    message = ModelCheckpoint.from_json(last.value())
    value = forged(last, signature=foreign.sign(message.signed_bytes))
    (sentence,) = sentences(verify(Recorded(changed(signed, last, value)), keys=[key.public]))
    assert "it is signed by none of the given keys" in sentence
    unsigned = verify(Recorded(log), keys=[key.public])
    assert len(unsigned.differences) == len(of(log, topics.MODEL_CHECKPOINTS))


# -- memory -----------------------------------------------------------------------------------------


class _Counted:
    """Frames that say how many of them are alive."""

    alive = most = 0

    def __init__(self, record):
        self._record = record
        _Counted.alive += 1
        _Counted.most = max(_Counted.most, _Counted.alive)

    def __getattr__(self, name):
        return getattr(self._record, name)

    def __del__(self):
        _Counted.alive -= 1


class _Streamed:
    def __init__(self, records):
        self._records = records

    def begins(self, partition):
        return self._records[0].offset()

    def read(self, starts):
        return (_Counted(one) for one in self._records if one.offset() >= starts.get(one.partition(), 0))


def test_frames_are_let_go_of_and_large_values_lie_in_a_file(log):
    frames, rest = of(log, topics.OUTCOME_FRAMES), [one for one in log if one.topic() != topics.OUTCOME_FRAMES]
    kept = list(_kept(rest))
    assert [one.value() for one in kept] == [one.value() for one in rest]
    assert {one.topic() for one in kept if not isinstance(one, FakeRecord)} >= {
        topics.MODEL_CHECKPOINTS,
        topics.CHALLENGE_SCORES,
    }
    found = verify(Recorded(kept, _Streamed(frames)))
    assert (sentences(found), found.compared) == ([], verify(Recorded(log)).compared)
    assert len(frames) > 20
    assert _Counted.most <= 3
