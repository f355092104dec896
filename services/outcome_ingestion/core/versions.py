"""What a model version looks like."""

import re

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@=-]{0,119}")
"""Any name that is safe in keys and paths, as the contract says: `1.0.3`, `2026-05-01-abc`, `sha256:9f…`."""
BAD_VERSION = "holds more than letters, digits and ._:+@=-"
