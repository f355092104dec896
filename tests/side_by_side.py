"""Which tests pytest-xdist gives to one process.

Why not its `--dist loadgroup`: it writes the group into a field of the test that pytest 9.2 does not read any more, and
spreads every test by itself without a word (findings/pytest-xdist-groups-are-not-kept.sh). `_split_scope` is what its
documentation offers for this.
"""

from tests.groups import group_of
from xdist.scheduler import LoadScopeScheduling


class Groups(LoadScopeScheduling):
    """Groups in the order in which their tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])
