"""Reports of long runs that are kept in the documentation, and the table of a page that is made of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parents[1] / "docs"
PAGE = _DOCS / "reliability.md"

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeptReports:
    """Those of `python -m tests.NAME`, one a run as it wrote them; `table` makes Markdown of them."""

    name: str
    table: Callable[[Sequence[Report]], str]

    @property
    def _file(self) -> Path:
        return _DOCS / "measurements" / f"{self.name}.json"

    def measured(self) -> list[Report]:
        """The reports that are kept."""
        return list(json.loads(self._file.read_text())) if self._file.exists() else []

    def in_page(self, page: str, reports: Sequence[Report]) -> str:
        """The page with the table of these reports."""
        begin, end = (
            f"<!-- {self.name}: begin (python -m tests.{self.name}.table) -->\n",
            f"<!-- {self.name}: end -->\n",
        )
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        return before + begin + self.table(reports) + end + after

    def add(self, files: Sequence[str]) -> None:
        """Keep what is in these files too, a report or a list of them, and write the table anew."""
        reports = self.measured()
        for file in files:
            found = json.loads(Path(file).read_text())
            reports += found if isinstance(found, list) else [found]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text("[\n" + ",\n".join("  " + json.dumps(report) for report in reports) + "\n]\n")
        PAGE.write_text(self.in_page(PAGE.read_text(), reports))
