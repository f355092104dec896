"""What a spec may name, what its models keep, and how a quantile is judged."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_detection.core.presets import PRESETS, check_detection
from driftloop.errors import UserError
from driftloop.spec.model_spec import Detection, TargetField
from driftloop.statistics.losses import field_losses
from driftloop.tools.bench.state import snapshot_growth
from driftloop.tools.cli.models import read_spec


def test_an_unknown_preset_is_refused_with_the_presets_there_are() -> None:
    with pytest.raises(ValueError, match=r"no detection preset 'gentle'; the presets are .*default.*plant-regression"):
        check_detection(Detection(preset="gentle"))
    for preset in PRESETS:
        check_detection(Detection(preset=preset))


def test_an_unknown_detector_or_parameter_is_refused_when_the_spec_is_applied(tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    text = "model_id: gate\ntask: binary\nfeatures: {heat: {}}\ntarget: {ok: {}}\ndetection: {error_detector: oracle}\n"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"no detector 'oracle'; installed are .*adwin.*mixture-cusum"):
        read_spec(file)
    file.write_text(text.replace("oracle", "adwin, error_parameters: {sensitivity: 1}"), encoding="utf-8")
    with pytest.raises(UserError, match="does not take these parameters"):
        read_spec(file)


def test_a_spec_that_cannot_be_watched_leaves_the_one_before_it_in_force(
    detection: Any, stream: Any, make_spec: Any
) -> None:
    watched = detection()
    watched.tables(make_spec(detection=Detection(preset="gentle")))
    watched.feed(stream(1000))
    assert watched.statuses[-1].labelled_rows == 1000


def test_a_forecast_of_a_quantile_is_judged_by_its_pinball_loss() -> None:
    target = TargetField(kind="number", quantile=0.9, scale=2.0)
    losses = field_losses(target, np.array([10.0, 10.0, np.nan]), np.array([14.0, 6.0, 1.0]))
    assert losses[:2].tolist() == pytest.approx([1.8, 0.2])
    assert np.isnan(losses[2])


def test_the_state_of_a_model_does_not_grow_with_its_rows() -> None:
    halfway, end = snapshot_growth(frames=6, features=5, segments=3)
    assert end < 1.25 * halfway, "twice the rows: only the longest windows may still be filling"
    assert end < 64 * 1024
