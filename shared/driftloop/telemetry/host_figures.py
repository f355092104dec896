"""Figures of a host, for quiet periods and the disk safeguard: from this machine, or from Prometheus.

They are read here and told to the log; whoever decides by them finds them there, with their age.
"""

import json
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path

from driftloop.errors import UserError

_TIMEOUT_S = 10.0
_GIGABYTE = 1e9

PROMETHEUS_QUERIES = {
    "cpu_percent": '100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle"}[5m])))',
    "memory_percent": "100 * (1 - avg(node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes))",
    "free_disk_gb": 'min(node_filesystem_avail_bytes{mountpoint="/"}) / 1e9',
}
"""What is asked of a Prometheus that scrapes node_exporter; other queries may be given."""


def host_figures(
    disk: str = "/", *, proc: Path = Path("/proc"), sleep: Callable[[float], None] = time.sleep, interval_s: float = 1.0
) -> dict[str, float]:
    """`cpu_percent` over the interval, `memory_percent` in use, `free_disk_gb` where `disk` lies.

    Raises UserError on a machine that has no Linux /proc: ask a Prometheus there.
    """
    try:
        busy, total = _processor(proc)
        sleep(interval_s)
        busy_then, total_then = _processor(proc)
        memory = _memory_percent(proc)
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"This machine's load cannot be read from {proc}: give --prometheus instead.") from error
    passed = max(total_then - total, 1.0)
    return {
        "cpu_percent": round(100.0 * (busy_then - busy) / passed, 2),
        "memory_percent": round(memory, 2),
        "free_disk_gb": round(shutil.disk_usage(disk).free / _GIGABYTE, 3),
    }


def prometheus_figures(url: str, queries: Mapping[str, str] = PROMETHEUS_QUERIES) -> dict[str, float]:
    """The figures that a Prometheus gives; one that it has no value for is left out. Raises UserError."""
    return {name: value for name, query in queries.items() if (value := _asked(url, query)) is not None}


def _processor(proc: Path) -> tuple[float, float]:
    """Busy and all ticks of the processors since the start."""
    ticks = [float(text) for text in (proc / "stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _memory_percent(proc: Path) -> float:
    lines = (line.split(":") for line in (proc / "meminfo").read_text(encoding="ascii").splitlines())
    kilobytes = {name: float(rest.split()[0]) for name, rest in lines}
    return 100.0 * (1.0 - kilobytes["MemAvailable"] / kilobytes["MemTotal"])


def _asked(url: str, query: str) -> float | None:
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url} is no http address of a Prometheus.", 2)
    address = f"{url.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310  (http only, checked above)
            found = json.load(answer)["data"]["result"]
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise UserError(f"Prometheus at {url} did not answer: {error}") from error
    return float(found[0]["value"][1]) if found else None
