"""Every expression of the Grafana dashboard returns data from a real Prometheus that scrapes a running loop."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from driftloop.kafka.embedded import Broker
from driftloop.local.loop import LocalLoop
from driftloop.local.programs import free_ports
from driftloop.replay.options import ReplayOptions
from driftloop.replay.player import Audience
from driftloop.replay.run import replay

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "loop.json").read_text(encoding="utf-8"))
RULES = DEPLOY / "prometheus" / "rules.yml"
PROMETHEUS = shutil.which("prometheus")
EXPRESSIONS = sorted(
    {target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())}
    | {annotation["expr"] for annotation in DASHBOARD["annotations"]["list"]}
)

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is missing: install Debian's package prometheus"),
]


@dataclass
class Scraper:
    """A Prometheus on this machine, asked over its own API."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, loop: LocalLoop) -> None:
        """Scrape the loop's processes every second, labelled as in deploy/prometheus/prometheus.yml."""
        targets = [{"targets": [f"127.0.0.1:{port}"], "labels": {"process": name}} for name, port in loop.ports.items()]
        config = {"global": {"scrape_interval": "1s"}}
        config |= {"scrape_configs": [{"job_name": "driftloop", "static_configs": targets}]}
        file = self.folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(config))
        listen = f"127.0.0.1:{self.port}"
        command = [str(PROMETHEUS), f"--config.file={file}", f"--web.listen-address={listen}"]
        with (self.folder / "prometheus.log").open("wb") as log:
            data = f"--storage.tsdb.path={self.folder / 'data'}"
            self.process = subprocess.Popen([*command, data], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "prometheus.log").read_text()

    def ask(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """The series of an expression between two moments."""
        query = {"query": expression, "start": start, "end": end, "step": max(1, int(end - start) // 300)}
        url = f"http://127.0.0.1:{self.port}/api/v1/query_range?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return list(json.load(answer)["data"]["result"])

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@dataclass(frozen=True)
class Watched:
    """A replay that is over, and the Prometheus that watched it."""

    scraper: Scraper
    started: float
    ended: float

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series of a dashboard's expression over the whole replay."""
        plain = expression.replace("$model", ".*").replace("$__rate_interval", "20s")
        return self.scraper.ask(plain, self.started, self.ended)


@pytest.fixture(scope="module")
def watched(
    broker: Broker, turning_stream: ReplayOptions, silent: Audience, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    scraper = Scraper(folder, free_ports(1)[0])
    started = time.time()  # noqa: TID251  (Prometheus keeps the wall's time)
    try:
        replay(turning_stream, silent, bootstrap_servers=broker.bootstrap_servers, on_ready=scraper.start)
        yield Watched(scraper, started, time.time())  # noqa: TID251
    finally:
        if scraper.process is not None:
            scraper.process.terminate()
            scraper.process.wait(10)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_returns_data(watched: Watched, expression: str):
    figures = [value for series in watched.ask(expression) for _, value in series["values"]]
    assert any(value != "NaN" for value in figures)


def test_every_metric_of_the_alert_rules_exists(watched: Watched):
    names = set(re.findall(r"\bdriftloop_\w+", RULES.read_text(encoding="utf-8")))
    assert len(names) > 8
    assert [name for name in sorted(names) if not watched.ask(name)] == []
