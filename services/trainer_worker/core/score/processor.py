"""Challenge scoring: every version that is compared says what it would have said, and pays its loss.

Why frames are read again: an event that begins a comparison names the frame after which it counts,
and scoring may be past that frame when the event comes. Those frames are read from the log once
more, so that what is scored depends on the log and never on who was faster.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from driftloop.codec.frames import Frame, decode_frame
from driftloop.contracts.challenge_scores import ChallengeScores, RefusedVersion
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.reading import read_message
from driftloop.contracts.topics import CHALLENGE_SCORES, MODEL_EVENTS, MODEL_SPECS, OUTCOME_FRAMES
from driftloop.cores.decode_each import LONGEST_REASON, dead_letter, decode_messages, of_topic
from driftloop.cores.effects_builder import EffectsBuilder
from driftloop.cores.record_fields import key_text, partition_of, position_of, value_bytes
from driftloop.cores.spec_table import SpecTable
from driftloop.errors import AwayError
from driftloop.processor import DeadLetter, Effects, KeptOut, Outgoing, Record, StaleTableError, StateChange
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.core.score.attainable import Attainable, Floats, Place, Progress, goes_by_attainable
from trainer_worker.core.score.corrections import Corrections
from trainer_worker.core.score.failures import answered_rows
from trainer_worker.core.score.frame_rows import judged_rows, labelled_rows
from trainer_worker.core.score.losses import Paired, paired_losses
from trainer_worker.core.score.ports import FrameLog, LearntRows, ModelShelf
from trainer_worker.core.score.shadows import in_the_shadow
from trainer_worker.core.score.versions import Scored, ScoredVersions

_SEEN = "@frames"
"""The state entry that holds how far a partition's frames were read (no model id begins with @)."""
_ROWS = "@rows/"
"""Begins the state entries of how far a model's labelled rows were read."""


class ChallengeScoring:
    """The core of role `score`; satisfies `driftloop.processor.Processor`."""

    def __init__(self, shelf: ModelShelf, log: FrameLog, learnt: LearntRows) -> None:
        self._shelf = shelf
        self._log = log
        self._specs = SpecTable()
        self._attainable = Attainable(log, learnt)
        self._corrections = Corrections(shelf, log)
        self._versions: dict[int, dict[str, ScoredVersions]] = {}
        self._progress: dict[tuple[int, str], Progress] = {}
        self._seen: dict[int, int] = {}
        self.refused: dict[tuple[str, str], str] = {}
        """(model, version) → why it was not scored on the newest frame."""

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        """Scores of the frames. What the next ones will need of these rows is done in `wake`, once all is said."""
        frames = of_topic(records, OUTCOME_FRAMES)
        events = decode_messages(of_topic(records, MODEL_EVENTS), ModelEvent)
        if not tables_current and any(self._specs.newest(model) is None for model in map(key_text, frames)):
            raise StaleTableError
        done = EffectsBuilder()
        done.bury(*events.dead)
        done.count_unknown_fields(events.unknown_fields)
        for record, event in events.messages:
            done.add(self._take_event(partition_of(record), event))
        for record in frames:
            done.add(self._take_frame(record))
        done.add(self._wish(now))
        return done.effects()

    def wake(self, now: datetime) -> Effects:
        """Fit one model's cheap models before a frame waits for them: nothing that is said depends on it."""
        self._attainable.fit_ahead()
        return self._wish(now)

    def _wish(self, now: datetime) -> Effects:
        return Effects(wake_at=now) if self._attainable.is_behind else Effects()

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        self.revoke(partition)
        entries = dict(state)
        self._seen[partition] = int(entries.pop(_SEEN, b"-1"))
        self._versions[partition] = {}
        for key, value in entries.items():
            if key.startswith(_ROWS):
                self._progress[partition, key.removeprefix(_ROWS)] = read_message(Progress, value).message
            else:
                self._versions[partition][key] = read_message(ScoredVersions, value).message

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002  (state is keyed)
        return ()

    def revoke(self, partition: int) -> None:
        self._versions.pop(partition, None)
        self._seen.pop(partition, None)
        self._attainable.forget(partition)
        self._corrections.forget(partition)
        for key in [key for key in self._progress if key[0] == partition]:
            del self._progress[key]

    def take_table(self, topic: str, records: Sequence[Record]) -> Sequence[KeptOut]:
        return self._specs.take(records) if topic == MODEL_SPECS else ()

    def _take_event(self, partition: int, event: ModelEvent) -> Effects:
        models = self._versions.setdefault(partition, {})
        before = models.get(event.model_id, ScoredVersions(model_id=event.model_id))
        after = before.after(event)
        if after == before:
            return Effects()
        models[event.model_id] = after
        saved = StateChange(partition, event.model_id, after.model_dump_json().encode())
        return Effects(state_changes=(saved,)) + self._catch_up(event, before, after)

    def _catch_up(self, event: ModelEvent, before: ScoredVersions, after: ScoredVersions) -> Effects:
        """Score the frames since the event's position that went by without the versions that it brought."""
        start, always = event.from_position, self._always(event.model_id)
        if start is None or not after.brings(before, always=always):
            return Effects()
        seen = self._seen.get(start.partition, -1)
        if start.offset >= seen:
            return Effects()
        effects = Effects()
        for record in self._log.between(event.model_id, start.partition, start.offset + 1, seen):
            position = position_of(record)
            versions = after.at(position, always=always)
            known = {scored.version for scored in before.at(position, always=always)}
            if not {scored.version for scored in versions} <= known or before.champion != after.champion:
                effects += self._answer(record, versions)
        return effects

    def _always(self, model_id: str) -> bool:
        """Whether every frame of a model is scored: its policy goes by what is attainable, or others serve it."""
        newest = self._specs.newest(model_id)
        return newest is not None and (newest.spec.serving == "external" or goes_by_attainable(newest.spec))

    def _take_frame(self, record: Record) -> Effects:
        position, model = position_of(record), key_text(record)
        before = self._seen.get(position.partition, -1)
        found = self._versions.get(position.partition, {}).get(model)
        always = self._always(model)
        versions = found.at(position, always=always) if found is not None else ()
        effects = Effects()
        if versions or always:
            effects = self._answer(record, versions, read_until=before if always else None)
        self._seen[position.partition] = max(position.offset, before)
        seen = StateChange(position.partition, _SEEN, str(self._seen[position.partition]).encode())
        return Effects(state_changes=(seen,)) + effects

    def _answer(self, record: Record, versions: tuple[Scored, ...], *, read_until: int | None = None) -> Effects:
        """Score a frame. Whatever the frame does to the code, who waits for its scores is answered."""
        try:
            return self._score(record, versions, read_until=read_until)
        except AwayError:
            raise  # what scoring needs is away (a store): no frame is to blame
        except Exception as error:  # noqa: BLE001  (the coordinator waits for an answer to each frame)
            self._attainable.begin_anew(partition_of(record), key_text(record))
            letter = dead_letter(record, "score", error)
            return self._cannot(record, versions, f"the frame cannot be scored: {letter.error_class}: {error}", letter)

    def _score(self, record: Record, versions: tuple[Scored, ...], *, read_until: int | None) -> Effects:
        """Score a frame; with `read_until`, its rows go to the cheap models too (a frame does so once)."""
        try:
            frame = decode_frame(value_bytes(record), record.headers())
        except ValueError as error:
            return self._cannot(
                record, versions, f"the frame cannot be read: {error}", dead_letter(record, "decode", error)
            )
        spec = self._spec_of(frame)
        if spec is None:
            reason = f"no spec of {frame.header.model_id} is known: apply it"
            return self._cannot(record, versions, reason, DeadLetter(record, "spec", "UnknownSpecError", reason))
        effects, fresh = Effects(), dict[int, Floats]()
        if read_until is not None and goes_by_attainable(spec):
            effects, fresh = self._learn(record, frame, spec, read_until, versions[0] if versions else None)
        if not versions:
            return effects
        judged = judged_rows(frame, spec)
        versions = (*versions, *in_the_shadow(versions, judged, spec))
        paired = paired_losses(self._shelf, spec, versions, judged)
        self._note(frame.header.model_id, versions, paired)
        scored = [one for one in versions if one.version in paired.losses]
        told: dict[str, object] = {"losses": paired.losses, "segments": paired.segments, "served": paired.served}
        told |= {"corrected": self._corrections.take(position_of(record), frame, spec, versions, scored)}
        told |= {"refused": paired.refused}
        if spec.challenge.critical_errors is not None:
            told |= {"answered": answered_rows(frame, versions, paired.broken, len(judged))}
        if goes_by_attainable(spec) and len(judged):
            known = versions[0].version in paired.losses
            twin = self._attainable.twin(versions[0], spec, judged.rows) if known else None
            told |= {"twin": () if twin is None else paired.told(twin)}
            told |= {"fresh": {window: losses for window, all_ in fresh.items() if (losses := paired.told(all_))}}
        message = _scores(record, frame, versions).model_copy(update=told)
        return effects + Effects((Outgoing(CHALLENGE_SCORES, frame.header.model_id, message.to_json()),))

    def _note(self, model_id: str, versions: tuple[Scored, ...], paired: Paired) -> None:
        """Keep which versions cannot be scored now, for those who look."""
        for scored in versions:
            self.refused.pop((model_id, scored.version), None)
        self.refused.update({(model_id, version): refused.reason for version, refused in paired.refused.items()})

    def _cannot(self, record: Record, versions: tuple[Scored, ...], reason: str, letter: DeadLetter) -> Effects:
        """A frame of which nothing can be scored: it is buried, and every version that was expected is refused."""
        if not versions:
            return Effects(dead_letters=(letter,))
        model_id, at = key_text(record), datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
        refused = {scored.version: RefusedVersion(reason=reason[:LONGEST_REASON]) for scored in versions}
        message = _empty(model_id, at, record, versions).model_copy(update={"losses": {}, "refused": refused})
        return Effects((Outgoing(CHALLENGE_SCORES, model_id, message.to_json()),), dead_letters=(letter,))

    def _learn(
        self, record: Record, frame: Frame, spec: ModelSpec, read_until: int, champion: Scored | None
    ) -> tuple[Effects, dict[int, Floats]]:
        """Take the labelled rows of a frame in, and what cheap models lose on the judged ones."""
        position, model = position_of(record), frame.header.model_id
        key = position.partition, model
        progress = self._progress.get(key) or Progress(oldest=position.offset)
        place = Place(position.partition, position.offset, read_until)
        found = labelled_rows(frame, spec)
        progress, fresh = self._attainable.take(place, spec, progress, found, champion)
        self._progress[key] = progress
        saved = StateChange(position.partition, _ROWS + model, progress.model_dump_json().encode())
        return Effects(state_changes=(saved,)), fresh

    def _spec_of(self, frame: Frame) -> ModelSpec | None:
        """The spec that the frame was made under, else the newest (older ones are compacted away)."""
        header = frame.header
        newest = self._specs.newest(header.model_id)
        return self._specs.get(header.model_id, header.spec_version) or (newest.spec if newest else None)


def _scores(record: Record, frame: Frame, versions: tuple[Scored, ...]) -> ChallengeScores:
    """The message with no row in it yet."""
    return _empty(frame.header.model_id, frame.header.last_at, record, versions)


def _empty(model_id: str, at: datetime, record: Record, versions: tuple[Scored, ...]) -> ChallengeScores:
    position, names = position_of(record), [scored.version for scored in versions]
    return ChallengeScores(
        message_id=derive_id("challenge-scores", model_id, position.partition, position.offset, *names),
        model_id=model_id,
        occurred_at=at,
        position=position,
        champion=names[0],
        losses=dict.fromkeys(names, ()),
    )
