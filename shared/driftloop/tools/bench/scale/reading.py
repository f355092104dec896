"""Who reads the log: the console by events and models, the registry behind `status` by models, `verify` by frames."""

from collections.abc import Callable, Iterable, Iterator

from driftloop.contracts.topics import DRIFT_STATUS, MODEL_PROFILES, MODEL_SPECS
from driftloop.testing.records import START_MS, FakeRecord
from driftloop.tools.bench.scale.axis import GROUPS, Axis, Work
from driftloop.tools.bench.scale.told import MODEL, decision, first_statuses, of_model, report, signal, statuses
from driftloop.tools.bench.watched import declared, renamed
from driftloop.tools.registry.view import RegistryView
from driftloop.tools.verify.comparison import verify
from driftloop.tools.verify.recorded import Recorded
from operations_console.core.telling import Glances
from operations_console.core.view.fleet import FleetView

_MODELS_OF_EVENTS = 10
_OF_A_MODEL = 2
"""Signals and decisions of each model that the registry and the fleet page know of."""


def _folded(records: Iterable[FakeRecord]) -> FleetView:
    view = FleetView()
    for record in records:
        view.take(record)
    return view


def _by_events(events: int) -> Work:
    """Signals, decisions and statuses in equal parts."""
    records = list(_events(events))
    return Work([lambda: _folded(records)] * GROUPS)


def _events(count: int) -> Iterator[FakeRecord]:
    makers: tuple[Callable[[int, int, str], FakeRecord], ...] = (signal, decision, _status)
    for number in range(count):
        model = f"model-{number % _MODELS_OF_EVENTS}"
        yield makers[number % len(makers)](number, number // len(makers), model)


def _status(_number: int, offset: int, model: str) -> FakeRecord:
    said = of_model(first_statuses()[0], model)
    return FakeRecord(DRIFT_STATUS, key=said.key(), value=said.value(), at_offset=offset)


def _fleet(models: int) -> list[FakeRecord]:
    """What the log holds of a fleet: a spec, a status, some signals and decisions of each model."""
    spec, found = declared(10)[0], []
    for place in range(models):
        name = f"model-{place}"
        found.append(FakeRecord(MODEL_SPECS, key=name, value=renamed(spec, name), at_offset=place))
        found.append(_status(place, place, name))
        for number in range(place * _OF_A_MODEL, (place + 1) * _OF_A_MODEL):
            found += [signal(number, number, name), decision(number, number, name)]
    return found


def _by_models_shown(models: int) -> Work:
    """The fleet page after a change of every model: nothing of it is at hand."""
    view = _folded(_fleet(models))

    def shown() -> object:
        glances = Glances()
        return [glances.of(one) for one in view.models.values()]

    return Work([shown] * GROUPS)


def _by_models_asked(models: int) -> Work:
    """What `driftloop status` asks of the registry, once that has the log."""
    view = RegistryView()
    view.take_in(_fleet(models))

    def asked() -> object:
        return [
            (view.model(one.model_id), view.statistics(one.model_id), view.events(one.model_id, 20))
            for one in view.models()
        ]

    return Work([asked])


def _by_models_synced(models: int) -> Work:
    records = _fleet(models)

    def synced() -> RegistryView:
        view = RegistryView()
        view.take_in(records)
        return view

    return Work([synced])


def _by_frames(frames: int) -> Work:
    """A log on which the host's figures are told with each frame."""
    spec, profile = declared(10)
    records = [
        FakeRecord(MODEL_SPECS, key=MODEL, value=spec),
        FakeRecord(MODEL_PROFILES, key=f"{MODEL}/1.0.0", value=profile),
    ]
    for place, (frame, said) in enumerate(statuses(frames)):
        told = FakeRecord(
            frame.topic(), key=frame.key(), value=frame.value(), headers=frame.headers_, at_offset=place,
            at_ms=START_MS + place,
        )  # fmt: skip
        records += [told, *said, report(place)]
    return Work([lambda: verify(Recorded(records))])


_MODELS, _FRAMES = (10, 30, 100, 300, 1_000), (10, 30, 100, 300, 1_000)

AXES = (
    Axis("console, events", "the fold", (300, 1_000, 3_000, 10_000, 30_000), _by_events, (30, 60, 120)),
    Axis("console, models", "the fleet page", _MODELS, _by_models_shown, (4, 8, 16)),
    Axis("status, models", "the answer", _MODELS, _by_models_asked, (4, 8, 16)),
    Axis("registry, models", "a sync from the first record", _MODELS, _by_models_synced, (4, 8, 16)),
    Axis("verify, frames", "the run", _FRAMES, _by_frames, (4, 8, 16)),
)
