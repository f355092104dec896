"""The alert rules fire when they should, judged by Prometheus itself."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool")

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is missing: install Debian's package prometheus")


@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "rules.yml"),
        pytest.param(("test", "rules", "rules_test.yml"), marks=pytest.mark.slow),  # twenty seconds of promtool
        ("test", "rules", "rules_of_weeks_test.yml"),
        ("test", "rules", "rules_of_days_test.yml"),
    ],
    ids=" ".join,
)
def test_prometheus_accepts_and_the_alerts_fire(command: tuple[str, ...]):
    done = subprocess.run([str(PROMTOOL), *command], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test():
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    tests = [test for path in FOLDER.glob("*_test.yml") for test in yaml.safe_load(path.read_text())["tests"]]
    assert alerts == {check["alertname"] for test in tests for check in test["alert_rule_test"]}
