import pytest

from driftloop.tools.bench.answers import PARTS, answers_table, bench_answers


@pytest.mark.broker
@pytest.mark.slow
def test_the_loop_answers_wrong_outcomes_by_a_signal_and_a_hundred_outcomes_by_a_version():
    found = bench_answers(models=2, runs=2, say=print)
    to_signal, to_promoted, training = (
        found[name] for name in ("outcome_to_signal_ms", "outcome_to_promoted_ms", "training_ms")
    )
    for one in (to_signal, to_promoted, training):
        assert 0 < one["p50"] <= one["p99"] <= one["highest"]
    assert training["p50"] < to_promoted["p50"]
    assert found["parts_p50_ms"].keys() == {*PARTS}
    assert min(found["parts_p50_ms"].values()) >= 0
    assert "outcomes to promotion, 2 runs" in answers_table(found)
