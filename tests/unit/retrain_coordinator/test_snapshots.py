"""Entries of earlier layouts are taken up: an upgrade forgets neither versions nor proofs nor waits."""

import pytest
from tests.unit.retrain_coordinator.golden_states import LOGS, coordinator, inputs, read_snapshots, run

LAYOUTS = (1,)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", LOGS)
def test_an_entry_of_an_earlier_layout_has_the_same_future(layout: int, name: str) -> None:
    specs, records = inputs(name)
    sent, entries = run(coordinator(specs), records)
    assert sum(map(bool, sent)) > 5
    moments = [moment for moment in read_snapshots(layout)["moments"] if moment[0] == name]
    assert len(moments) > 2
    for _, taken, entry in moments:
        restored = coordinator(specs)
        restored.restore(0, [(records[0].key().decode().partition("/")[0], entry.encode())])
        assert run(restored, records[taken:]) == (sent[taken:], entries[taken:])
