"""The versions of a model that share traffic, each channel by itself: which are loaded, and what is known of them.

Detection counts the labelled outcomes of each version in each channel and publishes them with its status. Every
server reads the same counts and draws by the key of a request, so servers agree without speaking to each other.
"""

from collections.abc import Callable, Collection, Mapping

import msgspec
import structlog

from driftloop.contracts.model_events import ModelEvent
from driftloop.errors import AwayError, UserError
from driftloop.kafka.clients.tail import TailRecord
from driftloop.serving.version import Champion
from driftloop.spec.compatibility import predicts_the_same
from driftloop.statistics.thompson import Bandit, Belief, choose_for_key, leading

_REMEMBERED = 8
"""Champions of the past that may be variants, as many as a spec can ask for."""


class _Answers(msgspec.Struct):
    right: float
    wrong: float


class _Status(msgspec.Struct):
    channels: dict[str, dict[str, _Answers]] = {}


_read_status = msgspec.json.Decoder(_Status).decode


class ChannelVariants:
    """Of all models that a watcher follows. Written by one thread; `choose` and `leading` may be called from any."""

    def __init__(self) -> None:
        self._served: dict[str, tuple[ModelEvent, ...]] = {}
        """By model: the events that let its versions serve, the newest last, each version once."""
        self._loaded: dict[tuple[str, str], Champion] = {}
        self._unusable: set[tuple[str, str]] = set()
        self._told: set[tuple[str, str]] = set()
        self._variants: dict[str, tuple[Champion, ...]] = {}
        self._beliefs: dict[str, Mapping[tuple[str, str], Belief]] = {}

    def follow(self, event: ModelEvent) -> None:
        """Note who served. A version that was rolled back from, rejected or deprecated is no variant any more."""
        served = self._served.get(event.model_id, ())
        gone = {event.version}
        if event.event == "rolled_back":
            gone.add(event.previous_version)
        if event.event in ("promoted", "rolled_back") and event.artifact is not None:
            kept = tuple(one for one in served if one.version not in gone)
            self._served[event.model_id] = (*kept, event)[-_REMEMBERED:]
        elif event.event in ("rejected", "deprecated"):
            self._served[event.model_id] = tuple(one for one in served if one.version not in gone)

    def take_status(self, record: TailRecord, models: Collection[str]) -> None:
        """What detection knows of the channels of one of the models now."""
        model_id, _, segment = record.key.partition("/")
        if segment or record.value is None or model_id not in models:
            return
        try:
            channels = _read_status(record.value).channels
        except msgspec.DecodeError as error:
            log = structlog.get_logger(__name__)
            log.warning("a status cannot be read and is left out", model=model_id, reason=str(error))
            return
        self._beliefs[model_id] = {
            (channel, version): Belief(one.right, one.wrong)
            for channel, known in channels.items()
            for version, one in known.items()
        }

    def load_missing(self, champion: Champion, load: Callable[[ModelEvent], Champion]) -> None:
        """Load the versions that share traffic with this champion; one that cannot be loaded gets none."""
        model_id, rule = champion.model_id, champion.spec.variants
        wanted = [] if rule is None else [*reversed(self._served.get(model_id, ()))]
        found = [champion]
        for event in wanted:
            if rule is None or len(found) == rule.versions:
                break
            if event.version != champion.version and (variant := self._variant(event, load)) is not None:
                found += [variant] if predicts_the_same(variant.spec, champion.spec) else []
        self._variants[model_id] = tuple(found)
        mine = {(model_id, one.version) for one in found}
        for key in [key for key in self._loaded if key[0] == model_id and key not in mine]:
            del self._loaded[key]

    def _variant(self, event: ModelEvent, load: Callable[[ModelEvent], Champion]) -> Champion | None:
        key = event.model_id, event.version or ""
        if key in self._unusable:
            return None
        if key not in self._loaded:
            try:
                self._loaded[key] = load(event)
            except (AwayError, OSError) as error:  # a full disk, say, is no fault of the version: other servers have it
                self._tell_once(key, "a version gets no traffic until it can be loaded", error)
                return None
            except (ValueError, UserError) as error:
                self._unusable.add(key)
                self._tell_once(key, "a version gets no traffic", error)
                return None
            self._told.discard(key)
        return self._loaded[key]

    def _tell_once(self, key: tuple[str, str], what: str, why: Exception) -> None:
        """Log it the first time, until the version is loaded."""
        if key not in self._told or key in self._unusable:
            structlog.get_logger(__name__).warning(what, model=key[0], version=key[1], reason=str(why))
        self._told.add(key)

    def choose(self, champion: Champion, channel: str, key: str) -> Champion:
        """Who serves a key in a channel."""
        variants, bandit = self._bandit(champion)
        if bandit is None:
            return champion
        return variants[choose_for_key(bandit, self._beliefs.get(champion.model_id, {}), channel, key)]

    def leading(self, champion: Champion, channel: str) -> Champion:
        """Who does best in a channel; the champion where nothing is known."""
        variants, bandit = self._bandit(champion)
        if bandit is None:
            return champion
        return variants[leading(bandit, self._beliefs.get(champion.model_id, {}), channel)]

    def _bandit(self, champion: Champion) -> tuple[dict[str, Champion], Bandit | None]:
        rule, loaded = champion.spec.variants, self._variants.get(champion.model_id, ())
        variants = {champion.version: champion} | {one.version: one for one in loaded}
        if rule is None or len(variants) < 2:
            return variants, None
        return variants, Bandit(tuple(variants), rule.floor, rule.memory_rows)
