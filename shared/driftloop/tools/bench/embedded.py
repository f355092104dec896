"""Texts and vectors whose mix of topics changes: how soon that is found, and false alarms beside the budget."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from drift_detection.core.windows.of_profile import reference_of
from drift_detection.core.windows.reference import Reference
from driftloop.spec.model_spec import Feature
from driftloop.spec.vectors import vector_text
from driftloop.statistics.embeddings import embedding_profile
from driftloop.tools.bench.together import NO_PROFILE

Say = Callable[[str], None]
Texts = NDArray[np.object_]

KINDS: Mapping[str, Feature] = {"text": Feature(kind="text"), "vector": Feature(kind="vector", width=64)}
TOPICS, SHARE, MOVED_SHARE = 5, 0.2, 0.5
"""The first of five topics rises from a fifth of the rows to a half."""
REFERENCE_ROWS, WITHIN_ROWS = 2000, 2000
_WORDS, _COMMON, _LENGTH = 300, 400, 30
_TOPIC_WORDS = 0.35


def topics(share: float, rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The topic of each row; the first has `share`, the others the rest in equal parts."""
    rest = (1 - share) / (TOPICS - 1)
    return rng.choice(TOPICS, rows, p=[share, *[rest] * (TOPICS - 1)])


def column(kind: str, share: float, rows: int, rng: np.random.Generator) -> Texts:
    """Rows of a text or a vector, as a frame holds them."""
    return (texts if kind == "text" else vectors)(topics(share, rows, rng), rng)


def texts(of: NDArray[np.int64], rng: np.random.Generator) -> Texts:
    """About thirty words each, a third of them of the topic; frequencies fall as those of words do."""
    lengths = rng.poisson(_LENGTH, len(of)) + 1
    total = int(lengths.sum())
    topical = rng.random(total) < _TOPIC_WORDS
    owner = np.repeat(of, lengths)
    places = np.where(topical, _ranks(_WORDS, total, rng), _ranks(_COMMON, total, rng))
    names = np.array([_letters(place) for place in range(max(_WORDS, _COMMON))], dtype=object)
    prefix = np.array(list("zuvwxy"[: TOPICS + 1]), dtype=object)
    words = prefix[np.where(topical, owner + 1, 0)] + names[places]
    ends = np.cumsum(lengths)
    return np.array([" ".join(words[end - size : end]) for end, size in zip(ends, lengths, strict=True)], dtype=object)


def _letters(place: int) -> str:
    """A word without digits: those would count as one."""
    return "".join(chr(ord("a") + place // 20**power % 20) for power in range(3))


def _ranks(most: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    weights = 1 / np.arange(2, most + 2)
    return rng.choice(most, count, p=weights / weights.sum())


def vectors(of: NDArray[np.int64], rng: np.random.Generator) -> Texts:
    """Standard normal in 64 dimensions, around centres that lie about four standard deviations apart."""
    centres = np.random.default_rng(11).normal(size=(TOPICS, 64)) * 4 / np.sqrt(2 * 64)
    drawn = rng.normal(size=(len(of), 64)) + centres[of]
    return np.array([vector_text(row) for row in drawn.astype(np.float32)], dtype=object)


def embedded_reference(kind: str, rows: Texts) -> Reference:
    """What windows of rows like these are compared with."""
    profile = embedding_profile(KINDS[kind], rows)
    return reference_of(NO_PROFILE.model_copy(update={"embeddings": {"x": profile}}))


def bench_embedded(
    kind: str, runs: int, rows: int, found: Callable[[Reference, Mapping[str, Texts], float], list[int]], say: Say,
    *, sure: float, declared: float, stream_rows: int,
) -> dict[str, Any]:  # fmt: skip
    """Power and delay in `runs` runs, false alarms on about `rows` rows; `found` gives the rows of alarms."""
    say(f"mix of topics, {kind}")
    delays = [_delay(kind, seed, found, sure) for seed in range(runs)]
    known = [delay for delay in delays if delay is not None]
    streams = max(rows // stream_rows, 1)
    alarms = sum(_still(kind, seed, found, declared, stream_rows) for seed in range(streams))
    seen = streams * stream_rows
    return {
        "share": [SHARE, MOVED_SHARE],
        "power": len(known) / runs,
        "delay": float(np.mean(known)) if known else None,
        "within_rows": WITHIN_ROWS,
        "runs": runs,
        "stationary": {
            "rows": seen,
            "declared_per_million": declared,
            "counted_per_million": alarms * 1e6 / seen,
            "alarms": alarms,
            "most_by_chance": int(poisson.ppf(0.95, declared * seen / 1e6)),
        },
    }


def _delay(kind: str, seed: int, found: Callable[..., list[int]], per_million: float) -> int | None:
    rng = np.random.default_rng([seed, 5])
    reference = embedded_reference(kind, column(kind, SHARE, REFERENCE_ROWS, rng))
    moved = column(kind, MOVED_SHARE, WITHIN_ROWS, rng)
    return next(iter(found(reference, {"feature.x": moved}, per_million)), None)


def _still(kind: str, seed: int, found: Callable[..., list[int]], per_million: float, rows: int) -> int:
    rng = np.random.default_rng([seed, 6])
    reference = embedded_reference(kind, column(kind, SHARE, REFERENCE_ROWS, rng))
    return len(found(reference, {"feature.x": column(kind, SHARE, rows, rng)}, per_million))
