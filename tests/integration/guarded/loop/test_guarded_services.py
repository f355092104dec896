"""Every process does its work on a guarded cluster, with its own principal and no other's rights."""

import json
import urllib.request

import pytest

from driftloop.tools.local.programs import PROCESSES

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_every_process_gets_ready_with_what_it_is_granted(guarded_loop):
    assert set(guarded_loop.supervisor.pids()) == set(PROCESSES)


def test_the_whole_loop_runs_on_what_is_granted(guarded_loop):
    journal = guarded_loop.played.journal
    assert journal.signals
    assert {"registered", "challenged", "promoted"} <= {event.event for event in journal.events}
    assert all(result.status == "succeeded" for result in journal.results.values())


def test_the_console_sees_the_loop_with_what_it_is_granted(guarded_loop):
    address = f"http://127.0.0.1:{guarded_loop.ports['operations_console']}/api/fleet"
    fleet = json.loads(urllib.request.urlopen(address, timeout=10).read())
    assert [model["champion"] is not None for model in fleet["models"]] == [True]


def test_no_password_is_ever_said(guarded, guarded_loop):
    said = guarded_loop.said()
    assert "driftloop_records_total" in said
    passwords = [file.read_text().strip() for file in guarded.folder.glob("*.password")]
    assert len(passwords) == len(guarded.grants)
    assert not any(password in said for password in passwords)
    assert not any(password in repr(guarded.settings(name)) for name in guarded.grants for password in passwords)
