"""What the loop promises to a core, in memory and on the real Kafka alike."""

from collections import Counter as Tally
from datetime import timedelta

import pytest

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.loop.transport import AbortedError, FencedError

LETTERS = {"service": "counter", "topic": "outcome-frames", "error_class": "ValueError"}
KEYS = [f"m{number % 5}" for number in range(40)]


def said(world):
    return Tally(record.value().decode() for record in world.read("drift-signals"))


def counts_of(keys):
    return Tally(f"{key}={place}" for key in set(keys) for place in range(1, keys.count(key) + 1))


def send_all(world, keys=KEYS):
    for place, key in enumerate(keys):
        world.send(("outcome-frames", "model-commands")[place % 2], key, b"row")


def test_every_input_counts_once_in_outputs_and_state(world, stateful, new_core):
    core = new_core()
    send_all(world)
    world.settle(world.loop(core, stateful))
    assert said(world) == counts_of(KEYS)
    assert core.total == Tally(KEYS)


def test_an_idle_loop_has_committed_up_to_the_very_end(world, stateful, new_core):
    loop = world.loop(new_core(), stateful)
    send_all(world)
    world.settle(loop)
    assert world.caught_up("counter", stateful.inputs)


def test_an_idle_loop_commits_behind_transaction_markers(world, stateful, new_core):
    first = world.loop(new_core(), stateful)
    reading = stateful.model_copy(update={"group": "second", "inputs": ("drift-signals",)})
    second = world.loop(new_core(silent=True), reading)
    send_all(world)
    world.fail_next(first, AbortedError("a fault of the test"))
    world.settle(first, second)
    assert world.caught_up("second", ("drift-signals",))


def test_an_aborted_transaction_leaves_no_trace_and_is_done_again(world, stateful, new_core):
    core = new_core()
    loop = world.loop(core, stateful, batch_size=7)
    send_all(world)
    world.fail_next(loop, *[AbortedError("a fault of the test") for _ in range(3)])
    world.settle(loop)
    assert said(world) == counts_of(KEYS)
    assert core.total == Tally(KEYS)


def test_a_replica_killed_within_a_transaction_loses_and_doubles_nothing(world, stateful, new_core, killed):
    send_all(world)
    loop = world.loop(new_core(), stateful, batch_size=9)
    world.settle(loop)
    send_all(world)
    world.fail_next(loop, killed())
    with pytest.raises(killed):
        world.settle(loop)
    world.kill(loop)
    del loop
    core = new_core()
    world.settle(world.loop(core, stateful), until=lambda: len(core.counts) == 2)
    assert said(world) == counts_of(KEYS * 2)
    assert core.total == Tally(KEYS * 2)


def test_state_survives_a_graceful_stop(world, stateful, new_core):
    send_all(world)
    loop = world.loop(new_core(), stateful, batch_size=3)
    world.settle(loop)
    world.leave(loop)
    core = new_core()
    again = world.loop(core, stateful)
    send_all(world)
    world.settle(again)
    assert said(world) == counts_of(KEYS * 2)
    assert core.total == Tally(KEYS * 2)


def test_partitions_move_with_their_state_when_replicas_come_and_go(world, stateful, new_core):
    cores = new_core(), new_core()
    first = world.loop(cores[0], stateful, replica=0)
    send_all(world)
    world.settle(first, until=lambda: len(cores[0].counts) == 2)
    second = world.loop(cores[1], stateful, replica=1)
    world.settle(first, second, until=lambda: len(cores[0].counts) == len(cores[1].counts) == 1)
    send_all(world)
    world.settle(first, second)
    assert Tally(cores[0].total) + Tally(cores[1].total) == Tally(KEYS * 2)
    world.leave(first)
    world.settle(second, until=lambda: len(cores[1].counts) == 2)
    send_all(world)
    world.settle(second)
    assert cores[1].total == Tally(KEYS * 3)
    assert said(world) == counts_of(KEYS * 3)


def test_a_slot_taken_over_fences_its_old_owner(world, stateful, new_core):
    old = world.loop(new_core(), stateful)
    send_all(world)
    world.settle(old)
    world.loop(new_core(), stateful)
    send_all(world)
    with pytest.raises(FencedError):
        world.settle(old)


def test_a_record_that_the_core_refuses_is_buried_as_received(world, stateful, new_core):
    send_all(world, ["m1", "m2"])
    world.send("outcome-frames", "m1", b"rubbish")
    send_all(world, ["m1", "m2"])
    world.settle(world.loop(new_core(), stateful))
    (letter,) = world.read("prediction-outcomes-dlq")
    headers = {name: value.decode() for name, value in letter.headers()}
    assert (letter.key(), letter.value()) == (b"m1", b"rubbish")
    assert headers.pop("dlq.error.timestamp").isdigit()
    assert headers.pop("dlq.error.version")
    assert headers.pop("dlq.error.partition") in ("0", "1")
    assert headers.pop("dlq.error.offset").isdigit()
    assert headers == {
        "dlq.error.class": "ValueError",
        "dlq.error.message": "rubbish",
        "dlq.error.stage": "decode",
        "dlq.error.topic": "outcome-frames",
        "dlq.error.attempt": "1",
        "dlq.error.service": "counter",
    }
    assert said(world) == counts_of(["m1", "m2"] * 2)


def test_a_record_that_makes_the_core_raise_is_found_buried_and_stepped_over(world, stateful, new_core):
    send_all(world)
    world.send("outcome-frames", "m1", b"poison")
    send_all(world)
    core = new_core()
    loop = world.loop(core, stateful)
    world.settle(loop)
    (letter,) = world.read("prediction-outcomes-dlq")
    headers = {name: value.decode() for name, value in letter.headers()}
    assert letter.value() == b"poison"
    assert headers["dlq.error.class"] == "ZeroDivisionError"
    assert headers["dlq.error.stage"] == "process"
    assert headers["dlq.error.attempt"] == "2"
    assert said(world) == counts_of(KEYS * 2)
    assert core.total == Tally(KEYS * 2)
    world.leave(loop)
    restored = new_core()
    world.settle(world.loop(restored, stateful), until=lambda: len(restored.counts) == 2)
    assert restored.total == Tally(KEYS * 2)


def test_one_model_that_is_all_rubbish_is_buried_whole_and_stops_nobody(world, stateful, new_core):
    loop = world.loop(new_core(), stateful.model_copy(update={"breaker_consecutive": 20}), batch_size=5)
    for _ in range(50):
        world.send("outcome-frames", "m1", b"rubbish")
    send_all(world, ["m2"])
    world.settle(loop)
    assert len(world.read("prediction-outcomes-dlq")) == 50
    assert said(world) == counts_of(["m2"])
    shown = loop.metrics.registry.get_sample_value
    source = {"service": "counter", "source": "model m1 on outcome-frames"}
    assert shown("driftloop_refused_sources", source) == 1
    assert shown("driftloop_dead_letters_total", LETTERS) == 50
    send_all(world, ["m1"] * 120)
    world.settle(loop)
    assert shown("driftloop_refused_sources", source) is None


def test_a_service_whose_core_fails_on_everything_stops_and_comes_further_each_time(world, stateful, new_core):
    settings = stateful.model_copy(update={"breaker_consecutive": 20, "attempts": 1})
    for place in range(30):
        world.send("outcome-frames", f"m{place % 3}", b"poison")
    loop = world.loop(new_core(), settings, batch_size=1)
    with pytest.raises(UserError, match="20 records in a row could not be processed") as stop:
        world.settle(loop)
    assert stop.value.exit_code == ExitCode.TOO_MANY_DEAD_LETTERS
    assert len(world.read("prediction-outcomes-dlq")) == 20
    world.kill(loop)
    world.settle(world.loop(new_core(), settings, batch_size=1))
    assert len(world.read("prediction-outcomes-dlq")) == 30


def test_a_record_outside_its_keys_partition_is_buried_where_others_write(world, stateful, new_core):
    loop = world.loop(new_core(), stateful.model_copy(update={"keyed": ("model-commands",)}))
    for number in (0, 1):
        world.send("model-commands", "m1", b"row", partition=number)
        world.send("outcome-frames", "m1", b"row", partition=number)
    world.settle(loop)
    (letter,) = world.read("prediction-outcomes-dlq")
    headers = dict(letter.headers())
    assert (headers["dlq.error.class"], headers["dlq.error.topic"]) == (b"WrongPartition", b"model-commands")
    assert b"partitioner=murmur2_random" in headers["dlq.error.message"]
    assert sum(said(world).values()) == 3


def test_tables_are_read_before_the_first_record_and_caught_up_when_stale(world, stateful, new_core):
    world.send("model-specs", "early", b"spec")
    world.send("outcome-frames", "m1", b"table:early")
    loop = world.loop(new_core(), stateful)
    world.settle(loop)
    world.send("model-specs", "late", b"spec")
    world.send("outcome-frames", "m1", b"table:late")
    world.send("outcome-frames", "m1", b"table:never")
    world.settle(loop)
    assert said(world) == Tally(["m1=1!", "m1=2!", "m1=3"])


def test_a_core_is_woken_at_the_moment_it_asked_for_and_not_before(world, stateful, new_core):
    core = new_core()
    loop = world.loop(core, stateful)
    world.settle(loop, until=lambda: core.wakes == 1)
    core.wake_at = world.clock() + timedelta(seconds=60)
    send_all(world)
    world.settle(loop)
    world.clock.advance(seconds=59)
    world.settle(loop)
    assert core.wakes == 1
    world.clock.advance(seconds=1)
    world.settle(loop, until=lambda: core.wakes == 2)
