"""The policy presets as data: YAML files beside this module."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def preset_names() -> tuple[str, ...]:
    """The presets that come with driftloop."""
    folder = files("driftloop.spec").joinpath("presets")
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def preset_data(name: str) -> dict[str, Any]:
    """What the file of a preset says; raises ValueError if there is none."""
    if name not in preset_names():
        raise ValueError(f"there is no policy preset {name!r}; the presets are {', '.join(preset_names())}")
    return dict(yaml.safe_load(files("driftloop.spec").joinpath("presets", f"{name}.yaml").read_text(encoding="utf-8")))


@cache
def _challenges() -> dict[str, dict[str, Any]]:
    return {name: preset_data(name).get("challenge", {}) for name in preset_names()}


def challenge_defaults(policy: Any) -> dict[str, Any]:
    """What a declared policy says of the proof of a new version: its preset's part, and what differs from it.

    >>> challenge_defaults("document-extraction")["minimum_effect"]
    0.02
    >>> challenge_defaults({"preset": "document-extraction", "challenge": {"look_rows": 2000}})["look_rows"]
    2000
    >>> challenge_defaults("default")
    {}
    """
    if isinstance(policy, str):
        return _challenges().get(policy, {})
    if not isinstance(policy, Mapping):
        return {}
    own = policy.get("challenge")
    return {**_challenges().get(str(policy.get("preset")), {}), **(own if isinstance(own, Mapping) else {})}
