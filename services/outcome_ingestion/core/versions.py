"""What a model version looks like."""

import re

VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}")
"""`major.minor.patch`, as the contract says."""
