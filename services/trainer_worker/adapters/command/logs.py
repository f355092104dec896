"""What a program said: kept beside the artifacts, so that it is found from any machine."""

from pathlib import Path

import fsspec

from trainer_worker.adapters.command.folder import LOGS

LONGEST = 1 << 20
"""Bytes of a log that are kept, the last ones."""


def log_address(artifact_uri: str, run_id: str) -> str:
    """Where the logs of a run are kept.

    >>> log_address("s3://models/", "17")
    's3://models/.runs/17.log'
    """
    return f"{artifact_uri.rstrip('/')}/.runs/{run_id}.log"


def gathered(root: Path) -> bytes:
    """The logs in a run's folder, phase by phase; empty where there are none."""
    found = b""
    phases = sorted(folder.name for kind in ("proof*", "refit*") for folder in root.glob(kind))
    for phase in phases:
        for name in LOGS:
            file = root / phase / name
            if file.is_file() and file.stat().st_size:
                found += f"== {phase}, {name.removesuffix('.log')} ==\n".encode() + file.read_bytes()[-LONGEST:]
                found += b"" if found.endswith(b"\n") else b"\n"
    return found


def keep_logs(artifact_uri: str, root: Path) -> None:
    """Put the logs in a run's folder beside the artifacts."""
    with fsspec.open(log_address(artifact_uri, root.name), "wb", auto_mkdir=True) as file:
        file.write(gathered(root))


def read_logs(artifact_uri: str, runs: Path, run_id: str) -> bytes | None:
    """What a run said: from its folder on this machine, else from beside the artifacts; None where neither has it."""
    here = gathered(runs / run_id)
    if here:
        return here
    try:
        with fsspec.open(log_address(artifact_uri, run_id), "rb") as file:
            kept: bytes = file.read()
    except FileNotFoundError:
        return None
    return kept
