"""`python -m outcome_ingestion [--role ingest|archive]`."""

import argparse
import sys

from driftloop.telemetry.logs import configure_logs
from outcome_ingestion.app import build
from outcome_ingestion.settings import Settings


def main() -> int:
    """Run until SIGTERM; the exit code."""
    parser = argparse.ArgumentParser(prog="outcome_ingestion", description="Rows in, frames out; and their archive.")
    parser.add_argument("--role", choices=["ingest", "archive"])
    role = parser.parse_args().role
    settings = Settings() if role is None else Settings(role=role)
    configure_logs("outcome_ingestion" if settings.role == "ingest" else "outcome_archive")
    return build(settings).run()


if __name__ == "__main__":
    sys.exit(main())
