import pytest

from driftloop.tools.bench.pipeline import bench_pipeline, pipeline_table


@pytest.mark.broker
@pytest.mark.slow
def test_events_of_a_steady_load_are_timed_to_their_frame_and_to_their_status():
    result = bench_pipeline(rows=200_000, shares=[0.1], seconds=1.5, say=print)
    one = result["shares"]["0.1"]
    to_frame, to_status = one["publish_to_frame_ms"], one["publish_to_status_ms"]
    assert one["timed_rows"] >= one["asked_rows_per_second"]
    assert 0 < to_frame["p50"] <= to_frame["p99"] <= to_frame["highest"]
    assert to_frame["p50"] < to_status["p50"]
    assert min(one["ingestion_rows_per_cpu_second"], one["detection_rows_per_cpu_second"]) > 0
    assert "10%" in pipeline_table(result)
