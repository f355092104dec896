"""The loop is not still while a run's end is on the log and nobody has processed it."""

from driftloop.contracts.topics import TRAINING_REQUESTS, TRAINING_RESULTS
from driftloop.kafka.clients.tail import TailRecord
from driftloop.tools.replay import settling


class SlowMachine:
    """Stands for log, groups, tail and journal: a run ends between the look at the ends and the read up to them.

    A group processes what is on the log when it is waited for, and nothing at any other time.
    """

    def __init__(self):
        self.records = {TRAINING_REQUESTS: 1, TRAINING_RESULTS: 0}
        self.read = dict.fromkeys(self.records, 0)
        self.processed, self.looks, self.outstanding = 0, 0, set()

    def await_groups(self, _seconds, _alive):
        self.processed, self.looks = self.records[TRAINING_RESULTS], self.looks + 1

    def ends_at_rest(self):
        return {(topic, 0): end for topic, end in self.records.items()}

    def read_to(self, _ends):
        self.records[TRAINING_RESULTS] = 1
        found = [
            TailRecord(topic, 0, offset, "plant", b"", (), 0)
            for topic, end in self.records.items()
            for offset in range(self.read[topic], end)
        ]
        self.read.update(self.records)
        return found

    def take(self, records):
        for one in records:
            (self.outstanding.add if one.topic == TRAINING_REQUESTS else self.outstanding.discard)("run")


def test_the_end_of_a_run_that_is_read_before_anybody_processed_it_is_waited_for(monkeypatch):
    slow = SlowMachine()
    monkeypatch.setattr(settling, "Rest", lambda *_, **__: slow)
    monkeypatch.setattr(settling, "Tail", lambda *_: slow)
    waiting = settling.Settling(None, slow, lambda: None)
    waiting.settle()
    assert (slow.processed, slow.looks) == (1, 2)
    waiting.settle()
    assert slow.looks == 3, "once nothing is new, one look is enough"
