"""Every process does its work on a guarded cluster, with its own principal and no other's rights."""

import pytest

from driftloop.tools.local.programs import SERVICES

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_every_process_gets_ready_with_what_it_is_granted(guarded_loop):
    assert set(guarded_loop.supervisor.pids()) == set(SERVICES)


def test_the_whole_loop_runs_on_what_is_granted(guarded_loop):
    journal = guarded_loop.played.journal
    assert journal.signals
    assert {"registered", "challenged", "promoted"} <= {event.event for event in journal.events}
    assert all(result.status == "succeeded" for result in journal.results.values())


def test_no_password_is_ever_said(guarded, guarded_loop):
    said = guarded_loop.said()
    assert "driftloop_records_total" in said
    passwords = [file.read_text().strip() for file in guarded.folder.glob("*.password")]
    assert len(passwords) == len(guarded.grants)
    assert not any(password in said for password in passwords)
    assert not any(password in repr(guarded.settings(name)) for name in guarded.grants for password in passwords)
