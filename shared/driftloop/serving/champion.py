"""Follows the champion: whoever serves swaps the model without a restart and without a lookup."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from numpy.typing import NDArray

from driftloop.artifacts.store import StoreAwayError, open_artifact
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.topics import MODEL_EVENTS
from driftloop.errors import UserError
from driftloop.kafka.clients.tail import Tail, TailRecord
from driftloop.kafka.settings import KafkaSettings
from driftloop.learners.protocol import Column, Model, Predictions, Rows
from driftloop.serving.router import canary_router
from driftloop.spec.expressions import parse_expression
from driftloop.spec.forecast import feature_steps
from driftloop.spec.model_spec import ModelSpec

OnChange = Callable[["Champion"], None]
_JUDGED = frozenset({"promoted", "rejected", "archived", "rolled_back", "deprecated"})


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that serves now, loaded and ready. Immutable: hold it for as long as you like."""

    model_id: str
    version: str
    spec: ModelSpec
    model: Model
    event: ModelEvent
    _told: set[str] = field(default_factory=set, repr=False, compare=False)

    def predict(self, features: Mapping[str, Column], at: NDArray[np.int64] | None = None) -> Predictions:
        """One prediction a row; `features` are what producers send, derived ones are added here.

        A feature that this version knows and that is not sent (after a roll-back, or where the spec has a new one)
        counts as missing; it is named in the log once. Raises ValueError where no feature is given at all.
        Forecasts need to know when they are made: `at`, one moment a row, in milliseconds since 1970.
        """
        unheard = [name for name in lacking(self.spec, features) if name not in self._told]
        if unheard:
            self._told.update(unheard)
            structlog.get_logger(__name__).warning(
                "features are not sent and count as missing",
                model=self.model_id, version=self.version, features=unheard,
            )  # fmt: skip
        return self.model.predict(Rows(with_derived(self.spec, features), at=at))


def lacking(spec: ModelSpec, features: Mapping[str, Column]) -> tuple[str, ...]:
    """The features of a spec that producers should send and that are not among `features`."""
    return tuple(name for name in spec.raw_features if name not in features)


def with_derived(spec: ModelSpec, features: Mapping[str, Column]) -> dict[str, Column]:
    """The features of a spec in its order, derived ones computed from those given.

    Those that are not given are missing in every row. Raises ValueError where none is given.
    """
    if not features:
        raise ValueError("no feature is given: nothing says how many rows there are")
    rows = len(next(iter(features.values())))
    given = {name: features.get(name, _missing(spec, name, rows)) for name in spec.raw_features}
    numbers = {
        n: np.asarray(c, dtype=np.float64) for n, c in {**features, **given}.items() if c.dtype.kind not in "OUS"
    }
    columns: dict[str, Column] = {}
    for name, feature in spec.features.items():
        if feature.expression is None:
            columns[name] = given[name]
        else:
            expression = parse_expression(feature.expression)
            absent = {n: np.full(rows, np.nan) for n in expression.names if n not in numbers}
            columns[name] = expression.over(numbers | absent)
    return columns


def _missing(spec: ModelSpec, name: str, rows: int) -> Column:
    feature = spec.features[name]
    if feature.kind == "series":
        return np.full((rows, feature_steps(spec, name)), np.nan)
    return np.full(rows, np.nan) if feature.kind == "number" else np.full(rows, None, dtype=object)


def _checked(keys: Sequence[str]) -> tuple[str, ...]:
    if not keys:
        return ()
    from driftloop.contracts.signing import checked_public_key  # who asks for no signatures needs no cryptography

    return tuple(map(checked_public_key, keys))


class ChampionWatcher:
    """Keeps the champions of some models loaded, from their events on the log.

    `champion()` never blocks and never touches the log: a new version is loaded and verified in the
    background and swapped in whole. Where an artifact is damaged the old champion goes on serving
    and `error(model_id)` says why; a store that does not answer is asked again until it does.
    `on_change` is called (in the background thread) with each new champion.

        with ChampionWatcher(["pricing"], KafkaSettings(bootstrap_servers="broker:9092")) as watcher:
            champion = watcher.wait_for_champion("pricing", seconds=60)
            price = champion.predict({"area": np.array([71.5])}).fields["price"]

    With `canary=True` a challenger is loaded too where its spec asks for a live canary, and `route`
    says who serves a key:

            version = watcher.route("pricing", customer_id)
            version.predict(features), version.version     # publish the outcome under this version

    With `trusted_keys` (public keys, base64url) a version is loaded only if one of them has signed its artifact.
    Raises ValueError for a key that is none.
    """

    def __init__(
        self,
        models: Sequence[str],
        kafka: KafkaSettings | None = None,
        *,
        on_change: OnChange = lambda _champion: None,
        canary: bool = False,
        trusted_keys: Sequence[str] = (),
    ) -> None:
        self._keys = _checked(trusted_keys)
        self._models = frozenset(models)
        self._on_change = on_change
        self._canary = canary
        self._champions: dict[str, Champion] = {}
        self._challengers: dict[str, Champion] = {}
        self._tried: dict[str, ModelEvent] = {}
        self._errors: dict[str, UserError] = {}
        self._waiting: dict[str, ModelEvent] = {}
        self._changed = threading.Condition()
        self._reading = threading.Lock()
        self._tail = Tail(kafka or KafkaSettings(), [MODEL_EVENTS])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="champion-watcher", daemon=True)
        self._thread.start()

    def __enter__(self) -> "ChampionWatcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def champion(self, model_id: str) -> Champion | None:
        """The version that serves now, or None if there is none yet."""
        return self._champions.get(model_id)

    def challenger(self, model_id: str) -> Champion | None:
        """The version that a live canary tries now, or None."""
        return self._challengers.get(model_id)

    def route(self, model_id: str, key: str) -> Champion | None:
        """Who serves a key (a customer, a session): the champion or, for its share of the keys, the challenger.

        Sticky: a key stays with its version for as long as the canary runs, on every server alike.
        None if there is no champion yet.
        """
        champion, challenger = self._champions.get(model_id), self._challengers.get(model_id)
        if champion is None or challenger is None or challenger.version == champion.version:
            return champion
        router = canary_router(model_id, challenger.version, challenger.spec.challenge.traffic_share)
        return challenger if router.route(key) == "challenger" else champion

    def error(self, model_id: str) -> UserError | None:
        """Why the newest champion could not be loaded, or None."""
        return self._errors.get(model_id)

    def wait_for_champion(self, model_id: str, seconds: float = 60.0) -> Champion:
        """The champion, as soon as there is one; raises UserError at the deadline or if it is damaged."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while (champion := self._champions.get(model_id)) is None:
                if model_id in self._errors:
                    raise self._errors[model_id]
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() > deadline:
                    raise UserError(f"Model {model_id} has no champion after {seconds:g} s.", 4)
        return champion

    def refresh(self) -> None:
        """Return once every event that is on the log by now is applied."""
        with self._reading:
            self._apply(self._tail.read_to_end())

    def close(self) -> None:
        """Stop following; what is loaded stays usable."""
        self._stopping.set()
        self._thread.join(10.0)
        self._tail.close()

    def _follow(self) -> None:
        while not self._stopping.is_set():
            with self._reading:
                self._apply(self._tail.read(0.05))
            self._stopping.wait(0.01)  # let `refresh` have the lock

    def _apply(self, records: Sequence[TailRecord]) -> None:
        newest, self._waiting = self._waiting, {}
        for record in records:
            if record.value is None or record.key not in self._models:
                continue
            try:
                event = ModelEvent.from_json(record.value)
            except ValueError as error:
                log = structlog.get_logger(__name__)
                log.warning("an event cannot be read and is left out", model=record.key, reason=str(error))
                continue
            self._follow_challenger(event)
            if event.event in ("promoted", "rolled_back") and event.artifact is not None:
                newest[event.model_id] = event
        for event in newest.values():
            self._swap(event)
        for event in tuple(self._tried.values()):
            self._try(event)

    def _follow_challenger(self, event: ModelEvent) -> None:
        """Note who challenges; a version that is judged, in whatever way, does so no more."""
        if not self._canary:
            return
        if event.event == "challenged":
            self._tried[event.model_id] = event
        elif event.version is not None and event.event in _JUDGED:
            trying = self._tried.get(event.model_id)
            if trying is not None and trying.version == event.version:
                del self._tried[event.model_id]
            if (known := self._challengers.get(event.model_id)) is not None and known.version == event.version:
                del self._challengers[event.model_id]

    def _try(self, event: ModelEvent) -> None:
        """Load a challenger, where it is to be tried live; one that cannot be loaded gets no traffic."""
        del self._tried[event.model_id]
        try:
            challenger = self._load(event)
        except (ValueError, OSError, UserError) as error:
            self._errors[event.model_id] = UserError(f"Version {event.version} cannot be tried: {error}")
            return
        if challenger.spec.challenge.mode == "canary":
            self._challengers[event.model_id] = challenger

    def _swap(self, event: ModelEvent) -> None:
        try:
            champion = self._load(event)
        except (ValueError, OSError, UserError) as error:
            if isinstance(error, StoreAwayError):
                self._waiting[event.model_id] = event  # the next turn asks again
            with self._changed:
                self._errors[event.model_id] = UserError(f"Version {event.version} cannot be served: {error}")
                self._changed.notify_all()
            return
        with self._changed:
            self._errors.pop(event.model_id, None)
            self._champions[event.model_id] = champion
            self._changed.notify_all()
        self._on_change(champion)

    def _load(self, event: ModelEvent) -> Champion:
        assert event.version is not None
        assert event.artifact is not None
        artifact, model = open_artifact(event.artifact, event.artifact_sha256, keys=self._keys)
        return Champion(event.model_id, event.version, artifact.manifest.spec, model, event)
