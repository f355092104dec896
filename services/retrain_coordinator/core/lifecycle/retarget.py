"""A target that changes: what was learnt under the one before is forgotten, and the log says so."""

from driftloop.spec.compatibility import target_of, target_words
from retrain_coordinator.core.lifecycle import transitions as lifecycle
from retrain_coordinator.core.lifecycle.target import opponent, predicts_declared
from retrain_coordinator.core.payoff import rule as payoff
from retrain_coordinator.core.payoff.rule import PayoffState
from retrain_coordinator.core.state import ModelState
from retrain_coordinator.core.step import Step


def is_new(state: ModelState, declared: str) -> bool:
    """Whether another target is declared than the last that was seen; the first one seen is noted."""
    before = state.target or state.signature.get("target", declared)
    if before == declared:
        state.declare_target(declared)
    return before != declared


def notice(step: Step) -> None:
    """The spec declares another target than before: forget, end what was compared, and publish why.

    Losses, alarms and rows of another target say nothing about this one. A champion of another target
    stays, for it may be what the users' servers run, until a version of the new target takes over.
    """
    state, declared = step.state, target_of(step.spec)
    before = state.target or state.signature.get("target", "")
    state.declare_target(declared)
    _forget(step)
    step.decision("wait", "target", _sentence(step, before), evidence={"before": before, "now": declared})
    run = state.run
    if run is not None and run.target not in ("", declared):
        state.end_run()
        reason = f"the run for {run.version} learns {target_words(run.target)}, which is not declared any more"
        step.decision("cancel", "target", reason, candidate=run.version, run_id=run.run_id)
    for version in tuple(state.challenges):
        if version in state.challenges:
            lifecycle.reject(step, version, f"it was compared by {target_words(before)}", trigger="target")
    lifecycle.end_probation(step, "the spec declares another target")


def _forget(step: Step) -> None:
    """Begin the books, the evidence and the counts of rows anew."""
    state = step.state
    state.begin_target(state.labelled_rows, step.spec_version)
    state.keep_books(_empty_books(step))
    state.clear_feed()
    state.keep_harm(None)
    state.forget_evidence()
    state.forget_windows()
    state.settle_wishes()
    state.succeed()
    state.count_rows_from(state.labelled_rows)


def _empty_books(step: Step) -> PayoffState:
    state: ModelState = step.state
    version = opponent(state, step.spec)
    if version is None:
        return PayoffState()
    return payoff.began_serving(PayoffState(), version, trained_rows=state.versions[version].rows)


def _sentence(step: Step, before: str) -> str:
    state = step.state
    words = (
        f"the spec declares {target_words(state.target)} in place of {target_words(before)}: "
        f"what was learnt from the {state.labelled_rows} labelled rows before is forgotten"
    )
    champion = state.champion
    if champion is None or predicts_declared(state, champion, step.spec):
        return words
    return (
        f"{words}. {champion} predicts the former target and stays champion until a version of the new one is there: "
        f"ask for a run (`driftloop retrain {state.model_id}`)"
    )
