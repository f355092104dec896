"""The combined score raises a signal: once, a warning, only where the policy gives a limit."""

from typing import Any

import numpy as np
import pytest

from driftloop.spec.policy import preset


def drifting(stream: Any, rows: int = 4000, since: int = 2000) -> Any:
    made = stream(rows)
    made.columns["heat"] = made.columns["heat"] + np.where(np.arange(rows) >= since, 2.0, 0.0)
    return made


def combined(watched: Any) -> list[Any]:
    return [signal for signal in watched.signals if signal.kind == "combined"]


def test_a_score_over_its_limit_is_said_once(detection: Any, stream: Any, make_spec: Any) -> None:
    watched = detection(make_spec(policy="metrics-forecast"))
    watched.feed(drifting(stream), cuts=range(100, 4000, 100))
    (signal,) = combined(watched)
    assert (signal.harmful, signal.severity, signal.threshold) == (False, "warning", 0.12)
    assert 2000 <= signal.raised.row < 3100
    assert signal.statistic > 0.12
    assert sum(signal.evidence.values()) == pytest.approx(signal.statistic, abs=1e-5)
    assert "combined" in watched.statuses[-1].active_signals
    at = next(status for status in watched.statuses if status.position == signal.position and not status.segment)
    assert at.metrics["combined_score"] == pytest.approx(signal.statistic, abs=1e-5)


def test_it_is_said_again_when_the_score_had_fallen(detection: Any, stream: Any, make_spec: Any) -> None:
    rows = drifting(stream, 9000)
    calm = (np.arange(9000) >= 4000) & (np.arange(9000) < 7000)
    rows.columns["heat"] = rows.columns["heat"] - np.where(calm, 2.0, 0.0)
    policy = {"combined_limit": 0.12, "combined_weights": {"distribution_shift_score": 1.0}}
    watched = detection(make_spec(policy=policy))
    watched.feed(rows, cuts=range(100, 9000, 100))
    assert len(combined(watched)) == 2


def test_a_restart_does_not_say_it_again(detection: Any, stream: Any, make_spec: Any) -> None:
    rows, spec = drifting(stream), make_spec(policy="metrics-forecast")
    one, restored, whole = (detection(spec) for _ in range(3))
    cuts = range(100, 4000, 100)
    assert one.feed_with(restored, rows, cuts=list(cuts), at=35) == (whole.feed(rows, cuts=cuts), whole.raw)[1]
    assert len(combined(one)) + len(combined(restored)) == 1


def test_no_other_policy_raises_it(detection: Any, stream: Any, make_spec: Any) -> None:
    watched = detection(make_spec(policy="default"))
    watched.feed(drifting(stream), cuts=range(100, 4000, 100))
    assert not combined(watched)
    assert preset("metrics-forecast").combined_limit == 0.12


@pytest.mark.parametrize("figure", ["loss", "loss_rise", "accuracy_drop", "rolling_loss", "psi"])
def test_what_is_judged_is_what_is_published(figure: str, detection: Any, stream: Any, make_spec: Any) -> None:
    rows = stream(4000, seed=3, error_share=np.repeat([0.1, 0.5], 2000))
    rows.columns["heat"] += np.repeat([0.0, 2.0], 2000)
    policy = {"combined_limit": 0.15, "combined_weights": {figure: 1.0, "ks": 0.01}}
    watched = detection(make_spec(policy=policy))
    watched.feed(rows, cuts=range(100, 4000, 100))
    whole = [status for status in watched.statuses if not status.segment and "combined_score" in status.metrics]
    assert whole
    said = {signal.position.offset: signal.statistic for signal in combined(watched)}
    published = {status.position.offset: status.metrics["combined_score"] for status in whole}
    assert said
    assert said == pytest.approx({offset: published[offset] for offset in said}, abs=1e-6)
    over = next(status for status in whole if status.metrics["combined_score"] > 0.15)
    assert over.position.offset == min(said), "the first status over the limit has the signal"
