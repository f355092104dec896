"""`python -m outcome_ingestion [--role ingest|archive|translate|pair] [--source NAME]`."""

import argparse
import sys
from typing import get_args

from driftloop.errors import UserError
from driftloop.telemetry.logs import configure_logs
from outcome_ingestion.app import NAMES, build
from outcome_ingestion.settings import Role, Settings


def main() -> int:
    """Run until SIGTERM; the exit code."""
    parser = argparse.ArgumentParser(prog="outcome_ingestion", description="Rows in, frames out; and their archive.")
    parser.add_argument("--role", choices=get_args(Role))
    parser.add_argument("--source", help="the declared source that role translate reads")
    chosen = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    settings = Settings(**chosen)
    configure_logs(NAMES[settings.role])
    try:
        return build(settings).run()
    except UserError as error:
        print(error.sentence, file=sys.stderr)  # noqa: T201  (before there is a loop that logs)
        return int(error.exit_code)


if __name__ == "__main__":
    sys.exit(main())
