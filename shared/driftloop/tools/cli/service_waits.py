"""What services wait for, as `driftloop status` says it: read from the metrics that they serve."""

from collections.abc import Iterator
from http.client import HTTPException
from urllib.request import urlopen

from driftloop.waits import MIRROR, SCORING, TRAINER, TRANSLATION, Wait

_SECONDS = 0.5
SHOWN = {
    wait.metric: wait for wait in TRANSLATION + TRAINER + SCORING + MIRROR if wait.metric != "driftloop_lag_records"
}
"""By metric: a value above 0 is a wait. Lag is a matter of every service, and seconds of it are no news."""


def waits_of(port: int) -> list[str]:
    """What the process that serves metrics on a port of this machine waits for; a process that is busy says nothing."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_SECONDS) as answer:
            return waits_in(answer.read().decode())
    except (OSError, ValueError, HTTPException):
        return []


def waits_in(metrics: str) -> list[str]:
    """A line for each wait that metrics show, in the order of the table.

    >>> waits_in("driftloop_training_runs_waiting 2.0")
    ['runs wait for a free place (2)']
    """
    found = {wait.metric: f"{wait.status} ({amount:g})" for wait, amount in _waiting(metrics)}
    return [found[metric] for metric in SHOWN if metric in found]


def _waiting(metrics: str) -> Iterator[tuple[Wait, float]]:
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(metrics + "\n"):
        amount = sum(sample.value for sample in family.samples)
        if family.name in SHOWN and amount > 0:
            yield SHOWN[family.name], amount
