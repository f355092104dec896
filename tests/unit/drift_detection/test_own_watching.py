"""A detector and a monitor of a third party, from an entry point of their own distribution to the signal."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drift_detection.core.monitors.budget import Budget
from drift_detection.core.presets import check_detection
from driftloop.errors import UserError
from driftloop.spec.model_spec import MONITORS, Detection
from driftloop.tools.cli.models import read_spec

PAGE = Path(__file__).parents[3] / "docs" / "extending.md"


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs the detector and the monitor that the documentation shows, as they stand there."""
    shown = PAGE.read_text(encoding="utf-8").split("## Bring your own detector or monitor")[1]
    code, points = (shown.split(f"```{language}\n")[1].split("```")[0] for language in ("python", "toml"))
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points.replace("project.entry-points.", "").replace('"', ""))
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "__init__.py").write_text("")
    (tmp_path / "my_package" / "watching.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("own_package")
def test_a_third_partys_monitor_and_detector_raise_signals_under_their_own_names(
    detection: Any, stream: Any, make_spec: Any
) -> None:
    rows = stream(9000, seed=3, error_share=np.where(np.arange(9000) < 7000, 0.1, 0.9))
    rows.columns["heat"][5000:] += 1.0
    watching = Detection(monitors=("total-variation", "missing"), error_detector="streak")
    check_detection(watching)
    whole, parts = (detection(spec=make_spec(detection=watching)) for _ in range(2))
    whole.feed(rows)
    parts.feed(rows, cuts=[700, 5100], stop=5900)
    parts.core.restore(0, list(parts.core.snapshot(0)))
    parts.feed(rows, start=5900)
    shift = next(signal for signal in whole.signals if signal.kind == "feature" and not signal.segment)
    assert (shift.detector, shift.subject) == ("total-variation", "heat")
    assert shift.statistic >= shift.threshold
    assert shift.p_value <= Budget.of(make_spec(detection=watching)).window_level("", 4, 1000)
    assert 5000 < shift.raised.row < 6000
    assert {harm.detector for harm in whole.harms()} == {"streak"}
    assert 7000 < whole.harms()[0].raised.row < 7200
    names = {test.name for test in whole.statuses[-1].tests}
    assert names <= {"streak", "total-variation", "missing"}
    said = [(one.segment, one.raised, one.statistic) for one in whole.signals]
    assert said == [(one.segment, one.raised, one.statistic) for one in parts.signals]


def test_only_the_monitors_that_a_spec_names_watch(detection: Any, stream: Any, make_spec: Any) -> None:
    moved, gone = (stream(9000, seed=4) for _ in range(2))
    moved.columns["heat"][5000:] += 1.0
    gone.columns["heat"][5000::3] = np.nan
    found = []
    for rows in (moved, gone):
        watched = detection(spec=make_spec(detection=Detection(monitors=("missing",))))
        watched.feed(rows)
        found.append({signal.detector for signal in watched.signals})
    assert found == [set(), {"missing"}]


def test_the_budget_is_split_over_the_monitors_that_run(make_spec: Any) -> None:
    two, six = (Budget.of(make_spec(detection=Detection(monitors=names))) for names in (MONITORS[:2], MONITORS))
    assert two.window_level("", 10, 1000) == pytest.approx(3 * six.window_level("", 10, 1000))


def test_an_unknown_monitor_is_refused_when_the_spec_is_applied(tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    text = (
        "model_id: gate\ntask: binary\nfeatures: {heat: {}}\ntarget: {ok: {}}\ndetection: {monitors: [shape, oracle]}\n"
    )
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"no monitor 'oracle'; installed are .*location.*shape.*spread"):
        read_spec(file)
    file.write_text(text.replace("shape, oracle", ""), encoding="utf-8")
    with pytest.raises(UserError, match="monitors"):
        read_spec(file)
