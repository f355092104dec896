"""`python -m driftloop.tools.reference write|check [FOLDER]`: the generated pages under `docs/reference`.

Run from a checkout. `write` brings the pages up to date, `check` ends with 1 if one of them is not.
"""

import sys
from pathlib import Path

from driftloop.tools.reference.pages import pages

_USAGE = "usage: python -m driftloop.tools.reference write|check [FOLDER]"


def main(arguments: list[str]) -> int:
    """Write or check the pages; the exit code."""
    if not arguments or arguments[0] not in ("write", "check") or len(arguments) > 2:
        sys.stderr.write(_USAGE + "\n")
        return 2
    folder = Path(arguments[1] if len(arguments) > 1 else "docs/reference")
    stale = [name for name, text in pages().items() if _read(folder / name) != text]
    if arguments[0] == "check":
        for name in stale:
            sys.stderr.write(f"{folder / name} is out of date: run `python -m driftloop.tools.reference write`\n")
        return int(bool(stale))
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (folder / name).write_text(pages()[name], encoding="utf-8")
        sys.stdout.write(f"wrote {folder / name}\n")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
