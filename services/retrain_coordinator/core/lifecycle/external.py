"""Models that others serve: which version is the champion is seen, and what is wanted of its owner is asked for.

The champion is the version that detection takes for the serving one: stragglers and a canary's rows change nothing.
A version that is predicted under `shadow` beside the champion is a challenger as soon as it is seen, with or
without an artifact: scoring tells its losses on the very rows that the champion predicted.
"""

from driftloop.contracts.message import Version
from retrain_coordinator.core.lifecycle import transitions as lifecycle
from retrain_coordinator.core.lifecycle.target import obstacle, opponent
from retrain_coordinator.core.lifecycle.versions import highest_of, signature
from retrain_coordinator.core.merge import FrameEvidence
from retrain_coordinator.core.proof import challenge
from retrain_coordinator.core.state import VersionEntry
from retrain_coordinator.core.step import Step

_LISTED = frozenset({"archived", "rejected"})
_FAR, _QUANTILE = 4.0, 0.99


def observe(step: Step, frame: FrameEvidence) -> None:
    """Take in who serves and what runs in the shadow as of a frame; nothing if driftloop decides what serves."""
    if step.spec.serving != "external":
        return
    version = frame.status.model_version
    if version is not None and version != step.state.champion:
        _serves(step, version, frame)
    for shadow in sorted(frame.losses.keys() - {step.state.champion}):
        if frame.losses[shadow]:
            _runs_in_the_shadow(step, shadow, frame)


def _serves(step: Step, version: Version, frame: FrameEvidence) -> None:
    """Outcomes of another version come than that of the champion: as was asked, or without anybody asking."""
    state, asked = step.state, step.state.asked
    _know(step, version, f"outcomes of {version} come", frame)
    state.withdraw_version(version, withdrawn=False)  # its owner has let it serve: that is a person's word
    state.ask_to_serve(None)
    if asked is not None and asked.version == version:
        causes = (*asked.lineage, *step.chain())
        reason = f"outcomes of {version} come, as was asked: {asked.reason}"
        (lifecycle.take_over if asked.event == "promoted" else lifecycle.come_back)(step, version, reason, causes)
        return
    before, reason = state.champion, f"outcomes of {version} come"
    if before is not None:
        reason = f"{reason}: it serves in place of {before}, and nobody was asked for that"
        step.event("deployed", reason, version=version, previous_version=before)
    if asked is not None:
        lifecycle.reject(step, asked.version, f"{version} was deployed instead of it", trigger="superseded")
    returns = version in state.champions or (state.probation is not None and state.probation.predecessor == version)
    (lifecycle.come_back if returns else lifecycle.take_over)(step, version, reason, step.chain())


def _know(step: Step, version: Version, reason: str, frame: FrameEvidence) -> None:
    """Take a version in that was not heard of before."""
    state = step.state
    if version in state.versions:
        return
    bound, serving = _bound(step, frame), state.versions.get(state.champion or "")
    overlap = 1.0 if serving is None else serving.overlap
    state.add_version(VersionEntry(
        version=version, status="registered", spec_version=step.spec_version, artifact="", sha256="",
        rows=step.spec.baseline_rows, loss_bound=bound, overlap=overlap, lineage=step.chain(),
        target=signature(step.spec)["target"],
    ))  # fmt: skip
    state.number(highest_of(state.highest, version), state.signature or signature(step.spec))
    step.event("registered", f"{reason}; driftloop has no artifact of it", version=version)


def _runs_in_the_shadow(step: Step, version: Version, frame: FrameEvidence) -> None:
    """Begin the challenge of a version whose predictions come beside the champion's, where there is room for one."""
    state, champion = step.state, opponent(step.state, step.spec)
    if champion is None or version in state.challenges or len(state.challenges) >= step.spec.challenge.challengers:
        return
    known = state.versions.get(version)
    watched = state.probation is not None and state.probation.predecessor == version
    awaited = state.asked is not None and state.asked.version == version
    if watched or awaited or (known is not None and known.status in _LISTED):
        return
    _know(step, version, f"predictions of {version} come under shadow.{version}", frame)
    if obstacle(state, version, step.spec) is not None:
        return
    entry = state.versions[version]
    state.hold_challenge(challenge.unproven(
        version, champion, step.spec.challenge, state.applied, state.labelled_rows,
        loss_bound=entry.loss_bound, overlap=entry.overlap,
    ))  # fmt: skip
    state.move(version, "challenged")
    reason = f"runs in the shadow of {champion}: its predictions come with outcomes"
    step.event("challenged", reason, version=version, previous_version=champion)


def _bound(step: Step, frame: FrameEvidence) -> float:
    """Where a bounded test clips a loss: 1 of losses that are 0 or 1, else far above the usual one."""
    if all(field.kind == "category" or field.tolerance is not None for field in step.spec.target.values()):
        return 1.0
    losses = sorted(frame.losses.get(step.state.champion or "", ()))
    usual = step.state.metrics.get("rolling_loss", 0.0)
    bound = max(_FAR * usual, losses[int(_QUANTILE * (len(losses) - 1))] if losses else 0.0)
    return float(f"{bound:.6g}") if bound > 0 else 1.0
