"""What a model waits for: a pure function of its state, by the names of `driftloop.waits`.

Why not kept by whoever makes a model wait: a wait that somebody forgets to note is a silent one. Here it
is derived from what is there (a frame, a run, a challenger, a harm without an answer to it), so that a
test can go through the states and find one that has something open and waits for nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from driftloop.contracts.retrain_decisions import SafeguardState
from retrain_coordinator.core.decide import Decision, decide
from retrain_coordinator.core.deciding.evidence import evidence_of, history_of
from retrain_coordinator.core.lifecycle import served
from retrain_coordinator.core.lifecycle.target import opponent
from retrain_coordinator.core.merge import head
from retrain_coordinator.core.payoff.rule import Verdict
from retrain_coordinator.core.specs import Declared
from retrain_coordinator.core.state import PROVEN_WAITS, ModelState

FRAMES = frozenset({"detection", "scores", "signals"})
"""Waits for evidence about a frame."""
_BY_SAFEGUARD = {
    "freeze": "freeze",
    "automation": "automation",
    "one_run": "run",
    "fleet": "fleet",
    "patience": "proof",
    "quarantine": "quarantine",
    "least_gap": "cool_down",
    "most_per_span": "cool_down",
    "minimum_rows": "rows",
    "minimum_new_rows": "rows",
    "retry": "retry",
    "free_disk": "disk",
    "approval": "approval",
}
"""What a model waits for where a safeguard stands in the way; quiet periods are told by their prefix."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing is done about a harm: a wait's name, and a sentence."""

    name: str
    reason: str


def obstacle_to_acting(state: ModelState, known: Declared, decision: Decision, word: Verdict | None) -> Obstacle:
    """What stands between a harm and a run, given what was decided."""
    if decision.trigger:
        in_the_way = next((one for one in decision.safeguards if not one.passed), None)
        return Obstacle(name_of(in_the_way), decision.reason)
    return _without_a_judge(state, known) or _without_a_wish(state, known, word)


def _without_a_judge(state: ModelState, known: Declared) -> Obstacle | None:
    """Where there is no version that the policy could act on: which one is missing."""
    ask = f"`driftloop retrain {state.model_id}`"
    if state.champion is None and known.spec.serving == "external":
        return Obstacle("version", "no version is known to serve: its first outcomes tell which one does")
    if state.champion is None:
        reason = (
            "no version of the model is registered with driftloop, so the policy's triggers have nothing to act on: "
            f"train a first one ({ask}) or bring yours in (`driftloop models register`)"
        )
        return Obstacle("version", reason)
    if opponent(state, known.spec) is None:
        return Obstacle("target", f"champion {state.champion} predicts another target than is declared: {ask}")
    return None


def _without_a_wish(state: ModelState, known: Declared, word: Verdict | None) -> Obstacle:
    """Where nothing asks for a run: what is under way already, or why the policy does not ask."""
    if state.run is not None:
        return Obstacle("run", f"the run for {state.run.version} has not ended")
    if state.asked is not None:
        return Obstacle("deployment", f"{state.asked.version} is asked for, and no outcomes of it have come")
    for entry in state.challenges.values():
        if entry.waits_for is not None:
            return Obstacle(
                entry.waits_for, f"challenger {entry.version} is proven, and waits for {PROVEN_WAITS[entry.waits_for]}"
            )
    if state.challenges:
        return Obstacle("proof", f"challenger {', '.join(state.challenges)} is under proof")
    if word is not None:
        return Obstacle("payoff", word.reason)
    ask = f"`driftloop retrain {state.model_id}` asks for a run"
    return Obstacle("policy", f"policy '{known.policy.name}' does not go by this signal: {ask}")


def waits_of(
    state: ModelState, known: Declared, now: datetime, word: Verdict | None = None, fleet: tuple[int, int] | None = None
) -> tuple[str, ...]:
    """The names of all that a model waits for; empty if it has nothing to do.

    `word` is what the payoff rule says, if the policy has one.
    """
    found = decide(evidence_of(state, word), history_of(state, known.spec, fleet), known.policy, now)
    return (*of_frames(state, known), *of_model(state, known, found, word))


def of_frames(state: ModelState, known: Declared) -> tuple[str, ...]:
    """What the oldest frame that is not taken in yet waits for."""
    if not state.waiting:
        return ()
    first = head(state, known.spec, scored_always=known.scored_always)
    if first is None:
        return ("detection",)
    return ("signals",) if first.signals_missing > 0 else ("scores",) if first.missing else ()


def of_model(state: ModelState, known: Declared, found: Decision, word: Verdict | None) -> tuple[str, ...]:
    """What a model waits for apart from frames: versions, runs, people, and whatever holds back an answer to a harm.

    `found` is what would be decided now.
    """
    return tuple(sorted({*_of_versions(state, known), *_of_wishes(state, known, found, word)}))


def _of_versions(state: ModelState, known: Declared) -> Iterator[str]:
    if state.frozen is not None:
        yield "freeze"
    if state.champion is None:
        yield "version"
    elif opponent(state, known.spec) is None:
        yield "target"
    elif state.versions[state.champion].unusable is not None:
        yield "artifact"
    if served.stays_behind(state):
        yield "server"
    if state.run is not None:
        yield "run"
    for entry in state.challenges.values():
        yield entry.waits_for or "proof"
    if state.asked is not None:
        yield "deployment"


def _of_wishes(state: ModelState, known: Declared, found: Decision, word: Verdict | None) -> Iterator[str]:
    """Why what asks for a run, or a harm that stands, gets none."""
    in_the_way = [name_of(one) for one in found.safeguards if not one.passed] if found.trigger else []
    yield from in_the_way
    if found.trigger and not in_the_way and state.harm is not None:
        yield "run"  # nothing is in its way: it is asked for with the next evidence
    elif not found.trigger and state.harm is not None:
        yield obstacle_to_acting(state, known, found, word).name
    if state.waits_for_approval is not None:
        yield "approval"


def name_of(safeguard: SafeguardState | None) -> str:
    """The wait that stands for a safeguard in the way; without one, a run is what is waited for."""
    if safeguard is None:
        return "run"
    return "quiet" if safeguard.name.startswith("quiet:") else _BY_SAFEGUARD[safeguard.name]
