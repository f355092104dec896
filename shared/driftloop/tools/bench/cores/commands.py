"""What a command takes before it does anything."""

import subprocess
import sys
from pathlib import Path

from driftloop.tools.bench.cores.case import Case, Work


def _help() -> Work:
    def run() -> int:
        command = [str(Path(sys.executable).parent / "driftloop"), "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return 1

    return run


CASES = (Case("driftloop --help", _help, peer="import typer", command=("--help",)),)
