"""`python -m drift_detection`."""

import sys

from drift_detection.app import build
from drift_detection.settings import Settings
from driftloop.telemetry.logs import configure_logs


def main() -> int:
    """Run until SIGTERM; the exit code."""
    configure_logs("drift_detection")
    return build(Settings()).run()


if __name__ == "__main__":
    sys.exit(main())
