"""Versions that share traffic: what keeps one out for good, and what for a moment."""

from types import SimpleNamespace

import pytest

from driftloop.artifacts.store import ArtifactError, StoreAwayError
from driftloop.errors import AwayError
from driftloop.serving import channels
from driftloop.serving.channels import ChannelVariants
from driftloop.spec.variants import VariantRule


@pytest.mark.parametrize(
    ("error", "loads", "versions"),
    [
        (OSError(28, "No space left on device"), 2, ["1.0.1", "1.0.0"]),
        (StoreAwayError("the store does not answer"), 2, ["1.0.1", "1.0.0"]),
        (AwayError("no room in the scratch folder"), 2, ["1.0.1", "1.0.0"]),
        (ArtifactError("it is not what was published"), 1, ["1.0.1"]),
        (ValueError("the learner is not installed"), 1, ["1.0.1"]),
    ],
    ids=["disk-full", "store-away", "away", "damaged", "unknown-learner"],
)
def test_a_version_that_cannot_be_loaded_now_is_asked_for_again(monkeypatch, error, loads, versions):
    monkeypatch.setattr(channels, "predicts_the_same", lambda *_: True)
    spec = SimpleNamespace(variants=VariantRule(channel="c"))
    variants, asked = ChannelVariants(), []

    def version(name):
        return SimpleNamespace(model_id="m", version=name, spec=spec)

    def load(event):
        asked.append(event.version)
        if len(asked) == 1:
            raise error
        return version(event.version)

    for name in ("1.0.0", "1.0.1"):
        variants.follow(SimpleNamespace(model_id="m", event="promoted", version=name, artifact="a"))
    for _ in range(4):
        variants.load_missing(version("1.0.1"), load)
    assert len(asked) == loads
    assert [one.version for one in variants._variants["m"]] == versions
