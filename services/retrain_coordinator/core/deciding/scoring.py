"""What scoring could not tell: versions that it refused, and frames that were taken in without it.

Each is said on the log: a version once, a row of frames when it begins and when it ends.
"""

from retrain_coordinator.core.lifecycle import transitions as lifecycle
from retrain_coordinator.core.lifecycle.target import obstacle
from retrain_coordinator.core.merge import FrameEvidence
from retrain_coordinator.core.step import Step

TRIGGER = "scores"


def take(step: Step, frame: FrameEvidence) -> None:
    """Note what was refused and what did not come, before the scores are taken in.

    That a version without an artifact is not scored where it did not run is no news.
    """
    _note_missing(step, frame)
    state = step.state
    for version, why in frame.refused.items():
        entry = state.versions.get(version)
        if entry is None:
            continue
        if why.unusable and entry.unusable is None:
            state.note_unusable(version, why.reason)
            reason = f"{version} cannot be run, so it does not serve, nor is it compared: {why.reason}"
            step.decision("wait", "artifact", reason, candidate=version)
        elif not why.unusable and entry.artifact and version not in state.refused:
            before = {known: said for known, said in state.refused.items() if known in state.versions}
            state.note_refused({**before, version: why.reason})
            reason = f"scoring could not score {version} on the frame at offset {frame.position.offset}: {why.reason}"
            step.decision("wait", TRIGGER, reason, candidate=version)
    for version in frame.losses.keys() - frame.refused.keys():
        entry = state.versions.get(version)
        if entry is not None and frame.losses[version]:
            state.note_unusable(version, None)
    _leave_the_unusable(step)


def _note_missing(step: Step, frame: FrameEvidence) -> None:
    state, offset = step.state, frame.position.offset
    if frame.missing:
        names = ", ".join(sorted(frame.missing))
        if state.miss_scores(offset):
            reason = f"the frame at offset {offset} is taken in without scores of {names}: they did not come"
            step.decision("wait", TRIGGER, reason, evidence={"from_frame": float(offset), "missing": names})
    elif frame.expected and (span := state.scores_again()) is not None:
        step.decision(
            "wait", TRIGGER,
            f"scores come again; the frames from offset {span.first} to {span.last} were taken in without",
            evidence={"from_frame": float(span.first), "to_frame": float(span.last)},
        )  # fmt: skip


def _leave_the_unusable(step: Step) -> None:
    """A champion on probation that cannot be run gives way to its predecessor.

    One that came through its probation stays: servers may hold it, and which version does as well is for a
    person to say.
    """
    state, watched = step.state, step.state.probation
    if watched is None or not step.spec.automation.roll_back or state.frozen is not None:
        return
    why = state.versions[watched.champion].unusable
    if why is not None and obstacle(state, watched.predecessor, step.spec) is None:
        lifecycle.roll_back(step, watched.predecessor, f"{watched.champion} cannot be run: {why}", trigger="artifact")
    elif obstacle(state, watched.predecessor, step.spec) is not None:
        lifecycle.end_probation(step, f"{watched.predecessor} cannot be run, so it cannot come back")
