"""The page on text and vectors: its spec is one, and what it says of torch is so."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from driftloop.learners.lora_text import LoraTextParameters
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import policy_of

PAGE = (Path(__file__).parents[2] / "docs" / "text.md").read_text(encoding="utf-8")


def test_the_spec_of_the_page_is_one():
    spec = ModelSpec.model_validate(yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1)))
    LoraTextParameters.model_validate(spec.learner.parameters)
    assert policy_of(spec.policy).mode == "incremental"
    assert (spec.challenge.mode, spec.challenge.look_rows, spec.features["page"].width) == ("canary", 1000, 384)


def test_replay_with_the_default_learner_and_detection_of_texts_load_no_torch():
    code = (
        "import sys, driftloop.tools.replay.run, driftloop.tools.simulation.scenarios;"
        "from driftloop.spec.model_spec import Feature, ModelSpec;"
        "from driftloop.learners.entry_points import make_learner;"
        "import drift_detection.core.processor, driftloop.statistics.embeddings;"
        "told = {'model_id': 'm', 'task': 'binary', 'features': {'x': {}}, 'target': {'y': {}}};"
        "spec = ModelSpec.model_validate(told);"
        "make_learner(spec); make_learner(spec, 'lora-text', {});"
        "sys.exit('torch' in sys.modules)"
    )
    paths = [str(Path(__file__).parents[2] / folder) for folder in ("services", "shared")]
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(paths)}, check=False)
    assert done.returncode == 0
