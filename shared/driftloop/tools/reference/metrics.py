"""Every Prometheus metric, found where the code names it.

Why the source and not a registry: half of the metrics come from collectors that yield a family only
once a model has it. Every place that makes one gives its name and its help sentence side by side.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import driftloop
from driftloop.tools.reference.tables import NOTICE, table

_KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram", "Summary": "summary", "Info": "gauge"}
_SERVICES = ("outcome_ingestion", "drift_detection", "retrain_coordinator", "trainer_worker", "operations_console")


class MetricInCode(NamedTuple):
    """A metric as the code declares it. `owner` is the service, or `driftloop` for all of them."""

    name: str
    kind: str
    help: str
    owner: str


def metrics_page() -> str:
    """The page of metrics."""
    rows = [(f"`{found.name}`", found.kind, found.owner, found.help) for found in metrics()]
    intro = (
        "# Metrics\n\nEach process serves `/metrics`, `/livez` and `/readyz` on its metrics port.\n"
        "`every loop` is said of all processes that run the transactional loop.\n\n"
    )
    return NOTICE + intro + table(("metric", "kind", "process", "meaning"), rows)


def metrics() -> list[MetricInCode]:
    """Every metric once, by name."""
    found: dict[str, MetricInCode] = {}
    for path, owner in _sources():
        for metric in _in_file(path, owner):
            found.setdefault(metric.name, metric)
    return [found[name] for name in sorted(found)]


def _sources() -> Iterator[tuple[Path, str]]:
    shared = Path(str(driftloop.__path__[0]))
    for room in ("kafka", "telemetry", "registry", "serving"):
        for path in sorted((shared / room).rglob("*.py")):
            yield path, "every loop" if room == "kafka" else f"driftloop.{room}"
    for service in _SERVICES:
        for path in sorted((shared.parents[1] / "services" / service).rglob("*.py")):
            yield path, service


def _in_file(path: Path, owner: str) -> Iterator[MetricInCode]:
    text = path.read_text(encoding="utf-8")
    if "driftloop_" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        parts = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
        words = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        names = [word for word in words if word.startswith("driftloop_") and " " not in word]
        helps = [word for word in words if " " in word]
        if len(names) == 1 and helps:
            kind = _kind(node)
            name = names[0]
            if kind == "counter" and not name.endswith("_total"):
                name += "_total"
            yield MetricInCode(name, kind, helps[0], owner)


def _kind(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return "gauge"
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return next((kind for prefix, kind in _KINDS.items() if called.lower().startswith(prefix.lower())), "gauge")
