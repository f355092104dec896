"""Reports as files and pages; one for each slot of a schedule, whoever writes it first."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import structlog

from operations_console.core.report import Report, markdown
from operations_console.core.schedule import last_slot, slot_name

_WEB = Path(__file__).parent / "web"
log = structlog.get_logger()


def report_text(told: Report, form: str) -> str:
    """The report as `html`, `markdown` or `json`."""
    if form == "json":
        return told.model_dump_json(indent=2)
    return html(told) if form == "html" else markdown(told)


def html(told: Report) -> str:
    """The report as one page that opens without a network."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loaded = Environment(loader=FileSystemLoader(_WEB / "templates"), autoescape=True, undefined=StrictUndefined)
    style = (_WEB / "static" / "console.css").read_text(encoding="utf-8")
    return loaded.get_template("report.html").render(r=told, style=style)


class ScheduledReports:
    """Writes the report of a slot into `folder` unless it is there: once a slot, over restarts and replicas."""

    def __init__(
        self, folder: Path, name: str, cron: str, span: timedelta, make: Callable[[datetime, datetime], Report]
    ) -> None:
        self._folder, self._name, self._cron, self._span, self._make = folder, name, cron, span, make

    def serve(self, now: datetime) -> Path | None:
        """The report of the newest slot, if this call has written it; None where it was there, or none is due."""
        slot = last_slot(self._cron, now)
        if slot is None or now - slot > self._span:
            return None
        path = self._folder / f"{self._name}-{slot_name(slot)}.html"
        if path.exists():
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        written = self._write_once(path, html(self._make(slot - self._span, slot)))
        if written:
            log.info("report written", file=str(path))
        return path if written else None

    def _write_once(self, path: Path, text: str) -> bool:
        """Whether it was this call that put the file there, whole."""
        draft = self._folder / f"{path.name}.{uuid4().hex}.new"  # `tempfile` would make it its owner's alone
        try:
            draft.write_text(text, encoding="utf-8")
            os.link(draft, path)
        except FileExistsError:
            return False
        finally:
            draft.unlink(missing_ok=True)
        return True
