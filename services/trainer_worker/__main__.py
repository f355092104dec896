"""`python -m trainer_worker [--role train|score]`."""

import argparse
import sys

from driftloop.telemetry.logs import configure_logs
from trainer_worker.app import build
from trainer_worker.settings import Settings


def main() -> int:
    """Run until SIGTERM; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer_worker", description="train versions, or score challengers"
    )
    parser.add_argument("--role", choices=["train", "score"], help="overrides DRIFTLOOP_TRAINER_WORKER_ROLE")
    role = parser.parse_args().role
    settings = Settings(role=role) if role else Settings()
    configure_logs("trainer_worker" if settings.role == "train" else "challenge_scoring")
    return build(settings).run()


if __name__ == "__main__":
    sys.exit(main())
