"""What a process of the local loop says of itself."""

import urllib.error
import urllib.request
from http.client import HTTPException

from driftloop.waits import HANGS

_TIMEOUT_S = 1.0


def readiness(port: int) -> str:
    """`ready`, or what the service on that port waits for, as it says itself. One that does not answer hangs."""
    try:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=_TIMEOUT_S):
                return "ready"
        except urllib.error.HTTPError as error:
            return error.read().decode("utf-8", "replace").strip()
    except (OSError, HTTPException):
        return HANGS
