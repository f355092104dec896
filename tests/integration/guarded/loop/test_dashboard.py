"""Every expression of the Grafana dashboard returns data from a real Prometheus that scrapes a running loop."""

import json
import re
import shutil
from pathlib import Path

import pytest

from driftloop.tools.reference.metrics import metrics

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
    if set(re.findall(r"\bdriftloop_\w+", expression)) <= ON_OCCASION:
        assert isinstance(guarded_loop.ask(expression), list)  # Prometheus reads it; a sound loop gives it nothing
        return
    figures = [value for series in guarded_loop.ask(expression) for _, value in series["values"]]
    assert any(value != "NaN" for value in figures)


ON_OCCASION = {
    "driftloop_absent_features",
    "driftloop_ahead_records_total",
    "driftloop_classes_apart",
    "driftloop_extra_features_total",
    "driftloop_halves_waiting",
    "driftloop_ignored_total",
    "driftloop_mirror_aliases_moved",
    "driftloop_mirror_away",
    "driftloop_mirror_turns_total",
    "driftloop_missing_features_total",
    "driftloop_notifications_total",
    "driftloop_other_version_harm_active",
    "driftloop_refused_sources",
    "driftloop_reused_prediction_ids_total",
    "driftloop_rows_without_segment_total",
    "driftloop_schema_registry_away",
    "driftloop_scoring_versions_refused",
    "driftloop_table_rows_kept_out_total",
}
"""Told of a model, a reason or a role once there is one: a sound loop has none. Each has a rule test."""


def test_every_metric_of_the_alert_rules_exists(guarded_loop):
    names = set(re.findall(r"\bdriftloop_\w+", RULES.read_text(encoding="utf-8")))
    assert len(names) > 8
    assert {metric.name for metric in metrics()} >= ON_OCCASION
    assert {name for name in names if not guarded_loop.ask(name)} <= ON_OCCASION
