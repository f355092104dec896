"""What a process holds in memory."""

import resource
import sys
from pathlib import Path
from typing import Literal

_UNITS = 1 << 20 if sys.platform == "darwin" else 1 << 10


def memory_mb(process: int | Literal["self"] = "self", what: Literal["VmRSS", "VmHWM", "VmData"] = "VmRSS") -> float:
    """Memory of a process in MB (of 2²⁰ bytes): resident now (VmRSS) or at its peak (VmHWM), or private (VmData).

    Raises OSError where the process is gone. Without Linux's /proc only the own process can be asked, and
    the most that it ever held is all that the system tells.
    """
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNITS
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:")), 0.0)
