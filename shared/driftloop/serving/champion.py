"""Follows the champion: whoever serves swaps the model without a restart and without a lookup."""

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from driftloop.artifacts.store import StoreAwayError, open_artifact
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.topics import DRIFT_STATUS, MODEL_EVENTS
from driftloop.errors import UserError
from driftloop.kafka.clients.tail import Tail, TailRecord
from driftloop.kafka.settings import KafkaSettings
from driftloop.serving.channels import ChannelVariants
from driftloop.serving.router import canary_router
from driftloop.serving.version import Champion

OnChange = Callable[["Champion"], None]
_JUDGED = frozenset({"promoted", "rejected", "archived", "rolled_back", "deprecated"})


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

    With `channels=True` the versions that a spec's `variants` let share traffic are loaded too, and what is known
    of their outcomes is followed. `route` then says who serves a key in a channel, and `leading` who does best there:

            version = watcher.route("assistant", customer_id, channel="web")

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
        channels: bool = False,
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
        self._channels = ChannelVariants() if channels else None
        self._tail = Tail(kafka or KafkaSettings(), [MODEL_EVENTS, DRIFT_STATUS] if channels else [MODEL_EVENTS])
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

    def route(self, model_id: str, key: str, *, channel: str | None = None) -> Champion | None:
        """Who serves a key (a customer, a session): the champion or, for its share of the keys, the challenger.

        Sticky: a key stays with its version for as long as the canary runs, on every server alike.
        None if there is no champion yet.

        With `channel`, the other keys are shared out over the versions that the spec's `variants` name, by what is
        known of their outcomes in that channel. A key then stays with its version until outcomes speak against it.
        Raises ValueError where the watcher was not opened with `channels=True`.
        """
        followed = None if channel is None else self._following()
        champion, challenger = self._champions.get(model_id), self._challengers.get(model_id)
        if champion is None:
            return None
        if challenger is not None and challenger.version != champion.version:
            router = canary_router(model_id, challenger.version, challenger.spec.challenge.traffic_share)
            if router.route(key) == "challenger":
                return challenger
        return champion if followed is None or channel is None else followed.choose(champion, channel, key)

    def leading(self, model_id: str, channel: str) -> Champion | None:
        """The version that does best in a channel as far as is known: the champion until outcomes tell otherwise.

        None if there is no champion yet. Raises ValueError where the watcher was not opened with `channels=True`.
        """
        followed, champion = self._following(), self._champions.get(model_id)
        return None if champion is None else followed.leading(champion, channel)

    def _following(self) -> ChannelVariants:
        if self._channels is None:
            raise ValueError("channels are not followed: open the watcher with channels=True")
        return self._channels

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
            if self._channels is not None and record.topic == DRIFT_STATUS:
                self._channels.take_status(record, self._models)
                continue
            event = _event_of(record) if record.key in self._models else None
            if event is None:
                continue
            self._follow_challenger(event)
            if self._channels is not None:
                self._channels.follow(event)
            if event.event in ("promoted", "rolled_back") and event.artifact is not None:
                newest[event.model_id] = event
        for event in newest.values():
            self._swap(event)
        for event in tuple(self._tried.values()):
            self._try(event)
        if self._channels is not None:
            for champion in self._champions.values():
                self._channels.load_missing(champion, self._load)

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


def _checked(keys: Sequence[str]) -> tuple[str, ...]:
    if not keys:
        return ()
    from driftloop.contracts.signing import checked_public_key  # who asks for no signatures needs no cryptography

    return tuple(map(checked_public_key, keys))


def _event_of(record: TailRecord) -> ModelEvent | None:
    """The event of a record; None of a deletion, and of one that cannot be read."""
    if record.value is None:
        return None
    try:
        return ModelEvent.from_json(record.value)
    except ValueError as error:
        log = structlog.get_logger(__name__)
        log.warning("an event cannot be read and is left out", model=record.key, reason=str(error))
        return None
