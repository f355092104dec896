"""What a person may ask for. Every command is answered with a decision, also one that is refused."""

from collections.abc import Callable

from driftloop.contracts.message import Version
from driftloop.contracts.model_commands import ModelCommand
from driftloop.cores.version_order import age_order, is_numbered
from retrain_coordinator.core import intake
from retrain_coordinator.core.decide import decide
from retrain_coordinator.core.deciding.evidence import Command, evidence_of, history_of
from retrain_coordinator.core.lifecycle import runs
from retrain_coordinator.core.lifecycle import transitions as lifecycle
from retrain_coordinator.core.lifecycle.target import obstacle
from retrain_coordinator.core.lifecycle.versions import has_room_above, next_number, parts
from retrain_coordinator.core.state import Reading
from retrain_coordinator.core.state.life import refusal
from retrain_coordinator.core.step import Step


def obey(step: Step, command: ModelCommand) -> None:
    """Answer a command. Who is not listed for what it asks is refused."""
    right = _RIGHTS.get(command.command)
    listed: tuple[str, ...] | None = getattr(step.spec.permissions, right) if right else None
    if listed is not None and command.requested_by not in listed:
        names = ", ".join(listed) or "nobody"
        _refuse(step, command, f"{command.requested_by} may not: the spec's permissions.{right} lists {names}")
        return
    if not _is_proven(step, command):
        _refuse(
            step, command, "the spec's permissions.signed_by asks for a console's signature, and this has none of it"
        )
        return
    if command.seen_champion not in {None, step.state.champion}:
        serves = f"{step.state.champion} serves" if step.state.champion else "no version serves"
        _refuse(step, command, f"{serves} by now, and not {command.seen_champion} as when this was asked for")
        return
    ANSWERS[command.command](step, command)


def _is_proven(step: Step, command: ModelCommand) -> bool:
    """Whether the command is signed, where signatures are asked for; a host's figures ask for nothing."""
    keys = step.spec.permissions.signed_by
    if keys is None or command.command == "report":
        return True
    from driftloop.contracts.signed_commands import is_signed

    return is_signed(command, keys)


def _who(command: ModelCommand) -> str:
    return f"{command.requested_by}: {command.reason}"


def _refuse(step: Step, command: ModelCommand, why: str) -> None:
    step.decision("refuse", command.command, f"{_who(command)}; refused: {why}", candidate=command.version)


def _retrain(step: Step, command: ModelCommand) -> None:
    """Ask for a run: incremental, or full if that is wanted."""
    if step.state.applied is None:
        _refuse(step, command, "no row of this model has been seen yet")
        return
    wish = Command(command.reason, command.requested_by, "full" if command.full else "incremental")
    intake.consider(step, wish)


def _promote(step: Step, command: ModelCommand) -> None:
    """Let a version serve: the newest challenger unless one is named."""
    state, version = step.state, command.version or _newest_challenger(step)
    if version is None:
        _refuse(step, command, "no challenger is waiting, name the version")
    elif (refused := refusal(version, state.status_of(version), "promoted")) is not None:
        _refuse(step, command, refused)
    elif state.frozen is not None:
        _refuse(step, command, f"the model is frozen ({state.frozen})")
    elif (refused := obstacle(state, version, step.spec)) is not None:
        _refuse(step, command, refused)
    else:
        state.withdraw_version(version, withdrawn=False)
        lifecycle.promote(step, version, _who(command), trigger="manual")


def _roll_back(step: Step, command: ModelCommand) -> None:
    """Let an earlier champion serve again: the predecessor unless one is named."""
    state = step.state
    to = command.version or _predecessor(step)
    if to is None:
        _refuse(step, command, "there is no earlier champion")
    elif refused := refusal(to, state.status_of(to), "rolled_back") or obstacle(state, to, step.spec):
        _refuse(step, command, refused)
    else:
        state.withdraw_version(to, withdrawn=False)
        state.withdraw_version(state.champion, withdrawn=True)
        lifecycle.roll_back(step, to, _who(command), trigger="manual")


def _freeze(step: Step, command: ModelCommand) -> None:
    """Nothing is retrained or promoted until `unfreeze`."""
    step.state.freeze(_who(command))
    step.decision("freeze", "manual", _who(command))
    step.event("frozen", _who(command), version=step.state.champion)


def _unfreeze(step: Step, command: ModelCommand) -> None:
    """End the freeze, and decide anew: a challenger that was proven has to be so by the rows since, too."""
    if step.state.frozen is None:
        _refuse(step, command, "the model is not frozen")
        return
    step.state.freeze(None)
    step.state.clear_refusals()
    step.decision("unfreeze", "manual", _who(command))
    step.event("unfrozen", _who(command), version=step.state.champion)
    lifecycle.look_anew(step)
    lifecycle.settle(step)
    intake.consider(step)


def _approve(step: Step, command: ModelCommand) -> None:
    """Give the word that a proven challenger or a run waits for."""
    state, version = step.state, command.version
    waiting = [entry.version for entry in state.challenges.values() if entry.waits_for in ("approval", "veto_window")]
    if version is None and command.about != "run":
        version = next(reversed(waiting), None)
    if version is not None and version in waiting:
        if state.frozen is not None:
            _refuse(step, command, f"the model is frozen ({state.frozen})")
            return
        if (refused := obstacle(state, version, step.spec)) is not None:
            _refuse(step, command, refused)
            return
        state.withdraw_version(version, withdrawn=False)
        lifecycle.promote(step, version, f"approved by {_who(command)}", trigger="approval")
    elif version is None and command.about != "version" and state.waits_for_approval is not None:
        _approve_run(step, command)
    else:
        what = f"version {version} does not wait" if version else f"{_NOTHING[command.about]} waits"
        _refuse(step, command, f"{what} for an approval")


_NOTHING = {None: "nothing", "version": "no version", "run": "no run"}


def _approve_run(step: Step, command: ModelCommand) -> None:
    state = step.state
    state.approve()
    decision = decide(evidence_of(state), history_of(state, step.spec, step.fleet), step.policy, step.now)
    if decision.action == "retrain":
        runs.start(step, decision)
        return
    wish = Command(f"approved ({state.waits_for_approval}): {command.reason}", command.requested_by, step.policy.mode)
    intake.consider(step, wish)


def _veto(step: Step, command: ModelCommand) -> None:
    """Refuse the challenger, or the run that waits for approval."""
    state, version = step.state, command.version
    if version is None and command.about != "run":
        version = _newest_challenger(step)
    if version in state.challenges and version is not None:
        lifecycle.reject(step, version, f"veto by {_who(command)}", trigger="veto")
    elif version is None and command.about != "version" and state.waits_for_approval is not None:
        state.withdraw()
        state.keep_signals(())
        step.decision("reject", "veto", f"the run is not approved: {_who(command)}")
    else:
        _refuse(step, command, f"version {version} is no challenger" if version else _NO_VETO[command.about])


_NO_VETO = {
    None: "no such challenger and no run waits for an approval",
    "version": "there is no challenger",
    "run": "no run waits for an approval",
}


def _cancel(step: Step, command: ModelCommand) -> None:
    """Wait no longer for the run in progress; its result will be ignored."""
    run = step.state.run
    if run is None:
        _refuse(step, command, "no run is in progress")
        return
    if command.version not in {None, run.version}:
        _refuse(step, command, f"the run in progress is for version {run.version}, not for {command.version}")
        return
    step.state.end_run()
    step.decision("cancel", "manual", _who(command), candidate=run.version, run_id=run.run_id)


def _report(step: Step, command: ModelCommand) -> None:
    """Take in a host's figures, and decide anew."""
    for name, value in command.readings.items():
        step.state.take_reading(name, Reading(value=value, at=step.now))
    if step.state.applied is not None:
        intake.consider(step)


def _register(step: Step, command: ModelCommand) -> None:
    """Bring in a version that was made elsewhere: the champion if there is none, else a challenger."""
    state = step.state
    version = command.version or next_number(state, step.spec)
    if step.spec.serving == "external" and command.artifact is None:
        _refuse(step, command, "a version that others serve needs no registration: its outcomes, or its predictions "
                "under `shadow`, tell of it")  # fmt: skip
    elif not command.artifact or not command.artifact_sha256:
        _refuse(step, command, "an artifact and its hash are needed")
    elif is_numbered(version) and state.highest and parts(version) <= parts(state.highest):
        _refuse(step, command, f"version {version} is not above {state.highest}, the highest so far")
    elif is_numbered(version) and not has_room_above(version):
        _refuse(step, command, f"version {version} leaves no room for the numbers of later ones")
    elif (refused := refusal(version, state.status_of(version), "registered")) is not None:
        _refuse(step, command, refused)
    else:
        lifecycle.register(step, version, command.artifact, command.artifact_sha256, _who(command))


def _deprecate(step: Step, command: ModelCommand) -> None:
    """Forget a version that is neither in service nor the target of a roll-back."""
    state, version = step.state, command.version
    status = state.status_of(version) if version else None
    if version is None or status is None:
        _refuse(step, command, f"version {version} is not known")
    elif refusal(version, status, "deprecated") or version == _predecessor(step):
        _refuse(step, command, f"version {version} is in service ({status}), or would be on a roll-back")
    else:
        step.decision("reject", "deprecate", _who(command), candidate=version)
        step.event("deprecated", _who(command), version=version)
        state.move(version, "deprecated")


def _newest_challenger(step: Step) -> Version | None:
    return max(reversed(step.state.challenges), key=age_order, default=None)  # of equal ones the one that came last


def _predecessor(step: Step) -> Version | None:
    state = step.state
    if state.probation is not None:
        return state.probation.predecessor
    earlier = [version for version in state.champions[:-1] if version in state.versions]
    fit = [version for version in earlier if obstacle(state, version, step.spec) is None]
    return next(reversed(fit or state.champions[:-1]), None)


_RIGHTS = {"promote": "promote", "approve": "promote", "register": "promote", "roll_back": "roll_back"}
"""The list of the spec's permissions that a command falls under; all others are free."""

ANSWERS: dict[str, Callable[[Step, ModelCommand], None]] = {
    "retrain": _retrain,
    "promote": _promote,
    "roll_back": _roll_back,
    "freeze": _freeze,
    "unfreeze": _unfreeze,
    "approve": _approve,
    "veto": _veto,
    "cancel": _cancel,
    "report": _report,
    "register": _register,
    "deprecate": _deprecate,
}
"""Command → what answers it."""
