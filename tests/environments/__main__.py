"""Make environments ahead: `python -m tests.environments ray mlflow`. The exit status is 1 if one could not be made."""

import sys
import time

from tests.environments import NotInstalledError, environment

if __name__ == "__main__":
    failed = False
    for name in sys.argv[1:]:
        begun = time.monotonic()
        try:
            print(f"{name}: {environment(name)}, {time.monotonic() - begun:.0f} s", flush=True)  # noqa: T201
        except NotInstalledError as error:
            failed = True
            print(f"{name} could not be installed: {error}", flush=True)  # noqa: T201
    sys.exit(failed)
