"""How often the proof is wrong and how many rows it needs, beside a z-test that is looked at as often.

Every stream is of paired differences d of two versions' losses, in −1 … 1: positive where the
challenger is better. *Null* streams have mean 0.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import norm

from driftloop.tools.bench.tables import table
from retrain_coordinator.core.proof import probation
from retrain_coordinator.core.proof.paired_test import PairedTest
from retrain_coordinator.core.state import ProbationEntry

Floats = NDArray[np.float64]
RISK = 0.05
_Z_FIRST = 100
_WORSE, _ROLL_BACK_ROWS, _EQUAL_ROWS = 0.03, 1_500, 5_000


def paired(rng: np.random.Generator, rows: int, gain: float, discordant: float) -> Floats:
    """0/1 losses that differ on a share of rows, with a mean gain."""
    drawn = rng.random(rows)
    better = (discordant + gain) / 2
    return np.where(drawn < better, 1.0, np.where(drawn < discordant, -1.0, 0.0))


def autoregressive(rng: np.random.Generator, rows: int, memory: float) -> Floats:
    """A standard normal AR(1) process."""
    noise = rng.standard_normal(rows + 1000)
    found: Floats = lfilter([np.sqrt(1 - memory**2)], [1, -memory], noise)[1000:]
    return found


def wandering(rng: np.random.Generator, rows: int, memory: float) -> Floats:
    """0/1 losses, a tenth of the rows discordant, whose favour wanders: equal only in the long run."""
    favour = 0.05 * (1 + 0.9 * np.tanh(autoregressive(rng, rows, memory)))
    drawn = rng.random(rows)
    return np.where(drawn < favour, 1.0, np.where(drawn < 0.1, -1.0, 0.0))


def dependent(rng: np.random.Generator, rows: int, memory: float) -> Floats:
    """Bounded losses of a regression that hang together from row to row."""
    return np.clip(0.15 * autoregressive(rng, rows, memory), -1.0, 1.0)


NULLS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "binary, a tenth differ": partial(paired, gain=0.0, discordant=0.10),
    "binary, two fifths differ": partial(paired, gain=0.0, discordant=0.40),
    "regression, heavy tails": lambda rng, rows: np.clip(rng.standard_t(3, rows) / 8, -1.0, 1.0),
    "regression, memory .9": partial(dependent, memory=0.9),
    "regression, memory .98": partial(dependent, memory=0.98),
    "binary, favour wanders .5": partial(wandering, memory=0.5),
    "binary, favour wanders .9": partial(wandering, memory=0.9),
    "binary, favour wanders .97": partial(wandering, memory=0.97),
}


def bench_proof(
    streams: int, rows: int, runs: int, jobs: int = 1, told: Callable[[str], None] = lambda _text: None
) -> dict[str, Any]:
    """All figures: null promotions of `streams` × `rows`, rows to prove a gain, roll-backs in `runs`."""
    nulls = {}
    for name in NULLS:
        told(f"null: {name}")
        found = _spread(partial(_null, name, rows), streams, jobs)
        nulls[name] = {
            "promoted": round(float(np.mean([one[0] for one in found])), 4),
            "peeked_z_test": round(float(np.mean([one[1] for one in found])), 4),
        }
    told("gains")
    gains = {f"+{gain:g}, {share:g} discordant": _rows_to_prove(gain, share, runs) for gain, share in _GAINS}
    told("roll-backs")
    return {
        "risk": RISK,
        "streams": streams,
        "rows": rows,
        "null_promotions": nulls,
        "rows_to_prove": gains,
        "rolled_back": _by_share(_WORSE, runs, _ROLL_BACK_ROWS),
        "equal_rolled_back": _by_share(0.0, runs, _EQUAL_ROWS),
        "roll_back_within_rows": _ROLL_BACK_ROWS,
        "probation_rows": _EQUAL_ROWS,
    }


_MOST_ROWS, _LOOK_EVERY = 20_000, 8
_GAINS = ((0.02, 0.10), (0.05, 0.10), (0.25, 0.41))
_SHARES = (0.06, 0.08, 0.10)


def _spread(one: Callable[[int], tuple[bool, bool]], streams: int, jobs: int) -> list[tuple[bool, bool]]:
    if jobs == 1:
        return [one(seed) for seed in range(streams)]
    with ProcessPoolExecutor(jobs, get_context("fork")) as workers:
        return list(workers.map(one, range(streams), chunksize=25))


def _null(name: str, rows: int, seed: int) -> tuple[bool, bool]:
    """Whether a null stream is promoted, and whether a z-test that is looked at after every row would."""
    rng = np.random.default_rng([seed, *name.encode()])
    differences = NULLS[name](rng, rows)
    return PairedTest().after(differences).proven(RISK), peeked_z_test(differences)


def peeked_z_test(differences: Floats) -> bool:
    """Whether the one-sided z-test of the mean is significant at any row from the hundredth on."""
    numbers = np.arange(1, len(differences) + 1)
    means = np.cumsum(differences) / numbers
    variances = np.maximum(np.cumsum(np.square(differences)) / numbers - np.square(means), 1e-12)
    scores = means / np.sqrt(variances / numbers)
    return bool((scores[_Z_FIRST:] > norm.isf(RISK)).any())


def _rows_to_prove(gain: float, discordant: float, runs: int) -> dict[str, float]:
    """How many rows until a better challenger is promoted, looked at after every eighth row."""
    taken = [
        _first_proven(paired(np.random.default_rng([seed, 7]), _MOST_ROWS, gain, discordant)) for seed in range(runs)
    ]
    return {"median": float(np.median(taken)), "ninth_decile": float(np.quantile(taken, 0.9))}


def _first_proven(differences: Floats) -> float:
    test = PairedTest()
    for row in range(0, len(differences), _LOOK_EVERY):
        test = test.after(differences[row : row + _LOOK_EVERY])
        if test.proven(RISK):
            return float(test.rows)
    return float("inf")


def _by_share(harm: float, runs: int, rows: int) -> dict[str, float]:
    return {f"{share:g} discordant": _rolled_back(harm, share, runs, rows) for share in _SHARES}


def _rolled_back(harm: float, discordant: float, runs: int, rows: int) -> float:
    """The share of champions, worse by `harm`, that are sent back within `rows` labelled rows."""
    back = 0
    for seed in range(runs):
        harms = paired(np.random.default_rng([seed, 11]), rows, harm, discordant)
        fresh = ProbationEntry(champion="1.0.1", predecessor="1.0.0", since=None, since_row=0)
        watched = probation.after(fresh, harms.clip(0, 1).tolist(), (-harms).clip(0, 1).tolist())
        back += probation.is_harmful(watched, RISK)
    return round(back / runs, 4)


def proof_table(result: Mapping[str, Any]) -> str:
    """The figures as Markdown."""
    nulls = [
        [name, f"{one['promoted']:.1%}", f"{one['peeked_z_test']:.1%}"]
        for name, one in result["null_promotions"].items()
    ]
    gains = [[name, one["median"], one["ninth_decile"]] for name, one in result["rows_to_prove"].items()]
    backs = [
        [name, f"{share:.1%}", f"{result['equal_rolled_back'][name]:.1%}"]
        for name, share in result["rolled_back"].items()
    ]
    said = f"{result['streams']:,} streams of {result['rows']:,} rows, a look at each row, risk {result['risk']:.0%}"
    return "\n\n".join(
        [
            table([f"null: {said}", "promoted", "by a peeked z-test"], nulls),
            table(["a better challenger", "median rows until promoted", "ninth decile"], gains),
            table(
                [
                    "a champion on probation",
                    f"three points worse, back within {result['roll_back_within_rows']:,} rows",
                    f"equal, back within {result['probation_rows']:,}",
                ],
                backs,
            ),
        ]
    )
