"""Which versions may serve under the declared spec.

One rule for every way to serve (promotion, roll-back, reuse, a challenge, a person's word): a version may
where it predicts what is declared, and can be run.
"""

from driftloop.contracts.message import Version
from driftloop.spec.compatibility import target_of, target_words
from driftloop.spec.model_spec import ModelSpec
from retrain_coordinator.core.lifecycle.versions import parts
from retrain_coordinator.core.state import ModelState, VersionEntry


def obstacle(state: ModelState, version: Version, spec: ModelSpec) -> str | None:
    """Why a known version must not serve or be compared under the spec; None if it may."""
    entry = state.versions[version]
    if entry.unusable is not None:
        return f"version {version} cannot be run: {entry.unusable}"
    if not predicts_declared(state, version, spec):
        other = _predicted(state, entry)
        what = target_words(other) if other else "another target"
        return f"version {version} predicts {what}, the spec declares {target_words(target_of(spec))}"
    return None


def predicts_declared(state: ModelState, version: Version, spec: ModelSpec) -> bool:
    """Whether a known version predicts the target that the spec declares."""
    return _predicted(state, state.versions[version]) == target_of(spec)


def opponent(state: ModelState, spec: ModelSpec) -> Version | None:
    """The champion where it can be compared with: it predicts what is declared. None: a new version is the first."""
    champion = state.champion
    return champion if champion is not None and predicts_declared(state, champion, spec) else None


def _predicted(state: ModelState, entry: VersionEntry) -> str:
    """What a version predicts. Entries of earlier releases do not say: their major number and the newest run do."""
    if entry.target or state.highest is None:
        return entry.target
    same = parts(entry.version)[0] == parts(state.highest)[0]
    return state.signature.get("target", "") if same else ""
