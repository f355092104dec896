"""Numbers of ours that outcomes bear though their versions cannot have predicted anything: they are somebody else's.

Whoever else serves a model may number its versions alike. What is met before a run has its number moves that number
(`served.note`). What comes later cannot: the version is trained, and its name stands in its artifact. Where
it has not served by then, the rows are somebody else's, and that is said. A version that served is taken at its name.
"""

from driftloop.contracts.drift_status import DriftStatus
from retrain_coordinator.core.state import ChallengeEntry
from retrain_coordinator.core.step import Step

TRIGGER = "version_name"


def note(step: Step, status: DriftStatus) -> None:
    """Say it where the rows of a frame name a version that is in training, or that does not serve.

    Of a model that others serve a version may run before driftloop knows of it: there is nothing to be said.
    """
    state, run = step.state, step.state.run
    if step.spec.serving == "external":
        return
    if run is not None and not run.named and run.version in {status.model_version, status.numbered_elsewhere}:
        state.note_named()
        reason = (
            f"outcomes name {run.version}, which is being trained: they are of somebody else's model that bears this "
            "number, so what the run makes is not taken in"
        )
        step.decision("wait", TRIGGER, reason, candidate=run.version, run_id=run.run_id)
    version = status.model_version
    challenger = state.challenges.get(version or "")
    if version is not None and challenger is not None and not _may_have_served(challenger, step):
        entry = state.versions[version]
        if not entry.named:
            state.mark_named(version)
            reason = (
                f"outcomes name {version}, which challenges {state.champion} and does not serve: they are of somebody "
                "else's model that bears this number, or somebody has let it serve by hand"
            )
            step.decision("wait", TRIGGER, reason, candidate=version)


def _may_have_served(challenger: ChallengeEntry, step: Step) -> bool:
    return step.spec.challenge.mode == "canary" or challenger.served_before
