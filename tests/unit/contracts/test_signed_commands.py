"""A signature is good for the one command that it was made for, and for nothing else."""

from typing import Any

import pytest

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.signed_commands import drawn_key, is_signed, public_key, signed
from driftloop.testing.clock import START

KEY, OTHER = drawn_key(), drawn_key()
COMMAND = ModelCommand(
    message_id=derive_id("c", 1), model_id="plant", occurred_at=START, command="promote", version="1.0.1",
    reason="checked", requested_by="ann",
)  # fmt: skip


def test_a_signed_command_is_known_after_the_wire():
    read = ModelCommand.from_json(signed(COMMAND, KEY).to_json())
    assert is_signed(read, [public_key(OTHER), public_key(KEY)])


def test_what_was_seen_cannot_be_taken_away_from_a_signed_command():
    made = signed(COMMAND.model_copy(update={"seen_champion": "1.0.0"}), KEY)
    assert is_signed(made, [public_key(KEY)])
    assert not is_signed(made.model_copy(update={"seen_champion": None}), [public_key(KEY)])


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": "churn"}, {"command": "veto"}, {"version": "1.0.2"}, {"requested_by": "eve"}, {"reason": "other"},
        {"message_id": derive_id("c", 2)}, {"full": False}, {"artifact": "s3://x"}, {"signature": None},
        {"seen_champion": "1.0.0"}, {"about": "run"},
        {"signature": "x.y.z"},
    ],
    ids=str,
)  # fmt: skip
def test_a_changed_command_is_signed_by_nobody(change: dict[str, Any]):
    assert not is_signed(signed(COMMAND, KEY).model_copy(update=change), [public_key(KEY)])


@pytest.mark.parametrize(
    "keys", [[], [public_key(OTHER)], ["rubbish"], [""]], ids=["none", "of another", "rubbish", "empty"]
)
def test_a_key_that_is_not_named_signs_nothing(keys: list[str]):
    assert not is_signed(signed(COMMAND, KEY), keys)


def test_what_is_no_key_is_said():
    with pytest.raises(ValueError, match="Ed25519"):
        signed(COMMAND, "rubbish")
    with pytest.raises(ValueError, match="Ed25519"):
        public_key("rubbish")
