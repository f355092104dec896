"""Room left on disk: of folders here, also of those that are not made yet; of places elsewhere there is none."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from driftloop.telemetry.disk import DiskSpace


def test_folders_on_this_machine_have_figures_and_others_none(tmp_path: Path):
    registry = CollectorRegistry()
    registry.register(
        DiskSpace(
            {"runs": tmp_path / "not" / "yet", "lake": f"file://{tmp_path}", "artifacts": "s3://bucket/artifacts"}
        )
    )
    free = {name: registry.get_sample_value("driftloop_disk_free_bytes", {"folder": name}) for name in ("runs", "lake")}
    size = registry.get_sample_value("driftloop_disk_size_bytes", {"folder": "runs"}) or 0.0
    assert 0.0 < (free["runs"] or 0.0) <= size
    assert registry.get_sample_value("driftloop_disk_free_bytes", {"folder": "artifacts"}) is None
