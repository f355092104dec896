"""`python -m tests.fuzz.one TARGET FOLDER [libFuzzer's options]`: fuzz one decoder in this process.

The folder's `corpus` grows from run to run; what made a target raise is written beside it. Compiled
loops run as the Python that they are written in: so what they do guides the search, and a place outside
of the bytes raises.
"""

import hashlib
import os
import sys
from pathlib import Path

OURS = ["outcome_ingestion", "retrain_coordinator", "driftloop"]


def main(name: str, folder: Path, options: list[str]) -> None:
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    import atheris

    with atheris.instrument_imports(include=OURS):
        from tests.fuzz.targets import TARGETS
    target, corpus = TARGETS[name], folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), f"-artifact_prefix={folder}/", *options], target.take)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
