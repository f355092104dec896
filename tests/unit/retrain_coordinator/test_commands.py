"""Every command is answered with a decision, also one that is refused."""

import pytest

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.signed_commands import drawn_key, public_key, signed
from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_SPECS
from driftloop.spec.model_spec import Permissions
from driftloop.testing.records import FakeRecord

HARMFUL = {"triggers": {"harmful_drift": True, "payoff": None}}
KEY = drawn_key()
BAD, GOOD = [1.0] * 100, [0.0] * 100


def policy(**safeguards):
    return {"policy": {"preset": "default", **HARMFUL, "safeguards": safeguards}}


def drifted(story, *, safeguards=None, **changes):
    """1.0.0 serves and a harmful drift has come."""
    told = story(**policy(**(safeguards or {})), **changes).first_version()
    told.signal(onset=400)
    told.status(100, 0.6)
    return told


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("promote", "no challenger is waiting"),
        ("roll_back", "no earlier champion"),
        ("unfreeze", "not frozen"),
        ("approve", "nothing waits"),
        ("veto", "no such challenger"),
        ("cancel", "no run is in progress"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_the_reason(story, command, why):
    told = story().first_version()
    told.command(command)
    assert told.actions[-1] == "refuse"
    assert told.decisions[-1].trigger == command
    assert why in told.decisions[-1].reason


@pytest.mark.parametrize(
    ("command", "right"),
    [("promote", "promote"), ("approve", "promote"), ("register", "promote"), ("roll_back", "roll_back")],
)
def test_only_who_is_listed_may_let_a_version_serve_or_roll_one_back(story, command, right):
    told = story(permissions={right: ["ada"]}).first_version()
    told.command(command, "bob", version="9.0.0")
    assert told.actions[-1] == "refuse"
    assert f"bob may not: the spec's permissions.{right} lists ada" in told.decisions[-1].reason
    told.command(command, "ada", version="9.0.0")
    assert "may not" not in told.decisions[-1].reason


def test_where_signatures_are_asked_for_an_unsigned_command_is_not_obeyed(story):
    told = story().first_version()
    told.apply(told.spec.model_copy(update={"permissions": Permissions(signed_by=(public_key(KEY),))}), 2)
    told.command("freeze", "ada")
    assert "signed_by" in told.decisions[-1].reason
    for number, key in enumerate((drawn_key(), KEY)):
        command = ModelCommand(
            message_id=derive_id("signed", number), model_id="m", occurred_at=told.now, command="freeze",
            reason="because", requested_by="ada",
        )  # fmt: skip
        told.say(MODEL_COMMANDS, signed(command, key))
    assert told.actions[-3:] == ["refuse", "refuse", "freeze"]


def test_nobody_may_where_the_list_is_empty_and_other_commands_stay_free(story):
    told = story(permissions={"promote": [], "roll_back": []}).first_version()
    told.command("roll_back")
    assert "lists nobody" in told.decisions[-1].reason
    told.command("freeze", "bob")
    assert told.actions[-1] == "freeze"


def test_a_model_without_a_spec_is_refused(story):
    told = story()
    told.core.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key="m")])
    told.command("retrain")
    assert "apply its spec first" in told.decisions[-1].reason


def test_a_retrain_before_the_first_row_is_refused(story):
    told = story()
    told.command("retrain")
    assert told.actions == ["refuse"]


def test_a_person_passes_what_guards_against_too_much_automation(story):
    told = story(**policy(least_gap_seconds=86_400.0)).first_version()
    told.command("retrain", full=False)
    assert told.requests[-1].mode == "incremental"
    assert told.requests[-1].base_version == "1.0.0"


def test_a_repeated_command_counts_once(story):
    told = story().first_version()
    before = len(told.decisions)
    effects = told.command("retrain")
    again = told.core.process([told.last_record], told.now)
    assert len(told.decisions) == before + 1
    assert effects.outgoing
    assert again.ignored == {"repeated": 1}


def test_a_freeze_holds_runs_and_promotions_until_it_ends(story):
    told = drifted(story)
    told.command("freeze")
    assert told.events[-1].event == "frozen"
    told.result(BAD, GOOD)
    assert told.champion == "1.0.0"
    assert told.decisions[-1].trigger == "freeze"
    told.command("unfreeze")
    assert told.champion == "1.0.1"


@pytest.mark.parametrize("came", ["before", "during"])
def test_a_proof_that_the_rows_of_a_freeze_refute_is_no_proof_when_it_ends(story, came):
    told = drifted(story)
    if came == "before":
        told.command("freeze")
        told.result(BAD, GOOD)
    else:
        told.result([0.0], [0.0])
        told.command("freeze")
        told.status(100, 0.6)
        told.scores({"1.0.0": BAD, "1.0.1": GOOD})
    assert told.decisions[-1].trigger == "freeze"
    told.status(300, 0.6)
    told.scores({"1.0.0": GOOD * 3, "1.0.1": BAD * 3})
    told.command("unfreeze")
    assert told.champion == "1.0.0"
    refused = next(decision for decision in told.decisions if decision.action == "reject")
    assert "on the 300 rows since it was proven" in refused.reason
    assert refused.evidence["mean_gain_since_proven"] == -1.0


def test_a_proof_that_faded_in_a_freeze_is_asked_for_again(story):
    told = drifted(story)
    told.command("freeze")
    told.result([*BAD, *GOOD], [*GOOD, *GOOD])
    told.status(60, 0.6)
    told.scores({"1.0.0": [0.0, 0.0, 0.0, 1.0, 0.0] * 10, "1.0.1": [1.0, 1.0, 0.0, 0.0, 1.0] * 10})
    faded = told.state.challenges["1.0.1"]
    assert faded.gain.proven(0.05)
    assert not faded.afterwards.harm.proven(0.05)
    told.command("unfreeze")
    assert told.champion == "1.0.0"
    assert "it is under proof again" in told.decisions[-1].reason
    assert told.state.challenges["1.0.1"].waits_for is None
    told.status(300, 0.6)
    told.scores({"1.0.0": BAD * 3, "1.0.1": GOOD * 3})
    assert told.champion == "1.0.1"


def test_what_a_freeze_held_back_is_promoted_with_what_came_since(story):
    told = drifted(story)
    told.command("freeze")
    told.result(BAD, GOOD)
    told.status(50, 0.6)
    told.scores({"1.0.0": BAD[:50], "1.0.1": GOOD[:50]})
    told.command("unfreeze")
    assert told.champion == "1.0.1"
    promoted = next(
        decision for decision in told.decisions if decision.action == "promote" and decision.candidate == "1.0.1"
    )
    assert (promoted.evidence["rows_since_proven"], promoted.evidence["mean_gain_since_proven"]) == (50.0, 1.0)


def test_a_proven_challenger_waits_for_approval_where_the_policy_says_so(story):
    told = drifted(story, safeguards={"approval": ["promote"]})
    told.result(BAD, GOOD)
    assert (told.champion, told.actions[-1]) == ("1.0.0", "wait")
    told.status(10, 0.6)
    told.scores({"1.0.0": [], "1.0.1": []})
    assert told.actions.count("wait") == 1
    told.command("approve")
    assert told.champion == "1.0.1"


def test_switching_automatic_promotion_off_is_waiting_for_approval(story):
    told = drifted(story, automation={"promote": False})
    told.result(BAD, GOOD)
    assert told.decisions[-1].trigger == "approval"


def test_a_run_waits_for_approval_and_a_veto_ends_the_wait(story):
    told = drifted(story, safeguards={"approval": ["retrain"]})
    assert told.decisions[-1].action == "wait"
    told.command("veto")
    assert told.actions[-1] == "reject"
    told.signal()
    told.status(10, 0.6)
    told.command("approve")
    assert told.actions[-1] == "retrain"


def test_a_veto_within_its_window_ends_the_challenge(story):
    told = drifted(story, safeguards={"veto_window_seconds": 7200.0})
    told.result(BAD, GOOD)
    assert told.decisions[-1].trigger == "veto_window"
    told.command("veto")
    assert (told.champion, told.events[-1].event) == ("1.0.0", "rejected")


def test_without_a_veto_the_window_ends_in_a_promotion(story):
    told = drifted(story, safeguards={"veto_window_seconds": 7200.0})
    told.result(BAD, GOOD)
    for _ in range(3):
        told.status(10, 0.6, hours=1.0)
        told.scores({"1.0.0": [1.0], "1.0.1": [0.0]})
    assert told.champion == "1.0.1"


def test_a_person_promotes_and_rolls_back(story):
    told = drifted(story)
    told.result([0.0, 1.0], [1.0, 0.0])
    told.command("promote", version="1.0.1")
    assert told.champion == "1.0.1"
    told.command("roll_back")
    assert (told.champion, told.events[-2].event) == ("1.0.0", "rolled_back")
    told.command("roll_back", version="9.9.9")
    assert "not known" in told.decisions[-1].reason


def test_a_cancelled_run_is_not_waited_for(story):
    told = drifted(story)
    told.command("cancel")
    assert told.actions[-1] == "cancel"
    effects = told.result(BAD, GOOD)
    assert effects.ignored == {"result of no run that is waited for": 1}
    assert told.champion == "1.0.0"


def test_a_report_lifts_a_quiet_period(story):
    told = story(policy="metrics-forecast").first_version()
    told.status(300, 0.3, metrics={"combined_score": 0.5}, hours=7.0)
    assert told.decisions[-1].action == "wait"
    told.command("report", readings={"cpu_percent": 90.0, "memory_percent": 95.0})
    assert told.actions.count("wait") == 1
    told.command("report", readings={"cpu_percent": 10.0, "memory_percent": 20.0})
    assert told.actions[-1] == "retrain"


def test_the_same_refusal_is_said_once(story):
    told = story(policy="metrics-forecast").first_version()
    for _ in range(20):
        told.status(300, 0.3, metrics={"combined_score": 0.5}, hours=0.01)
    assert told.actions == ["retrain", "promote", "refuse"]


def test_a_version_from_elsewhere_serves_where_nobody_does(story):
    told = story()
    told.command("register", artifact="elsewhere/1.0.0", artifact_sha256="a" * 64)
    assert (told.champion, told.events[-1].artifact) == ("1.0.0", "elsewhere/1.0.0")


def test_a_version_from_elsewhere_is_proven_where_somebody_serves(story):
    told = story().first_version()
    told.command("register", version="1.2.0", artifact="elsewhere/1.2.0", artifact_sha256="a" * 64)
    assert (told.champion, told.events[-1].event) == ("1.0.0", "challenged")
    told.status(100, 0.6)
    told.scores({"1.0.0": BAD, "1.2.0": GOOD})
    assert told.champion == "1.2.0"
    told.command("retrain")
    assert told.requests[-1].version == "1.2.1"


@pytest.mark.parametrize(
    ("rest", "why"),
    [({}, "artifact and its hash"), ({"version": "1.0.0", "artifact": "a", "artifact_sha256": "b"}, "above")],
)
def test_a_registration_that_makes_no_sense_is_refused(story, rest, why):
    told = story().first_version()
    told.command("register", **rest)
    assert told.actions[-1] == "refuse"
    assert why in told.decisions[-1].reason


def test_only_what_nobody_needs_is_deprecated(story):
    told = drifted(story)
    told.result(BAD, GOOD)
    for version in ("1.0.1", "1.0.0", "9.9.9"):
        told.command("deprecate", version=version)
        assert told.actions[-1] == "refuse"
    told.command("retrain")
    told.result(GOOD, BAD)
    told.command("veto", version="1.0.2")
    told.command("deprecate", version="1.0.2")
    assert told.events[-1].event == "deprecated"
    assert "1.0.2" not in told.state.versions


@pytest.mark.parametrize("command", ["deprecate", "promote", "roll_back"])
@pytest.mark.parametrize("written", ["registered", "challenger", "archived", "rejected"])
def test_the_champion_is_that_whatever_an_earlier_release_wrote_of_it(story, written, command):
    told = story().first_version()
    told.state.versions["1.0.0"].status = written
    assert told.state.status_of("1.0.0") == "champion"
    told.command(command, version="1.0.0")
    assert told.actions[-1] == "refuse"
    assert (told.champion, "1.0.0" in told.state.versions) == ("1.0.0", True)
    if command == "deprecate":
        assert "in service (champion)" in told.decisions[-1].reason


def test_the_fleet_runs_no_more_at_once_than_it_may(story):
    told = story()
    told.core._runs_at_once = 1
    told.status(500)
    told.command("retrain")
    other = told.spec.model_copy(update={"model_id": "n"})
    told.apply(other)
    told.model_id = "n"
    told.status(500)
    told.command("retrain")
    assert told.decisions[-1].model_id == "n"
    assert (told.actions[-1], "1 of 1 runs" in told.decisions[-1].reason) == ("wait", True)


@pytest.mark.parametrize("command", ["promote", "roll_back", "approve", "veto", "freeze", "retrain", "cancel"])
def test_a_command_is_refused_where_another_version_serves_than_was_seen(story, command):
    told = two_champions(story)
    told.command(command, seen_champion="1.0.0")
    assert told.actions[-1] == "refuse"
    assert "1.0.1 serves by now, and not 1.0.0" in told.decisions[-1].reason


def test_two_people_who_undo_the_same_promotion_undo_it_once(story):
    told = two_champions(story)
    told.command("roll_back", "ann", seen_champion="1.0.1")
    told.command("roll_back", "bob", seen_champion="1.0.1")
    assert (told.actions[-2:], told.champion) == (["roll_back", "refuse"], "1.0.0")


def two_champions(story):
    """1.0.1 has taken over from 1.0.0."""
    told = drifted(story)
    told.result(BAD, GOOD)
    assert told.champion == "1.0.1"
    return told


def test_who_approves_a_version_does_not_start_a_run_that_waits_meanwhile(story):
    told = drifted(story, safeguards={"approval": ["retrain"]})
    runs = len(told.requests)
    for named in ({"version": "1.0.4"}, {"about": "version"}):
        told.command("approve", **named)
        assert told.actions[-1] == "refuse"
    assert len(told.requests) == runs
    told.command("approve", about="run")
    assert told.actions[-1] == "retrain"


@pytest.mark.parametrize("command", ["approve", "veto"])
def test_who_means_a_run_decides_nothing_about_a_version_that_waits_meanwhile(story, command):
    told = drifted(story, safeguards={"approval": ["promote"]})
    told.result(BAD, GOOD)
    told.command(command, about="run")
    assert (told.actions[-1], told.champion) == ("refuse", "1.0.0")
    told.command(command, about="version")
    assert told.actions[-1] in {"promote", "reject"}


def test_who_cancels_the_run_of_a_version_does_not_end_the_next_one(story):
    told = drifted(story)
    told.command("cancel", version="1.0.0")
    assert "is for version 1.0.1, not for 1.0.0" in told.decisions[-1].reason
    told.command("cancel", version="1.0.1")
    assert told.actions[-1] == "cancel"


@pytest.mark.parametrize(
    ("named", "why"),
    [({"version": "9.9.9"}, "version 9.9.9 is no challenger"), ({"about": "version"}, "there is no challenger")],
)
def test_a_veto_of_a_version_that_is_refused_does_not_say_that_no_run_waits(story, named, why):
    told = drifted(story, safeguards={"approval": ["retrain"]})
    told.command("veto", **named)
    assert told.decisions[-1].reason.endswith(f"refused: {why}")
    told.command("veto", about="run")
    assert told.actions[-1] == "reject"
