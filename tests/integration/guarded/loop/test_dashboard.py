"""Every expression of the Grafana dashboard returns data from a real Prometheus that scrapes a running loop."""

import json
import re
import shutil
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[4] / "deploy"
DASHBOARDS = [
    json.loads(path.read_text(encoding="utf-8")) for path in (DEPLOY / "grafana" / "dashboards").glob("*.json")
]
RULES = DEPLOY / "prometheus" / "rules.yml"
EXPRESSIONS = sorted(
    {target["expr"] for board in DASHBOARDS for panel in board["panels"] for target in panel.get("targets", ())}
    | {annotation["expr"] for board in DASHBOARDS for annotation in board["annotations"]["list"]}
)
NEEDED = "prometheus is missing: install Debian's package prometheus"

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason=NEEDED),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_returns_data(guarded_loop, expression: str):
    figures = [value for series in guarded_loop.ask(expression) for _, value in series["values"]]
    assert any(value != "NaN" for value in figures)


def test_every_metric_of_the_alert_rules_exists(guarded_loop):
    names = set(re.findall(r"\bdriftloop_\w+", RULES.read_text(encoding="utf-8")))
    assert len(names) > 8
    assert [name for name in sorted(names) if not guarded_loop.ask(name)] == []
