"""A stream whose drift is known: what its rows were learnt to mean is turned round in the middle."""

from pathlib import Path

import numpy as np

TRAIN_ROWS, DRIFT_ROW, ROWS = 400, 900, 1800


def write_flip(path: Path) -> Path:
    """Two classes from three features, five in a hundred labels wrong. At row 900 another regime begins:
    the first feature lies elsewhere, and there the classes have changed places."""
    random = np.random.default_rng(11)
    features = random.normal(size=(ROWS, 3)).round(4)
    label = (features[:, 0] + 0.5 * features[:, 1] > 0) ^ (random.random(ROWS) < 0.05)
    label[DRIFT_ROW:] = ~label[DRIFT_ROW:]
    features[DRIFT_ROW:, 0] = (features[DRIFT_ROW:, 0] + 3.0).round(4)
    lines = [f"{a},{b},{c},{int(y)}" for (a, b, c), y in zip(features, label, strict=True)]
    path.write_text("\n".join(["a,b,c,target", *lines]) + "\n")
    return path
