"""Deadlines of the runtime keep their inequalities, whatever is configured."""

import inspect
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.errors import ExitCode, UserError
from driftloop.kafka import loop as loop_room
from driftloop.kafka.clients import clients
from driftloop.kafka.deadlines import DEADLINES, RESTART_S, Deadlines
from driftloop.kafka.settings import KafkaSettings

KAFKA_ROOM = Path(inspect.getfile(loop_room)).parents[1]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"call_s": 45.0}, "call_s"),
        ({"session_s": 45.0}, "session_s"),
        ({"close_s": 10.0}, "close_s"),
        ({"stop_s": 15.0}, "stop_s"),
        ({"unready_s": 45.0}, "unready_s"),
        ({"poll_interval_s": 120.0}, "revoke_s"),
        ({"ask_s": 16.0}, "ask_s"),
        ({"leave_s": 46.0}, "leave_s"),
        ({"patience_s": 50.0}, "patience_s"),
        ({"transaction_s": 600.0}, "transaction.timeout.ms"),
        ({"stuck_s": 55.0}, "stall_s"),
    ],
)
def test_deadlines_that_contradict_each_other_are_refused_by_name(wrong, words):
    with pytest.raises(UserError, match=re.escape(words)) as refused:
        Deadlines(**wrong)
    assert refused.value.exit_code == ExitCode.USAGE


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.floats(0.01, 1_000.0)
            for name in ("session_s", "transaction_s", "poll_interval_s", "call_s", "close_s", "unready_s", "stuck_s")
        },
    )
)
def test_whatever_is_accepted_keeps_every_inequality(given_seconds):
    try:
        found = Deadlines(**given_seconds)
    except UserError:
        return
    assert found.call_s <= found.close_s
    assert max(found.call_s, found.session_s, found.unready_s) < found.stuck_s
    assert found.revoke_s < found.poll_interval_s
    assert found.ask_s <= found.call_s
    assert found.patience_s + found.leave_s + RESTART_S <= found.stall_s
    assert found.session_s + found.stuck_s + RESTART_S <= found.stall_s <= 90


def test_the_settings_of_a_cluster_are_held_to_them():
    assert Deadlines.of(KafkaSettings()) == DEADLINES
    with pytest.raises(UserError, match=r"max\.poll\.interval\.ms"):
        Deadlines.of(KafkaSettings(max_poll_interval_ms=60_000))
    with pytest.raises(UserError, match="session_s"):
        Deadlines.of(KafkaSettings(group_protocol="classic", session_timeout_ms=50_000))


def test_no_time_out_of_a_call_stands_anywhere_else():
    """Administration, which no loop waits for, keeps its own."""
    rooms = [*(KAFKA_ROOM / "loop").glob("*.py"), *(KAFKA_ROOM / "clients").glob("*.py")]
    literal = re.compile(r"timeout=\d|timeout_s=\d|init_transactions\(\d|_TIMEOUT_S = \d")
    assert [path.name for path in rooms if literal.search(path.read_text())] == []


@pytest.mark.parametrize("kind", [clients.Consumer, clients.Producer, clients.AdminClient])
def test_every_call_that_may_wait_is_watched(kind):
    """A method that the client library adds is to be looked at: does it wait? Then it belongs to the watched ones."""
    never_wait = {
        *("produce", "produce_batch", "store_offsets", "set_sasl_credentials", "cluster_id"),
        "close",  # a producer's: it is let go of instead
    }
    public = {name for name in dir(kind) if not name.startswith("_")}
    watched = {name for name in public if hasattr(getattr(kind, name), "__wrapped__")}
    if kind is clients.AdminClient:
        assert watched == {"list_topics", "poll"}
    else:
        assert public - watched <= never_wait
