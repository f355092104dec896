"""`python -m retrain_coordinator`."""

import sys

from driftloop.telemetry.logs import configure_logs
from retrain_coordinator.app import build
from retrain_coordinator.settings import Settings


def main() -> int:
    """Run until SIGTERM; the exit code."""
    configure_logs("retrain_coordinator")
    return build(Settings()).run()


if __name__ == "__main__":
    sys.exit(main())
