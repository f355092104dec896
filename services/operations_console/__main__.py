"""`python -m operations_console [--role console|notify|mirror|lineage]`."""

import argparse
import sys

from driftloop.telemetry.logs import configure_logs
from operations_console.app import build
from operations_console.settings import Settings


def main() -> int:
    """Run until SIGTERM; the exit code."""
    parser = argparse.ArgumentParser(prog="operations_console", description="The fleet's page, and who is told of it.")
    parser.add_argument("--role", choices=["console", "notify", "mirror", "lineage"])
    role = parser.parse_args().role
    settings = Settings() if role is None else Settings(role=role)
    configure_logs(f"operations_{settings.role}")
    return build(settings).run()


if __name__ == "__main__":
    sys.exit(main())
