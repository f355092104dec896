# Sourced by every finding: a temporary environment with pinned packages, and a Python to run in it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1

install() { # install PACKAGE==VERSION …
  "${PYTHON:-python3}" -m venv "$folder/env"
  "$folder/env/bin/python" -m pip install --quiet "$@"
}

run() { # run: the program on standard input, in the environment
  "$folder/env/bin/python" -
}
