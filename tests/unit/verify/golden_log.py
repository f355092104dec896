"""Logs that an earlier release recorded: made by `python -m tests.unit.verify.golden_log`, read by the tests.

Record anew only where a decision was changed on purpose, and say so in the changelog: a log that verifies is the
promise that an upgrade changes no signal and no decision.
"""

import base64
import json
import lzma
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from driftloop.processor import Record
from driftloop.spec.model_spec import (
    ChallengeRule,
    Detection,
    Feature,
    LearnerChoice,
    ModelSpec,
    TargetField,
    TrainingRule,
)
from driftloop.testing.records import FakeRecord
from driftloop.tools.replay.recording import Recording
from driftloop.tools.verify.recorded import INPUTS, OUTPUTS, Recorded

FOLDER = Path(__file__).parent / "golden"
TRAIN_ROWS, DRIFT_ROW, ROWS, BLOCK_ROWS = 200, 500, 1100, 50


def write_log(file: Path, records: Iterable[Record]) -> None:
    """One JSON line a record, compressed."""
    lines = [
        json.dumps(
            [
                record.topic(),
                [record.partition(), record.offset(), record.timestamp()[1]],
                *map(_text, (record.key(), record.value())),
                [[name, _text(content)] for name, content in record.headers() or ()],
            ]
        )
        for record in records
    ]
    file.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))


def read_log(file: Path) -> list[Record]:
    """The records of such a file."""
    found: list[Record] = []
    for line in lzma.decompress(file.read_bytes()).decode().splitlines():
        topic, (partition, offset, at_ms), key, value, headers = json.loads(line)
        found.append(
            FakeRecord(
                topic,
                key=_bytes(key),
                value=_bytes(value),
                headers=tuple((name, _bytes(content) or b"") for name, content in headers),
                at_partition=partition,
                at_offset=offset,
                at_ms=at_ms,
            )
        )
    return found


def _text(content: bytes | str | None) -> str | None:
    """Text as it is, so that it compresses; bytes that are no text in base 64, after a NUL."""
    raw = content.encode() if isinstance(content, str) else content
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "\0" + base64.b64encode(raw).decode()


def _bytes(text: str | None) -> bytes | None:
    if text is None:
        return None
    return base64.b64decode(text[1:]) if text.startswith("\0") else text.encode()


def flip(name: str, **declared: object) -> Recording:
    """Two classes, three features, two sites; from row 500 on another regime with the classes changed round."""
    random = np.random.default_rng(11)
    features = random.normal(size=(ROWS, 3)).round(2)
    label = (features[:, 0] + 0.5 * features[:, 1] > 0) ^ (random.random(ROWS) < 0.05)
    label[DRIFT_ROW:] = ~label[DRIFT_ROW:]
    features[DRIFT_ROW:, 0] = (features[DRIFT_ROW:, 0] + 3.0).round(2)
    spec = ModelSpec.model_validate(
        {
            "model_id": name,
            "task": "binary",
            "features": {"a": Feature(), "b": Feature(), "c": Feature()},
            "target": {"y": TargetField(kind="category")},
            "clock": "event",
            "detection": Detection(window_rows=100, minimum_rows=50, loss_block_rows=25),
            "challenge": ChallengeRule(probation_rows=150),
            "learner": LearnerChoice(name="linear"),
            "training": TrainingRule(minimum_rows=50),
            **declared,
        }
    )
    site = np.where(random.random(ROWS) < 0.5, "north", "south").astype(object)
    return Recording(
        spec=spec,
        features=dict(zip("abc", features.T, strict=True)),
        labels={"y": np.where(label, "yes", "no").astype(object)},
        train_rows=TRAIN_ROWS,
        block_rows=BLOCK_ROWS,
        also={"segment.site": site},
    )


def recordings() -> dict[str, tuple[Recording, int]]:
    """What is recorded, and the label's delay in rows: together they pass through most of what a core remembers."""
    payoff = {"triggers": {"payoff": {"price": 20.0}}}
    attainable = {"triggers": {"payoff": {"price": 20.0}, "attainable": True}, "safeguards": {"quarantine_rows": 50}}
    return {
        "default": (flip("flip", policy={"preset": "default", **payoff}), 0),
        "segments": (flip("sites", segments=("site",), policy={"preset": "default", **attainable}), 40),
        "signals": (flip("harm", policy={"triggers": {"harmful_drift": True}}, segments=("site",)), 0),
    }


def _record() -> None:
    from tests.e2e.conftest import Spectator

    from driftloop.tools.replay.options import ReplayOptions
    from driftloop.tools.replay.run import replay

    for name, (recording, delay) in recordings().items():
        spectator = Spectator()
        options = ReplayOptions(name, target="y", label_delay_rows=delay)
        replay(options, spectator, recording=recording, on_ready=spectator.ready, on_end=spectator.finished)
        assert isinstance(spectator.recorded, Recorded)
        model = recording.spec.model_id
        records = [record for topic in (*INPUTS, *OUTPUTS) for record in spectator.recorded.of(topic, model)]
        write_log(FOLDER / f"{name}.xz", records)


if __name__ == "__main__":
    _record()
