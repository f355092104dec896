"""What a version in the shadow does not say costs the serving version nothing."""

import pytest

from driftloop.spec.model_source import ModelSource
from outcome_ingestion.core.translate.inference import with_shadows

SOURCE = ModelSource.model_validate(
    {"name": "log", "model_id": "m", "topics": ["t"], "server": "kserve", "gives": "outcomes", "classes": ["no", "yes"]}
)
NAN = float("nan")


@pytest.mark.parametrize(
    ("said", "second"),
    [([NAN, 0.5], 0.5), ([None, 0.5], 0.5), ([[NAN, 1.0], [0.25, 0.75]], "yes")],
    ids=["a number", "null", "a probability a class"],
)
def test_a_prediction_that_is_missing_is_none(said, second):
    rows = with_shadows([{"prediction": 1}, {"prediction": 0}], {"1.1.0": said}, SOURCE)
    assert rows == [{"prediction": 1}, {"prediction": 0, "shadow": {"1.1.0": second}}]
