"""`python -m tests.fuzz --seconds N [--target NAME] [--out FILE]`: search for bytes that break a decoder.

Coverage-guided (atheris), every decoder for so long, from good messages and every class of rubbish.
Ends with 1 where one raised; the bytes are kept under `.driftloop/fuzz/TARGET/`.
"""

import argparse
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.fuzz.targets import TARGETS

FOLDER = Path(".driftloop/fuzz")
_LIMITS = ["-rss_limit_mb=4096", "-timeout=20", "-max_len=32768", "-print_final_stats=1", "-verbosity=1"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each decoder")
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="all")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed here (pip install 'driftloop[fuzz]'): nothing was fuzzed")  # noqa: T201
        return 0
    names = list(TARGETS) if chosen.target == "all" else [chosen.target]
    report = {name: fuzz(name, chosen.seconds, chosen.folder / name) for name in names}
    print(json.dumps(report, indent=2))  # noqa: T201
    if chosen.out:
        chosen.out.write_text(json.dumps(report, indent=2) + "\n")
    return int(any(one["crashed"] for one in report.values()))


def fuzz(name: str, seconds: int, folder: Path) -> dict[str, Any]:
    """One decoder in a process of its own: libFuzzer ends the process that it runs in."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.one", name, str(folder), f"-max_total_time={seconds}", *_LIMITS]
    with (folder / "log").open("wb") as log:
        code = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    text = (folder / "log").read_text(errors="replace")
    executions = re.findall(r"number_of_executed_units:\s+(\d+)", text) or re.findall(r"#(\d+)", text)
    return {
        "seconds": seconds,
        "executions": int(executions[-1]) if executions else 0,
        "crashed": code != 0,
        "said": [] if code == 0 else text.splitlines()[-30:],
    }


if __name__ == "__main__":
    sys.exit(main())
