"""`python -m operations_console`."""

import sys

from driftloop.telemetry.logs import configure_logs
from operations_console.app import build
from operations_console.settings import Settings


def main() -> int:
    """Run until SIGTERM; the exit code."""
    configure_logs("operations_console")
    return build(Settings()).run()


if __name__ == "__main__":
    sys.exit(main())
