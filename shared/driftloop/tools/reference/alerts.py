"""The alert rules, each with its page."""

import re
from pathlib import Path
from typing import Any

import yaml

from driftloop.contracts.topics import schemas_root
from driftloop.tools.reference.tables import NOTICE, table

RULES = Path("deploy") / "prometheus" / "rules.yml"
PAGES = Path("docs") / "operations" / "alerts"


def alerts_page() -> str:
    """The page of alerts; made in a checkout, where rules and pages are."""
    root = schemas_root().parent
    rows = [_row(rule, root) for group in _groups(root) for rule in group["rules"]]
    intro = (
        "# Alerts\n\nThe rules are in `deploy/prometheus/rules.yml`. A `page` wakes somebody; a `ticket` waits for\n"
        "the morning. Each alert's `runbook_url` names its page.\n\n"
    )
    return NOTICE + intro + table(("alert", "severity", "what it means"), rows)


def _groups(root: Path) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = yaml.safe_load((root / RULES).read_text(encoding="utf-8"))["groups"]
    return groups


def _row(rule: dict[str, Any], root: Path) -> tuple[str, str, str]:
    name = rule["alert"]
    page = root / PAGES / f"{name}.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    found = re.search(r"## What it means\s+(.*?[.!])(?:\s|$)", text, re.DOTALL)
    return f"[{name}](../operations/alerts/{name}.md)", rule["labels"]["severity"], found.group(1) if found else ""
