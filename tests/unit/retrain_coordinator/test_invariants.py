"""Whatever is said to the coordinator, in whatever order, some things stay true."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftloop.contracts.challenge_scores import CorrectedRow
from retrain_coordinator.core.proof import challenge
from retrain_coordinator.core.state import ModelState

BAD, GOOD = [1.0] * 40, [0.0] * 40
POLICY = {
    "policy": {
        "preset": "default",
        "triggers": {"harmful_drift": True, "payoff": None},
        "safeguards": {"patience_rows": 50, "reuse_candidates": 2},
    }
}

COMMANDS = ("retrain", "promote", "roll_back", "freeze", "unfreeze", "approve", "veto", "cancel", "deprecate")
EVIDENCE = (
    "status",
    "drift",
    "better",
    "worse",
    "mixed",
    "failed",
    "scores good",
    "scores bad",
    "corrected",
    "restore",
)
moves = st.lists(st.sampled_from((*COMMANDS, *EVIDENCE)), max_size=40)


def make(told, move):
    """One move; scores are told whenever versions are scored, as scoring would."""
    if move in ("status", "drift", "scores good", "scores bad", "corrected"):
        if move == "drift":
            told.signal(onset=max(0, told.rows - 20))
        told.status(40, 0.4, hours=0.1)
        others = {**told.state.challenges}
        if told.state.probation:
            others[told.state.probation.predecessor] = None
        losses = {version: (BAD if move == "scores good" else GOOD) for version in [told.champion] if version}
        losses |= dict.fromkeys(others, GOOD if move == "scores good" else BAD)
        told.scores(losses, corrected=turned(told, others) if move == "corrected" else ())
    elif move in ("better", "worse", "mixed", "failed"):
        if told.state.run is not None:
            rows = {"better": (BAD, GOOD), "worse": (GOOD, BAD), "mixed": ([1.0, 0.0], [0.0, 1.0]), "failed": ((), ())}
            told.result(*rows[move], status="failed" if move == "failed" else "succeeded")
    elif move == "restore":
        saved = told.state.to_json()
        told.core.restore(0, [("m", saved)])
        assert told.state == ModelState.model_validate_json(saved)
    else:
        told.command(move, **({"version": "1.0.0"} if move == "deprecate" else {}))


def turned(told, others):
    """Labels of the frame before by which the champion was wrong are corrected: the others were."""
    versions, wrong = [told.champion, *others], [1.0, *[0.0] * len(others)]
    before, after = (dict(zip(versions, losses, strict=True)) for losses in (wrong, [1.0 - loss for loss in wrong]))
    return [CorrectedRow(row=row, offset=told.offset - 1, before=before, after=after) for row in range(40)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves)
def test_some_things_stay_true(story, moves):
    told = story(**POLICY).first_version()
    for move in moves:
        decisions = len(told.decisions)
        make(told, move)
        if move in COMMANDS:
            assert len(told.decisions) > decisions, f"{move} was not answered"
        check(told)


def check(told):
    state = told.state
    serving = [version for version, entry in state.versions.items() if entry.status == "champion"]
    assert serving == [state.champion]
    assert {v for v, entry in state.versions.items() if entry.status == "challenger"} == set(state.challenges)
    last = [event for event in told.events if event.event in ("promoted", "rolled_back")][-1]
    assert last.version == state.champion
    assert last.artifact
    for entry in state.challenges.values():
        if entry.waits_for is not None:
            assert challenge.verdict(entry, told.spec.challenge).outcome == "promote", "only who is proven waits"
    if state.probation:
        assert state.probation.champion == state.champion
        assert state.probation.predecessor in state.versions
    asked = [request.version for request in told.requests]
    assert len(set(asked)) == len(asked)
    ids = [decision.message_id for decision in told.decisions] + [event.message_id for event in told.events]
    assert len(set(ids)) == len(ids)
    if state.frozen:
        assert told.events[-1].event != "promoted" or told.decisions[-1].trigger != "proof"
