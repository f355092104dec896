"""Which of two versions is the newer one, as far as their names say.

A name of the form `v<unix>` (a `v` and ten digits) is the second in which the version was made, as some trainers number
theirs. It is a name that its owner chose: it says nothing of compatibility, which goes by the target that a version
predicts. Runs of driftloop count from 1.0.0 beside it, and are newer than whatever was brought in.
"""

import re

from driftloop.contracts.message import Version

_NUMBERED = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}", re.ASCII)
MOST = 999_999_999
"""The highest number that a part of a version may be."""
_SECOND = re.compile(r"v([1-9][0-9]{9})", re.ASCII)


def is_numbered(version: Version) -> bool:
    """Whether a version is named as driftloop names its own.

    >>> is_numbered("1.0.10"), is_numbered("2026-05"), is_numbered("1.0.0-rc1")
    (True, False, False)
    """
    return _NUMBERED.fullmatch(version) is not None


def age_order(version: Version) -> tuple[int, ...]:
    """Sorts versions, the newest last: numbered ones above `v<unix>`, those above all others.

    Of the others the name tells nothing: sort what stands in the order of the log, which a stable sort keeps.

    >>> sorted(["1.0.10", "v1700000100", "blue", "v1690000000", "1.0.9", "v2"], key=age_order)
    ['blue', 'v2', 'v1690000000', 'v1700000100', '1.0.9', '1.0.10']
    """
    if is_numbered(version):
        return 2, *(int(part) for part in version.split("."))
    made = _SECOND.fullmatch(version)
    return (0,) if made is None else (1, int(made[1]))
