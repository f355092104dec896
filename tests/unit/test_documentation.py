"""The documentation is whole: reference pages are fresh, every field has a meaning, every alert a page."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from driftloop.errors import ExitCode
from driftloop.tools.reference.__main__ import main
from driftloop.tools.reference.declared import EXIT_CODES
from driftloop.tools.reference.metrics import metrics
from driftloop.tools.reference.pages import pages

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"


def test_the_reference_pages_are_fresh():
    assert main(["check", str(DOCS / "reference")]) == 0


def test_a_stale_page_is_named(tmp_path, capsys):
    assert main(["write", str(tmp_path)]) == 0
    (tmp_path / "cli.md").write_text("old")
    assert main(["check", str(tmp_path)]) == 1
    assert "cli.md is out of date" in capsys.readouterr().err


@pytest.mark.parametrize("page", ["settings.md", "spec.md", "policy.md", "metrics.md", "topics.md"])
def test_every_field_has_a_meaning(page):
    rows = [line for line in pages()[page].splitlines() if line.startswith("| `")]
    assert [row for row in rows if not re.search("[a-z]{3}", row.rstrip("| ").rpartition("|")[2])] == []


def test_every_exit_code_is_explained():
    assert set(EXIT_CODES) == set(ExitCode)


@cache
def alerts() -> dict[str, dict]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@pytest.mark.parametrize("alert", sorted(alerts()))
def test_every_alert_names_a_runbook_page_that_helps(alert):
    page = alerts()[alert]["annotations"].get("runbook_url", "")
    assert page.endswith(f"/operations/alerts/{alert}/"), f"{alert} needs a runbook_url"
    text = (DOCS / "operations" / "alerts" / f"{alert}.md").read_text()
    assert all(f"## {title}" in text for title in ("What it means", "How to see it", "What to do"))


def test_no_page_is_about_an_alert_that_is_gone():
    pages_there = {path.stem for path in (DOCS / "operations" / "alerts").glob("*.md")}
    assert pages_there == set(alerts())


def test_metrics_in_alerts_exist():
    known = {metric.name for metric in metrics()}
    named = {name for rule in alerts().values() for name in re.findall(r"\bdriftloop_\w+", rule["expr"])}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} <= known


@pytest.mark.slow
def test_the_site_builds_strictly(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_table_of_odd_input_is_that_of_the_tests():
    command = [sys.executable, "-m", "tests.wild.table", "check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_is_a_wealth_of_odd_input():
    (count,) = re.findall(r"^(\d+) cases\.$", (DOCS / "odd-input.md").read_text(), re.MULTILINE)
    assert int(count) >= 80
