"""An earlier commit of driftloop as something that runs: its files, installed beside those of the tree."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from driftloop.errors import UserError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Release:
    """Where its code lies, for processes of this Python."""

    name: str
    paths: tuple[Path, ...]

    def environment(self) -> dict[str, str]:
        """What a process of it must have."""
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, self.paths))}

    def command(self, *arguments: str, also: Mapping[str, str] | None = None) -> str:
        """What `driftloop …` of this release prints; raises UserError where it fails."""
        run = "from driftloop.tools.cli.main import main; main()"
        return _done([sys.executable, "-c", run, *arguments], {**self.environment(), **(also or {})})


def current() -> Release:
    """The tree that this file is of."""
    return Release("new", (ROOT / "services", ROOT / "shared"))


@contextmanager
def earlier(commit: str, folder: Path) -> Iterator[Release]:
    """A commit, built into `folder` from a worktree that is gone afterwards.

    Built and not only checked out: entry points (learners, detectors) are found by what is installed, and those of the
    tree would be found else. Raises UserError where there is no such commit here.
    """
    tree, site = folder / "tree", folder / "site"
    try:
        _done(["git", "-C", str(ROOT), "worktree", "add", "--detach", str(tree), commit], dict(os.environ))
    except UserError as error:
        raise UserError(
            f"the history here has no commit {commit} (a shallow clone has none): fetch it, or name another. {error}"
        ) from error
    try:
        install = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target")
        _done([sys.executable, *install, str(site), str(tree)], dict(os.environ))
        yield Release("old", (site,))
    finally:
        _done(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(tree)], dict(os.environ))


def _done(command: Sequence[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise UserError(f"`{' '.join(command[:4])} …` ended with {done.returncode}: {done.stderr.strip()[-2_000:]}")
    return done.stdout
