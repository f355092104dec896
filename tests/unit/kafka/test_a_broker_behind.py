"""A broker that does not know that it lost its leadership denies records that are there: nobody stops for it."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, TopicPartition

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.log_reader import OffsetsGoneError
from driftloop.kafka.loop import doubts, kafka_transport
from driftloop.kafka.loop.doubts import AGAIN_S, SURE_AFTER_S
from driftloop.kafka.loop.epochs import Epochs
from driftloop.kafka.loop.identity import Stand
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.loop.membership import Membership
from driftloop.kafka.loop.transport import Polled
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.processor import LogIdentity

A = ("outcome-frames", 0)
KAFKA = KafkaSettings(topic_prefix="p.")
SETTINGS = LoopSettings(service="archive", group="archive", inputs=(A[0],), state="none")
OUT_OF_RANGE = "fetch failed due to requested offset not available on the broker: Broker: Offset out of range"
NO_EPOCH = (
    "No epoch found less or equal to offset 40 (leader epoch 7): broker end offset is -1 (offset leader epoch -1)"
)
TRUNCATED = "Partition log truncation detected at offset 40 (leader epoch 0): broker end offset is 20"


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Client:
    """Says where it stands, and is told where to go on."""

    def __init__(self, at):
        self.at, self.sought = at, []

    def position(self, asked):
        return [TopicPartition("p." + A[0], A[1], *self.at)]

    def seek(self, to):
        self.begun = to.offset

    def incremental_unassign(self, given_up):
        assert [(tp.topic, tp.partition) for tp in given_up] == [("p." + A[0], A[1])]

    def incremental_assign(self, anew):
        self.sought += [(to.topic, to.offset, to.leader_epoch) for to in anew]

    def assignment(self):
        return [TopicPartition("p." + A[0], A[1], 40)]

    assign = incremental_assign

    def resume(self, positions):
        pass


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    for module in (doubts, kafka_transport):
        monkeypatch.setattr(module, "time", found)
    return found


def transport_of(client, stands, brokers=3, protocol="consumer"):
    """A transport in front of a cluster that says these things one after the other."""
    found, said = KafkaTransport(SETTINGS, KAFKA), iter(stands)
    kafka = KAFKA.model_copy(update={"group_protocol": protocol})
    found._membership = Membership(kafka, client, None, Epochs("p."), lambda _: None)
    found._offsets = SimpleNamespace(stands=lambda positions: {A: next(said)})
    found._watch = SimpleNamespace(identity=LogIdentity("c", {A[0]: "t"}, {A[0]: 1}, exact=False), look=lambda: None)
    found._admin = SimpleNamespace(list_topics=lambda timeout: SimpleNamespace(brokers=dict.fromkeys(range(brokers))))
    found._left_open = SimpleNamespace(look=lambda owned: None)
    found._polling = SimpleNamespace(poll=lambda limit, timeout_s: Polled())
    return found


def stand(end=50, start=0, committed=40):
    return Stand(committed, "", start, end)


@pytest.mark.parametrize("said", [OUT_OF_RANGE, NO_EPOCH])
@pytest.mark.parametrize("end", [50, 30], ids=["the log has it", "its end is before it"])
def test_it_is_asked_again_from_where_the_client_stood_and_believed_after_a_while(clock, said, end):
    client = Client((42,))
    client.position = lambda asked: [TopicPartition("p." + A[0], A[1], 42, leader_epoch=6)]
    transport = transport_of(client, [stand(end)] * 99)
    transport.begin_at({A: 40})
    error = KafkaError(KafkaError._AUTO_OFFSET_RESET, said)
    for _ in range(int(SURE_AFTER_S / AGAIN_S)):
        transport._refuse_gone(*A, error)
        clock.now += AGAIN_S
        transport.poll(10, 0.1)
    with pytest.raises(UserError) as stop:
        transport._refuse_gone(*A, error)
    assert stop.value.exit_code == ExitCode.STATE_MISMATCH
    assert client.sought == [("p." + A[0], 42, 6)] * int(SURE_AFTER_S / AGAIN_S)


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_one_that_was_given_nothing_yet_goes_on_where_it_began(clock, protocol):
    client = Client((-1001,))
    transport = transport_of(client, [stand()] * 9, protocol=protocol)
    transport.begin_at({A: 40})
    transport._refuse_gone(*A, KafkaError(KafkaError._AUTO_OFFSET_RESET, OUT_OF_RANGE))
    clock.now += AGAIN_S
    transport.poll(10, 0.1)
    assert [offset for _, offset, _ in client.sought] == [40]


@pytest.mark.parametrize(
    ("said", "found", "brokers"),
    [
        pytest.param(TRUNCATED, stand(), 3, id="the leader knows the epoch and has less of it"),
        pytest.param(
            OUT_OF_RANGE, stand(start=45), 3, id="retention took it: no broker's log begins later than it does"
        ),
        pytest.param(OUT_OF_RANGE, stand(end=30), 1, id="there is one broker: nobody knows better"),
    ],
)
def test_what_is_certain_is_said_at_once(clock, said, found, brokers):
    transport = transport_of(Client((40,)), [found] * 9, brokers)
    with pytest.raises(UserError):
        transport._refuse_gone(*A, KafkaError(KafkaError._AUTO_OFFSET_RESET, said))


@pytest.mark.parametrize(("brokers", "end", "asked"), [(3, 50, 3), (1, 30, 1)])
def test_a_group_that_seems_ahead_of_the_log_is_looked_at_again_where_there_are_several_brokers(
    clock, brokers, end, asked
):
    answers = [stand(end=30), stand(end=30), stand(end=50)]
    transport = transport_of(Client((40,)), answers, brokers)
    assert transport.stands([A])[A].end == end
    assert clock.now == pytest.approx((asked - 1) * kafka_transport._BEHIND_S)


@pytest.mark.parametrize(("brokers", "wrong"), [(3, False), (1, True)])
def test_a_reader_of_its_own_is_taken_anew_and_goes_on_behind_what_it_gave(clock, monkeypatch, brokers, wrong):
    began = []

    class Reader:
        def __init__(self, kafka, start):
            began.append(start[A])

        def read_to(self, ends):
            for offset in range(began[-1], ends[A]):
                if offset == 12 and len(began) == 1:
                    raise OffsetsGoneError(KafkaError(KafkaError._AUTO_OFFSET_RESET, OUT_OF_RANGE))
                yield SimpleNamespace(offset=lambda offset=offset: offset)

        def close(self):
            pass

    monkeypatch.setattr(kafka_transport, "LogReader", Reader)
    read = transport_of(Client((40,)), [], brokers).read(A, 10, 15)
    if wrong:
        with pytest.raises(OffsetsGoneError):
            list(read)
    else:
        assert [record.offset() for record in read] == [10, 11, 12, 13, 14]
        assert began == [10, 12]


def reader_that_fails(clock, monkeypatch, said, seconds_a_record):
    """Readers that are denied each record once; a record takes some time to be worked in."""
    began = []

    class Reader:
        def __init__(self, kafka, start):
            began.append(start[A])

        def read_to(self, ends):
            clock.now += seconds_a_record
            if len(began) % 2:
                raise OffsetsGoneError(KafkaError(KafkaError._AUTO_OFFSET_RESET, said))
            yield SimpleNamespace(offset=lambda: began[-1])
            if began[-1] + 1 < ends[A]:
                raise OffsetsGoneError(KafkaError(KafkaError._AUTO_OFFSET_RESET, said))

        def close(self):
            pass

    monkeypatch.setattr(kafka_transport, "LogReader", Reader)
    return began


def test_a_long_reading_is_doubted_at_its_end_as_at_its_beginning(clock, monkeypatch):
    reader_that_fails(clock, monkeypatch, OUT_OF_RANGE, seconds_a_record=SURE_AFTER_S * 0.9)
    read = transport_of(Client((40,)), []).read(A, 10, 16)
    assert [record.offset() for record in read] == [10, 11, 12, 13, 14, 15]


def test_a_leader_that_has_less_of_its_own_epoch_is_believed_by_a_reader_too(clock, monkeypatch):
    began = reader_that_fails(clock, monkeypatch, TRUNCATED, seconds_a_record=0.0)
    with pytest.raises(OffsetsGoneError):
        list(transport_of(Client((40,)), []).read(A, 10, 16))
    assert began == [10]


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_what_the_client_gave_up_is_begun_anew_without_a_seek(clock, protocol):
    client = Client((-1001,))
    transport = transport_of(client, [stand()] * 9, protocol=protocol)
    transport.begin_at({A: 40})
    transport._refuse_gone(*A, KafkaError(KafkaError._AUTO_OFFSET_RESET, OUT_OF_RANGE))
    client.seek = None
    transport.begin_at({A: 37})
    assert [offset for _, offset, _ in client.sought] == [37]
    assert not transport._membership.doubts
