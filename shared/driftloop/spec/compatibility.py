"""What a version predicts, and whether that is what is declared now.

One rule for every way in which a version can come to serve or be compared: it may where it predicts the
target fields, of the kinds and under the task, that the model's spec declares.
"""

import json
from functools import lru_cache

from driftloop.spec.model_spec import ModelSpec


def target_of(spec: ModelSpec) -> str:
    """The target as a text that is the same for two specs exactly where their predictions are comparable.

    >>> spec = ModelSpec.model_validate(
    ...     {"model_id": "m", "task": "binary", "features": {"x": {}}, "target": {"y": {}}})
    >>> target_of(spec)
    '["binary", {"y": "category"}]'
    """
    rule = spec.forecast
    steps = "" if rule is None else f"{rule.horizon} steps of {rule.step_seconds:g} s, quantiles {rule.quantiles}"
    kinds = tuple((name, f"{field.kind}: {steps}" if steps else field.kind) for name, field in spec.target.items())
    return _text(spec.task, tuple(sorted(kinds)))


@lru_cache(maxsize=4096)
def _text(task: str, fields: tuple[tuple[str, str], ...]) -> str:
    return json.dumps([task, dict(fields)])


def predicts_the_same(one: ModelSpec, other: ModelSpec) -> bool:
    """Whether what a version of one spec predicts can be judged, and served, under the other.

    >>> declared = {"model_id": "m", "task": "binary", "features": {"x": {}}, "target": {"y": {}}}
    >>> one, renamed = (ModelSpec.model_validate({**declared, "target": {name: {}}}) for name in ("y", "churn"))
    >>> predicts_the_same(one, one), predicts_the_same(one, renamed)
    (True, False)
    """
    return target_of(one) == target_of(other)


def target_words(target: str) -> str:
    """A target for a person; any other text as it is.

    >>> target_words('["binary", {"y": "category"}]')
    'y (category, binary)'
    """
    try:
        task, fields = json.loads(target)
        return ", ".join(f"{name} ({kind}, {task})" for name, kind in fields.items())
    except (ValueError, AttributeError, TypeError):
        return target
