"""The fields of a model's spec and of a policy, part by part."""

import typing
from collections.abc import Iterator

from pydantic import BaseModel

from driftloop.spec.model_source import ModelSource
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import Policy, preset, preset_names
from driftloop.tools.reference.docstrings import attribute_docstrings, description
from driftloop.tools.reference.tables import NOTICE, bounds_words, default_words, table, type_words


def spec_page() -> str:
    """The page of the model spec."""
    intro = (
        "# Model spec\n\nA model is declared in one YAML file, published with `driftloop models apply FILE.yaml`.\n"
        "Unknown keys are refused.\n"
    )
    return NOTICE + intro + "".join(map(_section, _parts(ModelSpec)))


def source_page() -> str:
    """The page of declared sources."""
    intro = (
        "# Sources\n\nA source is declared in one YAML file, published with `driftloop sources apply FILE.yaml`.\n"
        "Unknown keys are refused. [Models that others serve](../sources.md) has examples.\n"
    )
    return NOTICE + intro + "".join(map(_section, _parts(ModelSource)))


def policy_page() -> str:
    """The page of the policy and its presets."""
    intro = (
        "# Policy\n\nA policy says when a model may be retrained: `policy: NAME` takes a preset,\n"
        "`policy: {preset: NAME, safeguards: {…}}` changes parts of one.\n\n## Presets\n\n"
    )
    presets = table(("preset", "what it is"), [(f"`{name}`", preset(name).description) for name in preset_names()])
    return NOTICE + intro + presets + "".join(map(_section, _parts(Policy)))


def _parts(model: type[BaseModel]) -> list[type[BaseModel]]:
    """A model and all models in its fields, each once, outermost first."""
    found: dict[type[BaseModel], None] = {model: None}
    waiting = [model]
    while waiting:
        for field in waiting.pop(0).model_fields.values():
            for inner in _models_in(field.annotation):
                if inner not in found:
                    found[inner] = None
                    waiting.append(inner)
    return list(found)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _section(model: type[BaseModel]) -> str:
    texts = attribute_docstrings(model)
    rows = [
        (
            f"`{name}`",
            type_words(field.annotation),
            default_words(field),
            " ".join(filter(None, [field.description or texts.get(name, ""), bounds_words(field)])),
        )
        for name, field in model.model_fields.items()
    ]
    return f"\n## {model.__name__}\n\n{description(model)}\n\n" + table(("field", "type", "default", "meaning"), rows)
